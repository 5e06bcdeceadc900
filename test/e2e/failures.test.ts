// Connections that never were: each attempt is counted once, by the reason that its program was told.
import { describe, expect, it } from 'vitest';
import { drop } from '../hosts/firewall.ts';
import {
  type ConnectFailOptions,
  type ConnectFailTotals,
  runConnectFail,
  startTcpServer,
} from '../hosts/tcp-traffic.ts';
import { whyNoLab } from '../hosts/why-no-lab.ts';
import type { TestAgent } from '../support/agent.ts';
import { ExactLab, type Family, freshPage, startAgent } from '../support/exact-lab.ts';
import type { Page } from '../support/page.ts';
import { setUp } from '../support/set-up.ts';

const skip = whyNoLab();
const FAMILIES: readonly Family[] = ['IPv4', 'IPv6'];
const REASONS = ['refused', 'timed_out', 'unreachable', 'aborted', 'other'] as const;
/** Ports of the server, each with its own way to fail; the families have ports of their own. */
const PORTS = { IPv4: 1_000, IPv6: 2_000 } as const;
const [REFUSED, SILENT, UNREACHABLE] = [1, 2, 3];

describe('failed connects', () => {
  let exact: ExactLab;
  let agent: TestAgent;

  setUp(skip, async (closing) => {
    exact = closing.use(await ExactLab.open());
    for (const base of Object.values(PORTS)) {
      await drop(exact.server, 'input', `tcp dport ${base + SILENT}`);
    }
    agent = closing.use(await startAgent('--udp', 'off', ...exact.networkFlags));
  });

  async function fail(
    family: Family,
    port: number,
    more: Partial<ConnectFailOptions> = {},
  ): Promise<ConnectFailTotals> {
    const [, address] = exact.addresses(family);
    return runConnectFail(exact.client, { address, port, connections: 40, ...more });
  }

  /** What the page says of attempts at a port, without reasons that it names none of. */
  function failures(page: Page, port: number): object {
    const of = { reporter: 'source', source_workload: 'connect-fail', ...exact.edge(port) };
    const counts = REASONS.map((reason): [string, number] => [
      reason,
      page.sum('kube_netc_edge_connect_failures_total', { ...of, reason }),
    ]);
    return Object.fromEntries(counts.filter(([, count]) => count > 0));
  }

  it.concurrent.each(FAMILIES)('are told by reason, as their program was told (%s)', async (family) => {
    const base = PORTS[family];
    const nobody = exact.addresses(family)[1].replace(/\d+$/, '99'); // on the segment, but no host has it
    const [refused, timedOut, unreachable] = await Promise.all([
      fail(family, base + REFUSED),
      fail(family, base + SILENT, { synCount: 1 }),
      fail(family, base + UNREACHABLE, { address: nobody }),
    ]);
    const before = await freshPage(agent, 'workloads');
    expect(refused).toMatchObject({ refused: 40 });
    expect(timedOut).toMatchObject({ timedOutConnects: 40 });
    expect(unreachable).toMatchObject({ hostUnreachable: 40 });
    expect(failures(before, base + REFUSED)).toEqual({ refused: refused.refused });
    expect(failures(before, base + SILENT)).toEqual({ timed_out: timedOut.timedOutConnects });
    expect(failures(before, base + UNREACHABLE)).toEqual({ unreachable: unreachable.hostUnreachable });

    const aborted = await fail(family, base + SILENT, { abortAfter: 50 });
    expect(aborted).toMatchObject({ aborted: 40 });
    const after = await freshPage(agent, 'workloads');
    expect(failures(after, base + SILENT)).toEqual({ timed_out: 40, aborted: 40 });
  });

  it('are of no program that gave up when the kernel had no port for it', async () => {
    const [, address] = exact.addresses();
    const serving = await startTcpServer(exact.server);
    await exact.client.sysctl({ 'net.ipv4.ip_local_port_range': '50000 50003' });
    const tried = await runConnectFail(exact.client, { address, port: serving.port, connections: 10 });
    await exact.client.sysctl({ 'net.ipv4.ip_local_port_range': '10240 65535' });
    const page = await freshPage(agent, 'workloads');
    await serving.stop();
    expect(tried).toMatchObject({ aborted: 0 });
    expect(tried.other).toBeGreaterThan(0);
    expect(failures(page, serving.port)).toEqual({ other: tried.other });
  });

  it('are no connections, and leave nothing open', async () => {
    const page = await freshPage(agent, 'connections', 'workloads');
    const of = { reporter: 'source', source_workload: 'connect-fail' };
    for (const base of Object.values(PORTS)) {
      for (const way of [REFUSED, SILENT, UNREACHABLE]) {
        const edge = { ...of, ...exact.edge(base + way) };
        expect(page.sum('kube_netc_edge_connections_opened_total', edge)).toBe(0);
        expect(page.sum('kube_netc_edge_connections_closed_total', edge)).toBe(0);
        expect(page.sum('kube_netc_edge_connections_active', edge)).toBe(0);
      }
    }
    for (const family of FAMILIES) {
      const [from, to] = exact.addresses(family);
      expect(page.pair(from, to)).toEqual({ sentBytes: 0, receivedBytes: 0, active: 0 });
    }
  });

  it('are no failures where a connection came about', async () => {
    const serving = await startTcpServer(exact.server);
    const made = await fail('IPv4', serving.port);
    const page = await freshPage(agent, 'workloads');
    await serving.stop();
    expect(made).toMatchObject({ connected: 40 });
    const edge = {
      reporter: 'source',
      source_workload: 'connect-fail',
      ...exact.edge(serving.port),
    };
    expect(failures(page, serving.port)).toEqual({});
    expect(page.sum('kube_netc_edge_connections_opened_total', edge)).toBe(40);
    expect(page.sum('kube_netc_edge_connections_closed_total', edge)).toBe(40);
  });
});
