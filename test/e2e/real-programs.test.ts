// What the page says of programs that everybody knows equals what they themselves count, or what both ends say.
import { describe, expect, it } from 'vitest';
import {
  type Iperf3Options,
  type Iperf3Report,
  runCurl,
  runIperf3,
  runWrk,
  startIperf3,
  startNginx,
} from '../hosts/programs.ts';
import { whyNoLab } from '../hosts/why-no-lab.ts';
import { TestAgent } from '../support/agent.ts';
import { ExactLab, FAMILIES, type Family } from '../support/exact-lab.ts';
import type { PairSums } from '../support/page.ts';
import { setUp } from '../support/set-up.ts';

const why = whyNoLab();
const PORT = 8_080;
const BIG = new Uint8Array(1_000_000).fill(65);
const CONNECTIONS = 8;

interface Counted<T> {
  readonly result: T;
  readonly client: PairSums;
  readonly server: PairSums;
}

describe('bytes of real programs', () => {
  let exact: ExactLab;
  let agent: TestAgent;

  setUp(why, async (closing) => {
    exact = closing.use(await ExactLab.open());
    agent = closing.use(await TestAgent.start());
    const files = { 'index.html': 'hello\n', big: BIG };
    const nginx = await startNginx(exact.lab, exact.server, { port: PORT, workers: 2, files });
    closing.defer(async () => nginx.stop());
  });

  /** What the page says of both ends of some traffic. */
  async function count<T>(
    family: Family,
    traffic: (url: string, address: string) => Promise<T>,
  ): Promise<Counted<T>> {
    const [from, to] = exact.addresses(family);
    const { result, grown } = await exact.count(agent, async () => {
      const returned = await traffic(`http://${authority(family)}`, to);
      await exact.settled();
      return returned;
    });
    // A UDP server is bound to every address until it connects.
    const wildcard = grown(family === 'IPv4' ? '0.0.0.0' : '::', from);
    const server = grown(to, from);
    return {
      result,
      client: grown(from, to),
      server: {
        sentBytes: server.sentBytes + wildcard.sentBytes,
        receivedBytes: server.receivedBytes + wildcard.receivedBytes,
        active: server.active,
      },
    };
  }

  describe.each(FAMILIES)('over %s:', (family) => {
    const requests: Readonly<Record<string, readonly [path: string, ...arguments_: string[]]>> = {
      'a small file': ['/'],
      'a file sent by sendfile': ['/big', '--output', '/dev/null'],
      'what is not there': ['/nothing'],
      'an upload': ['/', '--request', 'POST', '--data-binary', 'x'.repeat(100_000), '--header', 'Expect:'],
      'a download that is limited': ['/big', '--output', '/dev/null', '--limit-rate', '4M'],
    };
    it.for(Object.entries(requests))('curl of %s', async ([, [path, ...more]]) => {
      const { result, client, server } = await count(family, async (url) =>
        runCurl(exact.client, url + path, more),
      );
      const { sentBytes, receivedBytes } = result;
      expect(client).toEqual({ sentBytes, receivedBytes, active: 0 });
      expect(server).toEqual({ sentBytes: receivedBytes, receivedBytes: sentBytes, active: 0 });
    });
  });

  // At its end wrk closes connections whose answers are under way: they were sent, in part they arrived, none were read.
  it.for([
    ['IPv4', '/', 240],
    ['IPv6', '/big', 1_000_245],
  ] as const)(
    'over %s: wrk of %s, but for answers under way when it ends',
    async ([family, path, answerBytes]) => {
      const { result, client, server } = await count(family, async (url) =>
        runWrk(exact.lab, exact.client, { url: url + path, seconds: 1, connections: CONNECTIONS }),
      );
      expect(result).toMatchObject({ errors: 0 });
      const underWay = CONNECTIONS * answerBytes;
      expect(client.receivedBytes).toBeGreaterThanOrEqual(result.bytes);
      expect(client.receivedBytes).toBeLessThanOrEqual(result.bytes + underWay);
      expect(server.sentBytes).toBeGreaterThanOrEqual(client.receivedBytes);
      expect(server.sentBytes).toBeLessThanOrEqual(client.receivedBytes + underWay);
      expect({ sent: client.sentBytes, active: client.active + server.active }).toEqual({
        sent: server.receivedBytes,
        active: 0,
      });
      const requests = client.sentBytes / requestBytes(family, path);
      expect(Number.isInteger(requests)).toBe(true);
      expect(requests).toBeGreaterThanOrEqual(result.requests);
      expect(requests).toBeLessThanOrEqual(result.requests + CONNECTIONS);
    },
  );

  it.for([
    ['IPv4', false],
    ['IPv6', true],
  ] as const)('over %s: iperf3 by TCP, reverse: %s', async ([family, reverse]) => {
    // With a limit nothing is under way at the end.
    const options = { streams: 2, bitsPerSecond: 20e6, reverse };
    const { result, client, server } = await iperf3(family, options);
    expect(client).toEqual({ sentBytes: server.receivedBytes, receivedBytes: server.sentBytes, active: 0 });
    expectData(reverse ? server.sentBytes : client.sentBytes, result.sentBytes);
  });

  it.for([
    ['IPv6', false],
    ['IPv4', true],
  ] as const)('over %s: iperf3 by UDP, reverse: %s', async ([family, reverse]) => {
    const { result, client, server } = await iperf3(family, { udp: true, bitsPerSecond: 4e6, reverse });
    const [sender, receiver] = reverse ? [server, client] : [client, server];
    expectData(sender.sentBytes, result.sentBytes);
    expect(receiver.sentBytes).toBe(sender.receivedBytes);
    // What a full buffer drops, nobody received; what comes after the end, iperf3 does not count.
    expect(receiver.receivedBytes).toBeGreaterThanOrEqual(result.receivedBytes);
    expect(receiver.receivedBytes).toBeLessThanOrEqual(sender.sentBytes);
  });

  async function iperf3(
    family: Family,
    options: Omit<Iperf3Options, 'address'>,
  ): Promise<Counted<Iperf3Report>> {
    return count(family, async (_, address) => {
      const service = await startIperf3(exact.server);
      const report = await runIperf3(exact.client, { seconds: 1, ...options, address });
      await exact.settled(); // a service that is ended first says so to a client that is gone: a byte more
      await service.stop();
      return report;
    });
  }

  function requestBytes(family: Family, path: string): number {
    return `GET ${path} HTTP/1.1\r\nHost: ${authority(family)}\r\n\r\n`.length;
  }

  function authority(family: Family): string {
    const [, address] = exact.addresses(family);
    return family === 'IPv4' ? `${address}:${PORT}` : `[${address}]:${PORT}`;
  }
});

/** iperf3 counts its streams alone; a control connection carries its parameters and results. */
function expectData(bytes: number, streams: number): void {
  expect(bytes).toBeGreaterThanOrEqual(streams);
  expect(bytes).toBeLessThan(streams + 10_000);
}
