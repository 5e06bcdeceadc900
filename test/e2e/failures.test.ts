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
import { ExactLab, FAMILIES, type Family, freshPage, startAgent } from '../support/exact-lab.ts';
import { setUp } from '../support/set-up.ts';
import { untilTold, Untold } from '../support/untold.ts';

const skip = whyNoLab();
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

  /** What the page says of attempts at a port, by reason. */
  async function failures(port: number): Promise<Map<string, number>> {
    const page = await freshPage(agent, 'workloads');
    const of = { reporter: 'source', source_workload: 'connect-fail', ...exact.edge(port) };
    const sum = (reason: string): number =>
      page.sum('kube_netc_edge_connect_failures_total', { ...of, reason });
    return new Map(REASONS.map((reason) => [reason, sum(reason)]));
  }

  /** Attempts, and what the page says of these alone. Again where the kernel kept ends of them to itself: see Untold. */
  async function attempts(
    family: Family,
    port: number,
    more: Partial<ConnectFailOptions> = {},
  ): Promise<{ made: ConnectFailTotals; told: object }> {
    return untilTold(async () => {
      const before = await failures(port);
      using untold = new Untold(port);
      const made = await fail(family, port, more);
      const grown = [...(await failures(port))].map(
        ([reason, count]) => [reason, count - (before.get(reason) ?? 0)] as const,
      );
      const told = Object.fromEntries(grown.filter(([, count]) => count !== 0));
      return { made, told, untold: untold.end() };
    });
  }

  it.concurrent.each(FAMILIES)('are told by reason, as their program was told (%s)', async (family) => {
    const base = PORTS[family];
    const nobody = exact.addresses(family)[1].replace(/\d+$/, '99'); // on the segment, but no host has it
    const [refused, timedOut, unreachable] = await Promise.all([
      attempts(family, base + REFUSED),
      attempts(family, base + SILENT, { synCount: 1 }),
      attempts(family, base + UNREACHABLE, { address: nobody }),
    ]);
    expect(refused).toMatchObject({ made: { refused: 40 }, told: { refused: 40 } });
    expect(timedOut).toMatchObject({ made: { timedOutConnects: 40 }, told: { timed_out: 40 } });
    expect(unreachable).toMatchObject({ made: { hostUnreachable: 40 }, told: { unreachable: 40 } });
    for (const { told } of [refused, timedOut, unreachable]) expect(Object.keys(told)).toHaveLength(1); // for one reason
    const aborted = await attempts(family, base + SILENT, { abortAfter: 50 });
    expect(aborted).toMatchObject({ made: { aborted: 40 } });
    expect(aborted.told).toEqual({ aborted: 40 });
  });

  it('are of no program that gave up when the kernel had no port for it', async () => {
    const [, address] = exact.addresses();
    const serving = await startTcpServer(exact.server);
    await exact.client.sysctl({ 'net.ipv4.ip_local_port_range': '50000 50003' });
    const tried = await runConnectFail(exact.client, { address, port: serving.port, connections: 10 });
    await exact.client.sysctl({ 'net.ipv4.ip_local_port_range': '10240 65535' });
    const told = await failures(serving.port);
    await serving.stop();
    expect(tried).toMatchObject({ aborted: 0 });
    expect(tried.other).toBeGreaterThan(0);
    expect(told).toEqual(new Map(REASONS.map((reason) => [reason, reason === 'other' ? tried.other : 0])));
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
    await exact.settled();
    const page = await freshPage(agent, 'workloads');
    await serving.stop();
    expect(made).toMatchObject({ connected: 40 });
    const edge = {
      reporter: 'source',
      source_workload: 'connect-fail',
      ...exact.edge(serving.port),
    };
    expect([...(await failures(serving.port)).values()].every((count) => count === 0)).toBe(true);
    expect(page.sum('kube_netc_edge_connections_opened_total', edge)).toBe(40);
    expect(page.sum('kube_netc_edge_connections_closed_total', edge)).toBe(40);
  });
});
