// Who is at the other end of a datagram, who serves, and what stays unknown.
import { beforeEach, describe, expect, it } from 'vitest';
import { startDnsmasq } from '../hosts/programs.ts';
import { runUdpClient, startUdpServer } from '../hosts/udp-traffic.ts';
import { whyNoLab } from '../hosts/why-no-lab.ts';
import type { TestAgent } from '../support/agent.ts';
import { ExactLab, FAMILIES, freshPage, startAgent } from '../support/exact-lab.ts';
import { setUp } from '../support/set-up.ts';
import { bytesOf, expectExactUdp, udpBytes } from '../support/udp-exactness.ts';

const skip = whyNoLab();

describe('peers of UDP sockets', () => {
  let exact: ExactLab;
  let agent: TestAgent;

  setUp(skip, async (closing) => {
    exact = closing.use(await ExactLab.open());
    agent = closing.use(await startAgent('--udp', 'tracepoint'));
  });

  describe.each(FAMILIES)('over %s', (family) => {
    it.each(['recv', 'read'] as const)(
      'are unknown to an unconnected socket that does not ask (%s), and its bytes are counted',
      async (receive) => {
        const [, to] = exact.addresses(family);
        await expectExactUdp(exact, agent, {
          family,
          client: { count: 100, size: [1, 1_400] },
          server: { address: to, receive },
          serverSource: to,
          clientRemote: 'unknown',
        });
      },
    );
  });

  it('are known to a connected socket that does not ask', async () => {
    const [from, to] = exact.addresses();
    const { result, grown } = await exact.count(agent, async () => {
      const serving = await startUdpServer(exact.server, { echo: true });
      const options = { address: to, port: serving.port, connected: true, reply: true };
      const sent = await runUdpClient(exact.client, { ...options, count: 50, receive: 'recv' });
      await serving.stop();
      return { sent, port: serving.port };
    });
    expect(result.sent.receivedBytes).toBe(5_000);
    expect(bytesOf(grown(from, to, result.port))).toEqual(udpBytes(result.sent));
  });

  it('may be unknown for the second part of a datagram that is sent in two, whose bytes are counted', async () => {
    const [from, to] = exact.addresses();
    const { result, grown } = await exact.count(agent, async () => {
      const serving = await startUdpServer(exact.server);
      const options = { address: to, port: serving.port, localAddress: from, send: 'more' } as const;
      const sent = await runUdpClient(exact.client, { ...options, count: 50, size: 1_001 });
      await serving.stop();
      return sent;
    });
    const [known, unknown] = [grown(from, to).sentBytes, grown(from, 'unknown').sentBytes];
    expect(known + unknown).toBe(result.sentBytes);
    expect(known).toBeGreaterThanOrEqual(50 * 500);
  });

  it('of DNS are by the port of the server, and the port of the client is in no label', async () => {
    const [from, to] = exact.addresses();
    const serving = await startDnsmasq(exact.server, { records: { 'a.test': [to, exact.server.v6] } });
    const ask = ['dig', `@${to}`, 'a.test', '+tries=1', '+notcp', '+qr', '+stats'];
    const sizes = { sent: 0, received: 0 };
    for (let i = 0; i < 10; i++) {
      const said = await exact.client.exec([...ask, ...(i % 2 === 0 ? ['-b', `0.0.0.0#${40_000 + i}`] : [])]);
      expect(said).toContain('status: NOERROR');
      sizes.sent += Number(/QUERY SIZE: (\d+)/.exec(said)?.[1]);
      sizes.received += Number(/MSG SIZE\s+rcvd: (\d+)/.exec(said)?.[1]);
    }
    const page = await freshPage(agent, 'connections', 'workloads');
    await serving.stop();
    const asked = page.find('bytes_sent', { source_name: 'dig' });
    const ours = asked.filter(({ labels }) => labels['destination_address'] === `${to}:53`);
    expect(ours.reduce((sum, { value }) => sum + value, 0)).toBe(sizes.sent);
    const client = page.pair(from, to, 53); // dig connects its socket
    expect(bytesOf(client)).toEqual({ sentBytes: sizes.sent, receivedBytes: sizes.received });
    // each end has one series: no port of a client makes one of its own
    const answered = page.find('bytes_sent', { source_name: 'dnsmasq', destination_address: from });
    expect([ours.length, answered.map(({ value }) => value)]).toEqual([1, [sizes.received]]);
    expect(page.sum('bytes_recv', { source_name: 'dnsmasq', destination_address: from })).toBe(sizes.sent);
    for (const reporter of ['source', 'destination']) {
      const name = reporter === 'source' ? { source_workload: 'dig' } : { destination_workload: 'dnsmasq' };
      const edges = page.find('kube_netc_edge_bytes_total', { reporter, protocol: 'udp', ...name });
      expect(new Set(edges.map(({ labels }) => labels['destination_port']))).toEqual(new Set(['53']));
    }
  });
});

describe('--udp=off', () => {
  beforeEach((context) => {
    if (skip !== null) context.skip(skip);
  });
  it('counts no datagram', async () => {
    await using exact = await ExactLab.open();
    await using agent = await startAgent('--udp', 'off');
    const [from, to] = exact.addresses();
    const { result, page } = await exact.count(agent, async () => {
      const serving = await startUdpServer(exact.server, { echo: true });
      const sent = await runUdpClient(exact.client, {
        address: to,
        port: serving.port,
        count: 10,
        reply: true,
      });
      await serving.stop();
      return sent;
    });
    expect(result.receivedBytes).toBe(1_000);
    const seen = page.samples.filter(({ labels }) => /\d/.test(labels['destination_address'] ?? ''));
    const ours = seen.filter(({ labels }) =>
      [from, to].some((address) => labels['destination_address']?.includes(address)),
    );
    expect(ours).toEqual([]);
    const all = await freshPage(agent, 'workloads', 'agent');
    expect(all.find('kube_netc_edge_bytes_total', { protocol: 'udp' })).toEqual([]);
    expect(all.value('kube_netc_agent_udp_mode', { mode: 'off' })).toBe(1);
  });
});
