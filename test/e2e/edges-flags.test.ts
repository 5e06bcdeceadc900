// What the flags of edges do to the page of an agent with real traffic, and what it says of listeners.
import { describe, expect, it, vi } from 'vitest';
import { runTcpClient, startTcpClient, startTcpServer } from '../hosts/tcp-traffic.ts';
import { whyNoLab } from '../hosts/why-no-lab.ts';
import { expectOneSum, OwnLab, ways, whyNoOwnCgroup } from '../support/edge-sums.ts';
import { freshPage } from '../support/exact-lab.ts';
import { setUp } from '../support/set-up.ts';

const skip = whyNoLab() ?? whyNoOwnCgroup();
const LIMIT = { timeout: 60_000, interval: 50 };

describe('an agent', () => {
  let lab: OwnLab;

  setUp(skip, async (closing) => {
    lab = closing.use(await OwnLab.open());
  });

  it('that drops labels has fewer edges and the same sums, and names the networks that it is told', async () => {
    const { exact } = lab;
    const labels = ['--edge-labels', '-destination_port,-source_kind'];
    const networks = ['--network', `lab=${exact.server.v4}`, '--network', `there=${exact.server.v6}/128`];
    const [whole, some] = [await lab.agent(), await lab.agent(...labels, ...networks)];
    const servers = [await startTcpServer(exact.server), await startTcpServer(exact.server)];
    const totals = [];
    for (const { port } of servers) {
      for (const address of [exact.server.v4, exact.server.v6])
        totals.push(await runTcpClient(exact.client, { address, port, connections: 5, response: 1_000 }));
    }
    for (const server of servers) await server.stop();
    const of = { reporter: 'source', source_workload: 'exact-tcp-clien' };
    const all = await freshPage(whole, 'connections', 'workloads');
    const page = await freshPage(some, 'connections', 'workloads');
    for (const each of [all, page]) expectOneSum(each);
    const edges = (from: typeof page): string[] =>
      from
        .find('kube_netc_edge_bytes_total', { ...of, direction: 'to_server' })
        .map(
          ({ labels: { source_kind: kind, destination_port: port, scope } }) => `${kind} ${port} ${scope}`,
        );
    expect(edges(all).toSorted((a, b) => a.localeCompare(b))).toEqual(
      servers.map(({ port }) => `process ${port} private`).toSorted((a, b) => a.localeCompare(b)),
    );
    expect(edges(page).toSorted((a, b) => a.localeCompare(b))).toEqual(['  lab', '  there']);
    expect(ways(page, of)).toEqual(ways(all, of));
    expect(ways(page, of).toServer).toBe(totals.reduce((sum, { wroteBytes }) => sum + wroteBytes, 0));
  });

  it('tells how many connections wait for a program, how many may, and that more were dropped', async () => {
    const { exact } = lab;
    const agent = await lab.agent();
    const server = await startTcpServer(exact.server, { backlog: 4 });
    const of = { workload: 'exact-tcp-serve', kind: 'process', port: String(server.port) };
    const listener = async (metric: string): Promise<number> =>
      (await freshPage(agent, 'workloads')).value(`kube_netc_listener_${metric}`, of);
    expect(await listener('backlog_limit')).toBe(4);
    expect(await listener('drops_total')).toBe(0);
    process.kill(server.process.pid, 'SIGSTOP');
    const to = { address: exact.server.v4, port: server.port, connections: 1, parallel: 12 };
    const client = startTcpClient(exact.client, to);
    await vi.waitFor(async () => {
      expect(await listener('backlog')).toBe(5); // one more than the limit, as the kernel has it
      expect(await listener('drops_total')).toBeGreaterThan(0);
    }, LIMIT);
    process.kill(server.process.pid, 'SIGCONT');
    const totals = await client.end();
    expect({ errors: totals.errors, connections: totals.connections }).toEqual({
      errors: 0,
      connections: 12,
    });
    const dropped = await listener('drops_total');
    await server.stop();
    expect(await listener('drops_total')).toBe(dropped); // it stays for its time, and does not fall
    expect(await listener('backlog')).toBe(0);
  });
});
