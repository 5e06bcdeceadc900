// Datagrams by the tracepoints: what the page says of a pair equals what the calls of its two programs returned.
import { describe, expect, it } from 'vitest';
import { drop } from '../hosts/firewall.ts';
import { runUdpClient, startUdpServer, type UdpClientOptions } from '../hosts/udp-traffic.ts';
import { whyNoLab } from '../hosts/why-no-lab.ts';
import type { TestAgent } from '../support/agent.ts';
import { ExactLab, FAMILIES, startAgent } from '../support/exact-lab.ts';
import { setUp } from '../support/set-up.ts';
import { bytesOf, expectExactUdp, udpBytes, UNBOUND } from '../support/udp-exactness.ts';

const skip = whyNoLab();
const TALK = { count: 200, size: [0, 1_400], reply: true } as const;

describe('bytes of UDP datagrams', () => {
  let exact: ExactLab;
  let agent: TestAgent;

  setUp(skip, async (closing) => {
    exact = closing.use(await ExactLab.open());
    agent = closing.use(await startAgent('--udp', 'tracepoint'));
  });

  describe.each(FAMILIES)('over %s', (family) => {
    it('are exact for a connected client and a server that replies', async () => {
      const client = { ...TALK, connected: true };
      await expectExactUdp(exact, agent, { family, client, server: { echo: true } });
    });

    it('are exact for a client that connects never', async () => {
      await expectExactUdp(exact, agent, { family, client: TALK, server: { echo: true } });
    });

    it('are exact for a server that connects to its first client', async () => {
      const [, to] = exact.addresses(family);
      const server = { address: to, echo: true, connectBack: true };
      await expectExactUdp(exact, agent, {
        family,
        client: { ...TALK, connected: true },
        server,
        serverSource: to,
      });
    });

    it('are exact when both ends have chosen their port: who sends first is the client', async () => {
      const [, to] = exact.addresses(family);
      const client = { ...TALK, localPort: 4_444 };
      const { result, page } = await expectExactUdp(exact, agent, {
        family,
        client,
        server: { port: 5_555, reply: 7 },
      });
      expect(result.port).toBe(5_555);
      const [from] = exact.addresses(family);
      expect(page.pair(UNBOUND[family], from, 4_444)).toMatchObject({ sentBytes: 0, receivedBytes: 0 });
      expect(page.pair(UNBOUND[family], to, 5_555).sentBytes).toBe(result.sent.sentBytes);
    });

    it('are none for datagrams without any, which make a connection all the same', async () => {
      const [from, to] = exact.addresses(family);
      const client = { count: 10, size: 0, reply: true, connected: true };
      const { result, page } = await expectExactUdp(exact, agent, { family, client, server: { reply: 0 } });
      expect(result.sent).toMatchObject({ sentDatagrams: 10, receivedDatagrams: 10, sentBytes: 0 });
      expect(page.pair(from, to, result.port)).toEqual({ sentBytes: 0, receivedBytes: 0, active: 1 });
    });

    it('are exact for the largest datagram', async () => {
      const client = { count: 8, size: 65_507, reply: true };
      const { result } = await expectExactUdp(exact, agent, { family, client, server: { echo: true } });
      expect(result.served.receivedBytes).toBe(8 * 65_507);
    });

    const sends: NonNullable<UdpClientOptions['send']>[] = ['sendmsg', 'sendmmsg', 'gso', 'more', 'write'];
    it.each(sends)('are exact when sent by: %s', async (send) => {
      const client = { count: 160, size: 1_001, send, connected: true };
      await expectExactUdp(exact, agent, { family, client });
    });

    it.each(['sendmsg', 'sendmmsg', 'gso'] as const)(
      'are exact when sent unconnected by: %s',
      async (send) => {
        await expectExactUdp(exact, agent, { family, client: { count: 160, size: 1_001, send } });
      },
    );
  });

  it.each(['recvfrom', 'recvmsg', 'recvmmsg'] as const)(
    'are exact when received by %s, peeked at before',
    async (receive) => {
      const { result } = await expectExactUdp(exact, agent, {
        client: { count: 100, size: [1, 1_400] },
        server: { address: exact.server.v4, receive, peek: true },
        serverSource: exact.server.v4,
        allKnown: true, // the peeks do not ask who sent
      });
      expect(result.served.peeks).toBeGreaterThan(0);
    },
  );

  it('are exact when several datagrams are received as one', async () => {
    const client = { count: 160, size: 1_001, send: 'gso', connected: true } as const;
    const { result } = await expectExactUdp(exact, agent, {
      client,
      server: { receive: 'recvmsg', gro: true },
    });
    expect(result.served.receivedBytes).toBe(160 * 1_001);
  });

  it('are what the calls returned when a read is too short for its datagram', async () => {
    const client = { count: 10, size: 100 };
    const cut = await expectExactUdp(exact, agent, { client, server: { buffer: 30 } });
    expect(cut.result.served.receivedBytes).toBe(300);
    const whole = await expectExactUdp(exact, agent, { client, server: { buffer: 30, trunc: true } });
    expect(whole.result.served.receivedBytes).toBe(1_000);
    const serverSource = exact.server.v4;
    const peeked = { address: serverSource, buffer: 30, trunc: true, peek: true };
    await expectExactUdp(exact, agent, { client, server: peeked, serverSource, allKnown: true });
  });

  it('are told by IPv4 addresses when IPv6 sockets carry IPv4', async () => {
    const server = { address: '::', echo: true };
    await expectExactUdp(exact, agent, { client: { ...TALK, mapped: true }, server });
    await expectExactUdp(exact, agent, { client: { ...TALK, mapped: true, connected: true }, server });
  });

  it('are told apart by destination for one socket that sends to several', async () => {
    const first = 20_000;
    const { result, grown } = await exact.count(agent, async () => {
      const ports = [first, first + 1, first + 2];
      const servers = await Promise.all(ports.map(async (port) => startUdpServer(exact.server, { port })));
      const address = [exact.server.v4, '127.0.0.1'];
      const sent = await runUdpClient(exact.client, {
        address,
        port: first,
        ports: 3,
        count: 90,
        size: [1, 900],
      });
      return { sent, served: await Promise.all(servers.map(async (server) => server.stop())) };
    });
    for (const [i, { receivedBytes, receivedDatagrams }] of result.served.entries()) {
      expect(receivedDatagrams).toBe(15);
      expect(grown(UNBOUND.IPv4, exact.server.v4, first + i).sentBytes).toBe(receivedBytes);
    }
    const served = result.served.reduce((sum, { receivedBytes }) => sum + receivedBytes, 0);
    expect(grown(UNBOUND.IPv4, exact.server.v4).sentBytes).toBe(served);
    expect(grown(UNBOUND.IPv4, exact.client.v4).receivedBytes).toBe(served);
    expect(result.sent.sentBytes).toBeGreaterThan(served); // the rest went to 127.0.0.1
  });

  it('are not counted for sends that were refused', async () => {
    const refused = { address: exact.server.v4, port: 9, count: 20, gap: 1_000, connected: true };
    const { result, grown } = await exact.count(agent, async () => runUdpClient(exact.client, refused));
    expect(result.refused).toBeGreaterThan(0);
    expect(result.sentDatagrams + result.refused).toBe(20);
    expect(bytesOf(grown(exact.client.v4, exact.server.v4, 9))).toEqual(udpBytes(result));

    await drop(exact.client, 'output', 'udp dport 10');
    const denied = { address: exact.server.v4, port: 10, count: 20 };
    const second = await exact.count(agent, async () => runUdpClient(exact.client, denied));
    expect(second.result).toMatchObject({ sendErrors: 20, sentBytes: 0 });
    expect(second.grown(UNBOUND.IPv4, exact.server.v4, 10)).toMatchObject({ sentBytes: 0, active: 0 });
  });
});
