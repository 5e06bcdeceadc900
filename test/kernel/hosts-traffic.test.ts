import { describe, expect, it } from 'vitest';
import { HeldMany } from '../hosts/held-many.ts';
import type { Host } from '../hosts/host.ts';
import { Lab } from '../hosts/lab.ts';
import { runRoundTrips } from '../hosts/round-trips.ts';
import {
  HeldTcp,
  runTcpClient,
  startTcpClient,
  startTcpServer,
  type TcpClientOptions,
  type TcpServerOptions,
  type TcpTotals,
} from '../hosts/tcp-traffic.ts';
import {
  HeldUdp,
  runUdpClient,
  startUdpServer,
  type UdpClientOptions,
  type UdpServerOptions,
  type UdpTotals,
} from '../hosts/udp-traffic.ts';
import { whyNoLab } from '../hosts/why-no-lab.ts';
import { setUp } from '../support/set-up.ts';

let client: Host;
let server: Host;

setUp(whyNoLab(), async (closing) => {
  const lab = closing.use(await Lab.create());
  client = await lab.host('client', { sysctls: { 'net.ipv4.tcp_fastopen': 3 } });
  server = await lab.host('server', { sysctls: { 'net.ipv4.tcp_fastopen': 3 } });
  await lab.join(client, server);
});

/** What both ends say, and what one of them misses of what the other gave to the kernel. */
interface TcpRun {
  readonly sent: TcpTotals;
  readonly served: TcpTotals;
  readonly missingBytes: readonly [atServer: number, atClient: number];
}

function tcpRun(sent: TcpTotals, served: TcpTotals): TcpRun {
  const atClient = served.wroteBytes - sent.readBytes - sent.unreadBytes;
  return { sent, served, missingBytes: [sent.wroteBytes - served.readBytes, atClient] };
}

async function tcp(options: Partial<TcpClientOptions>, listen: TcpServerOptions = {}): Promise<TcpRun> {
  const listener = await startTcpServer(server, listen);
  const sent = await runTcpClient(client, { address: server.v4, port: listener.port, ...options });
  return tcpRun(sent, await listener.stop());
}

/** What a run is that went as it should. */
function exact(connections: number): object {
  const end = { connections, errors: 0, timedOut: false };
  return { sent: end, served: end, missingBytes: [0, 0] };
}

const SIZES = { request: [16, 3000], response: [0, 9000] } as const;

it('rounds that are timed are those that the server serves, half of them faster than the rest', async () => {
  const listener = await startTcpServer(server);
  const trips = await runRoundTrips(client, { address: server.v4, port: listener.port, seconds: 1 });
  const served = await listener.stop();
  expect(trips).toMatchObject({ rounds: served.rounds, timedOut: false });
  expect(trips.rounds).toBeGreaterThan(0);
  const { p50Us, p99Us, p999Us, maxUs } = trips;
  expect([p50Us, p99Us, p999Us, maxUs]).toEqual([p50Us, p99Us, p999Us, maxUs].toSorted((a, b) => a - b));
  expect(p50Us).toBeGreaterThan(0);
});

