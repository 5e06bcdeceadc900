// Kinds of TCP whose bytes the kernel books in its own ways: in a SYN, over several subflows, again after a loss.
import { beforeEach, describe, expect, it } from 'vitest';
import { lose } from '../hosts/firewall.ts';
import { HeldTcp, runTcpClient, startTcpServer } from '../hosts/tcp-traffic.ts';
import { whyNoLab } from '../hosts/why-no-lab.ts';
import type { TestAgent } from '../support/agent.ts';
import { ExactLab, FAMILIES, freshPage, startAgent } from '../support/exact-lab.ts';
import { kernelCounter } from '../support/kernel-counter.ts';
import { setUp } from '../support/set-up.ts';
import { clientSums, expectExactTcp, serverSums } from '../support/tcp-exactness.ts';

const skip = whyNoLab();
const SIZES = { request: [16, 3_000], response: [0, 9_000] } as const;
/** Second ones, one a connection. */
const SUBFLOWS = 4;
const FAST_OPEN = { sysctls: { 'net.ipv4.tcp_fastopen': 3 } };

describe('bytes of kinds of TCP', () => {
  let exact: ExactLab;
  let agent: TestAgent;

  setUp(skip, async (closing) => {
    exact = closing.use(await ExactLab.open(FAST_OPEN));
    agent = closing.use(await startAgent('--udp', 'off'));
  });

  describe.each(FAMILIES)('over %s', (family) => {
    it.each(['client', 'server', 'mixed', 'reset'] as const)(
      'are exact when the SYN carries data, closed by: %s',
      async (close) => {
        const client = { connections: 50, fastOpen: true, close, ...SIZES };
        const { sent } = await expectExactTcp(exact, agent, { family, client, server: { fastOpen: true } });
        expect(sent.fastOpens).toBeGreaterThanOrEqual(48); // the first one fetches the cookie
      },
    );

    it('are exact when the server takes no data from a SYN, and it is sent again', async () => {
      await exact.server.sysctl({ 'net.ipv4.tcp_fastopen': 1 });
      const client = { connections: 5, fastOpen: true, ...SIZES };
      const { sent } = await expectExactTcp(exact, agent, { family, client });
      expect(sent.fastOpens).toBe(0);
      await exact.server.sysctl({ 'net.ipv4.tcp_fastopen': 3 });
    });

    it.each(['client', 'server', 'both', 'mixed', 'reset'] as const)(
      'are exact over MPTCP, closed by: %s',
      async (close) => {
        const client = { connections: 50, mptcp: true, close, ...SIZES };
        await expectExactTcp(exact, agent, { family, client, server: { mptcp: true } });
      },
    );
  });

  it('are exact over MPTCP to a server that knows only TCP', async () => {
    await expectExactTcp(exact, agent, { client: { connections: 20, mptcp: true, ...SIZES } });
  });
});

describe('bytes of several subflows', () => {
  beforeEach((context) => {
    if (skip !== null) context.skip(skip);
  });
  it('are exact in sum, and each has its own addresses', async () => {
    await using exact = await ExactLab.open();
    await using agent = await startAgent('--udp', 'off');
    const [first, to] = exact.addresses();
    const second = first.replace(/\d+$/, '77');
    await exact.client.ip(`addr add ${second}/24 dev ${exact.segment.device(exact.client)}`);
    for (const host of [exact.client, exact.server])
      await host.ip('mptcp limits set subflow 2 add_addr_accepted 2');
    await exact.client.ip(`mptcp endpoint add ${second} subflow`);
    const { result, grown } = await exact.count(agent, async () => {
      const serving = await startTcpServer(exact.server, { mptcp: true });
      const options = { address: to, port: serving.port, mptcp: true, connections: SUBFLOWS };
      const held = await HeldTcp.open(exact.client, { ...options, response: 600_000 });
      // the kernel joins second subflows when it gets to it: who sends at once may be done before
      const joined = async (): Promise<number> =>
        kernelCounter(exact.server, 'netstat', 'MPTcpExt', 'MPJoinAckRx');
      await expect.poll(joined).toBe(SUBFLOWS);
      await held.send(900_000, 4);
      const sent = await held.close();
      const served = await serving.stop();
      await exact.settled();
      return { sent, served };
    });
    const ends = [first, second].map((from) => ({ client: grown(from, to), server: grown(to, from) }));
    for (const { client, server } of ends) {
      expect(client.sentBytes).toBeGreaterThan(0);
      expect([client.receivedBytes, server.receivedBytes]).toEqual([server.sentBytes, client.sentBytes]);
    }
    // what a subflow does not bring through in time another sends again, and both have sent it then
    const extra = [
      ends.reduce((sum, { client }) => sum + client.sentBytes, -result.sent.wroteBytes),
      ends.reduce((sum, { server }) => sum + server.sentBytes, -result.served.wroteBytes),
    ];
    for (const [end, host] of [exact.client, exact.server].entries()) {
      const again = await kernelCounter(host, 'netstat', 'MPTcpExt', 'MPTCPRetrans');
      expect(extra[end]).toBeGreaterThanOrEqual(0);
      if (again === 0) expect(extra[end]).toBe(0);
    }
  });
});

describe('bytes under loss', () => {
  beforeEach((context) => {
    if (skip !== null) context.skip(skip);
  });
  it.each(FAMILIES)(
    'are exact over %s when 3 % are lost, and what was sent again is told',
    async (family) => {
      await using exact = await ExactLab.open();
      await using agent = await startAgent('--udp', 'off', ...exact.networkFlags);
      const [from, to] = exact.addresses(family);
      const serving = await startTcpServer(exact.server);
      await lose(exact.server, exact.segment, 3);
      await lose(exact.client, exact.segment, 3);
      const traffic = { connections: 10, parallel: 8, close: 'mixed' } as const;
      const sizes = { request: [16, 200_000], response: [0, 200_000] } as const;
      const { result, grown } = await exact.count(agent, async () =>
        runTcpClient(exact.client, { address: to, port: serving.port, ...traffic, ...sizes }),
      );
      const { active: _active, ...client } = grown(from, to, serving.port); // a last ACK may be lost: closed later
      const { active: _none, ...expected } = clientSums(result);
      expect(result.errors).toBe(0);
      expect(client).toEqual(expected);
      const served = await serving.stop();
      const { active: _late, ...server } = serverSums(served);
      // sockets that wait for a last ACK go on: the kernel's own count is asked before and after
      const kernel = async (): Promise<number[]> =>
        Promise.all(
          [exact.client, exact.server].map(async (host) => kernelCounter(host, 'snmp', 'Tcp', 'RetransSegs')),
        );
      const least = await kernel();
      const page = await freshPage(agent, 'connections', 'workloads');
      const most = await kernel();
      expect(page.pair(to, from)).toMatchObject(server);
      for (const [end, reporter] of ['source', 'destination'].entries()) {
        const labels = { reporter, ...exact.edge(serving.port) };
        const sentAgain = page.sum('kube_netc_edge_retransmitted_segments_total', labels);
        expect(sentAgain).toBeGreaterThan(0);
        expect(sentAgain).toBeGreaterThanOrEqual(least[end] ?? NaN);
        expect(sentAgain).toBeLessThanOrEqual(most[end] ?? NaN);
        expect(page.sum('kube_netc_edge_retransmitted_bytes_total', labels)).toBeGreaterThan(0);
      }
    },
  );
});
