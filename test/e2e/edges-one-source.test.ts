// Page, edges, command and audit read the same books: whatever the traffic and the budget, they say the same.
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { HeldTcp, runTcpClient, startTcpServer, type TcpTotals } from '../hosts/tcp-traffic.ts';
import { whyNoLab } from '../hosts/why-no-lab.ts';
import { runCommand, type TestAgent } from '../support/agent.ts';
import { expectOneSum, OwnLab, ways, whyNoOwnCgroup } from '../support/edge-sums.ts';
import { during, freshPage } from '../support/exact-lab.ts';
import type { Page } from '../support/page.ts';
import { setUp } from '../support/set-up.ts';
import { SumWatch } from '../support/sum-watch.ts';

const skip = whyNoLab() ?? whyNoOwnCgroup();
const GIB = 2 ** 30;
const AUDITED = { timeout: 60_000, interval: 100 };
const GROUPS = ['connections', 'workloads'] as const;

interface Row {
  readonly role: string;
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

describe('page, edges, command and audit', () => {
  let lab: OwnLab;

  setUp(skip, async (closing) => {
    lab = closing.use(await OwnLab.open());
  });

  /** What everything says of the traffic with a server, which must be what its client counted. */
  async function expectTotals(agent: TestAgent, port: number, of: TcpTotals, active: number): Promise<void> {
    const [from, to] = lab.exact.addresses();
    await lab.exact.settled(active);
    const page = await freshPage(agent, ...GROUPS);
    expectOneSum(page);
    expect(page.pair(from, to, port)).toEqual({
      sentBytes: of.wroteBytes,
      receivedBytes: of.readBytes,
      active,
    });
    const total = { toServer: of.wroteBytes, toClient: of.readBytes };
    for (const reporter of ['source', 'destination']) {
      const edge = { reporter, destination_port: String(port) };
      expect(ways(page, edge)).toEqual(total);
      expect(page.sum('kube_netc_edge_connections_active', edge)).toBe(active);
    }
  }

  /** What `kube-netc connections` says of the open connections to a port: by the client's end, and the server's. */
  async function command(port: number): Promise<Record<string, { sent: number; received: number }>> {
    const { stdout } = await runCommand(['connections', '--port', String(port), '-o', 'json']);
    const ends = { client: { sent: 0, received: 0 }, server: { sent: 0, received: 0 } };
    for (const { role, sentBytes, receivedBytes } of JSON.parse(stdout) as Row[]) {
      if (role !== 'client' && role !== 'server') continue;
      ends[role].sent += sentBytes;
      ends[role].received += receivedBytes;
    }
    return ends;
  }

  it('say the same of a connection of more than 4 GiB that is older than the agent', async () => {
    const { exact } = lab;
    const serving = await startTcpServer(exact.server);
    const to = { address: exact.server.v4, port: serving.port };
    const held = await HeldTcp.open(exact.client, { ...to, connections: 1, send: 'sendfile' });
    await held.send(GIB);
    const agent = await lab.agent('--udp', 'off');
    const first = await vi.waitFor(async () => audited(agent), AUDITED);
    const totals = await held.send(GIB, 4);
    expect(totals.wroteBytes).toBeGreaterThan(4 * GIB);
    await expectTotals(agent, serving.port, totals, 1);
    const [sent, received] = [totals.wroteBytes, totals.readBytes];
    expect(await command(serving.port)).toEqual({
      client: { sent, received },
      server: { sent: received, received: sent },
    });
    expectAudited(first, await audited(agent));
    await expectTotals(agent, serving.port, await held.close(), 0);
    await serving.stop();
  });

  /** A page with both namespaces in its audit; throws where they are not. */
  async function audited(agent: TestAgent): Promise<Page> {
    const page = await freshPage(agent, ...GROUPS, 'agent');
    for (const { netnsInode } of [lab.exact.client, lab.exact.server])
      page.value('kube_netc_agent_audit_accounted', { netns: String(netnsInode), counter: 'TcpOutSegs' });
    return page;
  }

  /** Segments that the audit has accounted for in a namespace are those of the edges that its sockets report. */
  function expectAudited(first: Page, last: Page): void {
    const ends = { source: lab.exact.client, destination: lab.exact.server };
    for (const [reporter, { netnsInode }] of Object.entries(ends)) {
      const of = { reporter, protocol: 'tcp' };
      const grown = (metric: string, direction: string): number =>
        last.sum(metric, { ...of, direction }) - first.sum(metric, { ...of, direction });
      const [sends, receives] =
        reporter === 'source' ? ['to_server', 'to_client'] : ['to_client', 'to_server'];
      const accounted = (counter: string): number =>
        last.value('kube_netc_agent_audit_accounted', { netns: String(netnsInode), counter }) -
        first.value('kube_netc_agent_audit_accounted', { netns: String(netnsInode), counter });
      expect(grown('kube_netc_edge_segments_total', sends)).toBe(accounted('TcpOutSegs'));
      expect(grown('kube_netc_edge_segments_total', receives)).toBe(accounted('TcpInSegs'));
      expect(grown('kube_netc_edge_retransmitted_segments_total', sends)).toBe(accounted('TcpRetransSegs'));
    }
  }

  it('say the same while connections close in the middle of snapshots, and over a budget that does not suffice', async () => {
    const { exact } = lab;
    const servers = await Promise.all(Array.from({ length: 6 }, async () => startTcpServer(exact.server)));
    const [wide, narrow] = [
      await lab.agent('--udp', 'off'),
      await lab.agent('--udp', 'off', '--edges', '3', '--series', '50'),
    ];
    const watches = new Map([wide, narrow].map((agent) => [agent, new SumWatch(2_000, () => false)]));
    const look = async (): Promise<void> => {
      for (const [agent, watch] of watches) {
        const page = await agent.rawPage('?collect[]=connections&collect[]=workloads');
        expectOneSum(page);
        watch.look(page);
      }
    };
    const to = (port: number) =>
      ({ address: exact.server.v4, port, request: [16, 9_000], response: [0, 9_000] }) as const;
    const [one, ...others] = servers.map(({ port }) => port);
    const before = await runTcpClient(exact.client, { ...to(one ?? 0), connections: 50 }); // fits
    await look();
    expect(await budget(narrow)).toEqual({ edges: 2, budget: 3, folded: 0 });
    const traffic = Promise.all(
      others.map(async (port) =>
        runTcpClient(exact.client, { ...to(port), connections: 0, seconds: 4, close: 'mixed' }),
      ),
    );
    const churned = await during(traffic, async () => {
      await look();
      await sleep(20);
    });
    expect(await budget(narrow)).toEqual({ edges: 3, budget: 3, folded: 9 });
    expect(await budget(wide)).toEqual({ edges: 12, budget: 100_000, folded: 0 });
    for (const [i, port] of others.entries()) {
      const totals = churned[i];
      if (totals) await expectTotals(wide, port, totals, 0);
    }
    const page = await freshPage(narrow, ...GROUPS);
    expectOneSum(page);
    const all = [before, ...churned];
    const total = {
      toServer: all.reduce((sum, { wroteBytes }) => sum + wroteBytes, 0),
      toClient: all.reduce((sum, { readBytes }) => sum + readBytes, 0),
    };
    // by the servers' ends, which no reset of a client takes a byte from
    const servedTotals = await Promise.all(servers.map(async (server) => server.stop()));
    expect(ways(page, { reporter: 'source' }).toServer).toBe(total.toServer);
    expect(ways(page, { reporter: 'destination' }).toClient).toBe(
      servedTotals.reduce((sum, { wroteBytes }) => sum + wroteBytes, 0),
    );
    expect([...watches.values()].map(({ problems }) => problems)).toEqual([[], []]);
  });

  async function budget(agent: TestAgent): Promise<{ edges: number; budget: number; folded: number }> {
    const page = await freshPage(agent);
    return {
      edges: page.value('kube_netc_agent_edges'),
      budget: page.value('kube_netc_agent_edges_budget'),
      folded: page.value('kube_netc_agent_folded_edges'),
    };
  }
});