describe('the TCP programs count the same bytes at both ends', () => {
  it.each(['client', 'server', 'both', 'client-half', 'server-half', 'keep', 'mixed'] as const)(
    'when connections close by: %s',
    async (close) => {
      expect(await tcp({ connections: 100, ...SIZES, close })).toMatchObject(exact(100));
      expect(await tcp({ connections: 100, ...SIZES, close, address: server.v6 })).toMatchObject(exact(100));
    },
  );

  it('when the client resets, and when it leaves half of the response unread', async () => {
    const reset = await tcp({ connections: 50, ...SIZES, close: 'reset' });
    expect(reset).toMatchObject(exact(50));
    expect(reset.served.resets).toBe(50);
    const unread = await tcp({ connections: 50, response: 1001, close: 'unread' });
    expect(unread).toMatchObject(exact(50));
    expect(unread.sent).toMatchObject({ readBytes: 50 * 500, unreadBytes: 50 * 501 });
  });

  it.each(['write', 'sendfile', 'splice', 'partial', 'zerocopy', 'io_uring'] as const)(
    'sent by %s',
    async (send) => {
      expect(await tcp({ connections: 4, rounds: 3, request: [16, 2_000_000], send })).toMatchObject(
        exact(4),
      );
    },
  );

  it.each(['read', 'peek', 'trunc', 'splice', 'io_uring'] as const)('received by %s', async (receive) => {
    expect(await tcp({ connections: 4, rounds: 3, response: [0, 2_000_000], receive })).toMatchObject(
      exact(4),
    );
  });

  it('over MPTCP, Fast Open, a mapped address and a socket that is connected three times', async () => {
    expect(await tcp({ connections: 20, mptcp: true, close: 'mixed' }, { mptcp: true })).toMatchObject(
      exact(20),
    );
    const fast = await tcp({ connections: 10, fastOpen: true }, { fastOpen: true });
    expect(fast).toMatchObject(exact(10));
    expect(fast.sent.fastOpens).toBe(9); // the first one fetches the cookie
    expect(await tcp({ connections: 5, mapped: true })).toMatchObject(exact(5));
    expect(await tcp({ connections: 5, reuse: 3 })).toMatchObject(exact(15));
    expect(await tcp({ connections: 5, address: server.v4 }, { address: '0.0.0.0' })).toMatchObject(exact(5));
    expect(await tcp({ connections: 5, address: server.v6 }, { v6only: true })).toMatchObject(exact(5));
  });

  it('connection by connection', async () => {
    const { sent, served } = await tcp(
      { connections: 20, ...SIZES, perConnection: true },
      { perConnection: true },
    );
    const mirrored = served.perConnection?.map(({ clientPort, wroteBytes, readBytes }) => ({
      clientPort,
      wroteBytes: readBytes,
      readBytes: wroteBytes,
    }));
    expect(mirrored).toHaveLength(20);
    expect(new Set(mirrored)).toEqual(new Set(sent.perConnection));
  });

  it('at full rate, from two clients at once', async () => {
    const one = async (): Promise<TcpRun> => tcp({ connections: 20_000, close: 'mixed' });
    expect(await Promise.all([one(), one()])).toMatchObject([exact(20_000), exact(20_000)]);
  });

  it('for a time: bulk, and request and response, from several processes', async () => {
    const whole = { rounds: 0, seconds: 1, connections: 1, parallel: 2 };
    expect(await tcp({ ...whole, request: 1_000_000, response: 0 })).toMatchObject(exact(2));
    expect(await tcp({ ...whole, bind: [client.v4] })).toMatchObject(exact(2));
  });
});

describe('held connections', () => {
  it('carry more on command, and close in the way asked for', async () => {
    const listener = await startTcpServer(server);
    const held = await HeldTcp.open(client, { address: server.v4, port: listener.port, connections: 100 });
    expect(held.ready).toMatchObject({ connections: 100, wroteBytes: 6_400, readBytes: 6_400 });
    expect(await held.send(1000, 2)).toMatchObject({ wroteBytes: 206_400, readBytes: 19_200 });
    expect(await held.more(10)).toMatchObject({ connections: 110 });
    expect(await held.drop(5)).toMatchObject({ wroteBytes: 207_360 });
    const ran = await held.run(1);
    const sent = await held.close();
    expect(sent.wroteBytes).toBe(ran.wroteBytes + 105 * 64);
    expect(tcpRun(sent, await listener.stop())).toMatchObject(exact(110));
  });

  it('may be many on one host', async () => {
    const held = await HeldMany.open(server, { connections: 10_000, perProcess: 3_000, reset: true });
    expect(held.ready).toMatchObject({ connections: 10_000, sockets: 20_000, processes: 4, errors: 0 });
    const { wroteBytes } = await held.send(1000);
    expect(wroteBytes).toBe(10_000 * 2 * 1064);
    expect(await held.close()).toMatchObject({ readBytes: wroteBytes, errors: 0 });
  });
});

describe('a traffic program', () => {
  it('ends by itself when its time is over, and says so', async () => {
    const listener = await startTcpServer(server);
    const running = startTcpClient(client, {
      address: server.v4,
      port: listener.port,
      rounds: 0,
      seconds: 60,
      timeout: 1,
    });
    expect(await running.end()).toMatchObject({ timedOut: true, errors: 0 });
    expect((await running.process.ended).code).toBe(3);
    await listener.stop();
  });

  it('says in one line what it does not understand', async () => {
    const running = startTcpClient(client, { address: 'nowhere', port: 1 });
    await expect(running.end()).rejects.toThrow('exact-tcp-client: nowhere is not an address');
  });
});

