// At full rate nothing is lost and nothing counted twice, while pages are made all the time.
import { describe, expect, it } from 'vitest';
import { runTcpClient, startTcpServer, type TcpTotals } from '../hosts/tcp-traffic.ts';
import { whyNoLab } from '../hosts/why-no-lab.ts';
import type { TestAgent } from '../support/agent.ts';
import { during, ExactLab, freshPage, startAgent } from '../support/exact-lab.ts';
import { setUp } from '../support/set-up.ts';
import { clientSums } from '../support/tcp-exactness.ts';

const skip = whyNoLab();
const CONNECTIONS = 60_000;

describe('short connections at full rate', () => {
  let exact: ExactLab;
  let agent: TestAgent;

  setUp(skip, async (closing) => {
    exact = closing.use(await ExactLab.open());
    agent = closing.use(await startAgent('--udp', 'off', ...exact.networkFlags));
  });

  interface Served {
    readonly port: number;
    readonly sent: TcpTotals;
    readonly served: TcpTotals;
  }

  async function serve(seed: number): Promise<Served> {
    const serving = await startTcpServer(exact.server);
    const options = { connections: CONNECTIONS, close: 'mixed', seed, response: [0, 200] } as const;
    const sent = await runTcpClient(exact.client, {
      address: exact.server.v4,
      port: serving.port,
      ...options,
    });
    return { port: serving.port, sent, served: await serving.stop() };
  }

  it('of two clients, 60,000 each, are exact, each for its port', async () => {
    const [from, to] = exact.addresses();
    const { result, grown } = await exact.count(agent, async () => {
      // walks meet closes
      const served = await during(Promise.all([serve(1), serve(2)]), async () => agent.rawPage());
      await exact.settled();
      return served;
    });
    for (const { port, sent, served } of result) {
      expect([sent.errors, served.errors]).toEqual([0, 0]);
      expect([sent.connections, served.connections]).toEqual([CONNECTIONS, CONNECTIONS]);
      expect(grown(from, to, port)).toEqual(clientSums(sent));
    }
    const servedSum = (key: 'wroteBytes' | 'readBytes'): number =>
      result.reduce((sum, { served }) => sum + served[key], 0);
    expect(grown(to, from)).toEqual({
      sentBytes: servedSum('wroteBytes'),
      receivedBytes: servedSum('readBytes'),
      active: 0,
    });
    const page = await freshPage(agent, 'workloads');
    for (const { port } of result) {
      for (const reporter of ['source', 'destination']) {
        const edge = { reporter, ...exact.edge(port) };
        expect(page.sum('kube_netc_edge_connections_opened_total', edge)).toBe(CONNECTIONS);
        expect(page.sum('kube_netc_edge_connections_closed_total', edge)).toBe(CONNECTIONS);
        expect(page.sum('kube_netc_edge_connections_active', edge)).toBe(0);
      }
    }
  });
});