interface UdpRun {
  readonly sent: UdpTotals;
  readonly served: UdpTotals;
  readonly missing: readonly [datagramsBack: number, bytesBack: number];
}

async function udp(options: Partial<UdpClientOptions>, listen: UdpServerOptions = {}): Promise<UdpRun> {
  const listener = await startUdpServer(server, listen);
  const sent = await runUdpClient(client, { address: server.v4, port: listener.port, ...options });
  const served = await listener.stop();
  const datagrams = served.sentDatagrams - sent.receivedDatagrams;
  return { sent, served, missing: [datagrams, served.sentBytes - sent.receivedBytes] };
}

function exactUdp(datagrams: number, bytes: number): object {
  return {
    sent: { sentDatagrams: datagrams, sentBytes: bytes, errors: 0, missing: 0 },
    served: { receivedDatagrams: datagrams, receivedBytes: bytes, errors: 0 },
    missing: [0, 0],
  };
}

describe('the UDP programs count the same datagrams and bytes at both ends', () => {
  it('connected and not, with replies, by IPv4, IPv6 and a mapped address', async () => {
    const talk = { count: 200, size: 100, reply: true };
    expect(await udp({ ...talk, connected: true }, { echo: true })).toMatchObject(exactUdp(200, 20_000));
    expect(await udp(talk, { echo: true })).toMatchObject(exactUdp(200, 20_000));
    expect(await udp({ ...talk, address: server.v6 }, { echo: true, connectBack: true })).toMatchObject(
      exactUdp(200, 20_000),
    );
    expect(await udp({ ...talk, mapped: true, localPort: 4444 }, { reply: 7, port: 5555 })).toMatchObject(
      exactUdp(200, 20_000),
    );
  });

  it('of no bytes, and of as many as one datagram holds', async () => {
    expect(await udp({ count: 10, size: 0, reply: true }, { reply: 0 })).toMatchObject(exactUdp(10, 0));
    expect(await udp({ count: 10, size: 65_507, reply: true }, { echo: true })).toMatchObject(
      exactUdp(10, 655_070),
    );
  });

  it.each(['sendmsg', 'sendmmsg', 'gso', 'more', 'write'] as const)('sent by %s', async (send) => {
    const run = await udp({ count: 160, size: 1001, send, connected: true });
    expect(run).toMatchObject(exactUdp(160, 160_160));
    const calls = { sendmsg: 160, sendmmsg: 160, gso: 10, more: 320, write: 160 };
    expect(run.sent.sendCalls).toBe(calls[send]);
  });

  it.each(['recv', 'recvfrom', 'recvmsg', 'recvmmsg', 'read'] as const)('received by %s', async (receive) => {
    expect(await udp({ count: 100 }, { receive })).toMatchObject(exactUdp(100, 10_000));
    expect(await udp({ count: 100 }, { receive, peek: true, gro: receive === 'recvmsg' })).toMatchObject(
      exactUdp(100, 10_000),
    );
  });

  it('but for truncated ones, of which the calls return what fits, or with MSG_TRUNC all', async () => {
    const cut = await udp({ count: 10 }, { buffer: 30 });
    expect(cut.served).toMatchObject({ receivedDatagrams: 10, receivedBytes: 300 });
    expect(await udp({ count: 10 }, { buffer: 30, trunc: true })).toMatchObject(exactUdp(10, 1_000));
  });

  it('and refused sends are errors without bytes', async () => {
    const to = { address: server.v4, port: 9, count: 10 };
    const refused = await runUdpClient(client, { ...to, connected: true, reply: true });
    expect(refused).toMatchObject({ sentDatagrams: 10, refused: 10, missing: 0, receivedBytes: 0 });
    expect(await runUdpClient(client, to)).toMatchObject({ sentDatagrams: 10, errors: 0 });
  });

  it('of several destinations, and of a socket that stays open', async () => {
    const listener = await startUdpServer(server);
    const held = await HeldUdp.open(client, {
      address: [server.v4, '127.0.0.1'],
      port: listener.port,
      count: 10,
    });
    expect(held.ready).toMatchObject({ sentDatagrams: 10 });
    expect(await held.again()).toMatchObject({ sentDatagrams: 20 });
    expect(await held.close()).toMatchObject({ sentBytes: 2_000 });
    expect(await listener.stop()).toMatchObject({ receivedDatagrams: 10 });
  });
});
