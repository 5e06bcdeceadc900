// Bytes a second of a sender that keeps its pace are those that its program has sent in a second.
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { startIperf3, startIperf3Client } from '../hosts/programs.ts';
import { HeldTcp, startTcpServer } from '../hosts/tcp-traffic.ts';
import { whyNoLab } from '../hosts/why-no-lab.ts';
import type { TestAgent } from '../support/agent.ts';
import { ExactLab, freshPage, startAgent } from '../support/exact-lab.ts';
import type { Page } from '../support/page.ts';
import { setUp } from '../support/set-up.ts';

const skip = whyNoLab();
const PAGE_GAP_MS = 300;
const NEAR = 0.05;

/** What a page says of an end: all bytes so far, and bytes a second since the snapshot before. */
interface Reading {
  readonly snapshot: number;
  readonly bytes: number;
  readonly rate: number;
}

/** All ports of a pair together. */
function read(page: Page, metric: 'bytes_sent' | 'bytes_recv', source: string, remote: string): Reading {
  const sum = (name: string): number =>
    page
      .find(name, { source_address: source })
      .filter(({ labels }) => labels['destination_address']?.split(':')[0] === remote)
      .reduce((total, { value }) => total + value, 0);
  return {
    snapshot: page.value('kube_netc_agent_snapshots_total'),
    bytes: sum(metric),
    rate: sum(`${metric}_per_second`),
  };
}

/** What iperf3 has sent up to each tenth of a second. */
interface Progress {
  readonly seconds: number;
  readonly bytes: number;
}

function progressOf(text: string): Progress[] {
  const { intervals } = JSON.parse(text) as { intervals: { sum: { end: number; bytes: number } }[] };
  let bytes = 0;
  return [
    { seconds: 0, bytes: 0 },
    ...intervals.map(({ sum }) => ({ seconds: sum.end, bytes: (bytes += sum.bytes) })),
  ];
}

/** When iperf3 had sent so many bytes, between two of its reports. NaN: not within its time. */
function whenSent(progress: readonly Progress[], bytes: number): number {
  const after = progress.findIndex((at) => at.bytes >= bytes);
  const [a, b] = [progress[after - 1], progress[after]];
  if (!a || !b) return NaN;
  return a.seconds + ((b.seconds - a.seconds) * (bytes - a.bytes)) / (b.bytes - a.bytes);
}

/** How far the page's rates are from the program's own over the same bytes: shares of the latter. */
function deviations(readings: readonly Reading[], progress: readonly Progress[]): number[] {
  const base = readings[0]?.bytes ?? 0; // read before the program began
  return readings.flatMap((reading, i) => {
    const before = readings[i - 1];
    if (before?.snapshot !== reading.snapshot - 1) return [];
    const seconds = whenSent(progress, reading.bytes - base) - whenSent(progress, before.bytes - base);
    const own = (reading.bytes - before.bytes) / seconds;
    return seconds > 0 ? [Math.abs(reading.rate - own) / own] : [];
  });
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;
}

describe('rates of steady senders', () => {
  let exact: ExactLab;
  let agent: TestAgent;

  setUp(skip, async (closing) => {
    exact = closing.use(await ExactLab.open());
    agent = closing.use(await startAgent('--udp', 'tracepoint'));
    for (let i = 0; i < 3; i++) await freshPage(agent); // the first ones are slow, and snapshots then far apart
  });

  /** How far the rates of both ends are from iperf3's own while it sends for so long. */
  async function measure(protocol: 'TCP' | 'UDP', seconds: number): Promise<number[][]> {
    const [from, to] = exact.addresses();
    const udp = protocol === 'UDP';
    const serving = await startIperf3(exact.server);
    // by default TCP would write 128 KiB each 26 ms, which is no steady pace within so short a time
    const more = ['--interval', '0.1', '--length', udp ? '1400' : '4096'];
    const sent: Reading[] = [];
    const received: Reading[] = [];
    const readBoth = (page: Page): void => {
      sent.push(read(page, 'bytes_sent', from, to));
      received.push(read(page, 'bytes_recv', to, from));
    };
    readBoth(await freshPage(agent, 'connections'));
    const options = { address: to, udp, seconds, bitsPerSecond: 40_000_000, more };
    const running = startIperf3Client(exact.client, options);
    while (running.running) {
      await sleep(PAGE_GAP_MS);
      readBoth(await agent.rawPage('?collect[]=agent&collect[]=connections')); // each snapshot counts
    }
    const progress = progressOf(await running.success());
    await serving.stop();
    return [sent, received].map((readings) => deviations(readings, progress));
  }

  it.each(['TCP', 'UDP'] as const)('are those of the program, at both ends (%s)', async (protocol) => {
    const isNear = (far: readonly number[]): boolean => far.length > 2 && median(far) < NEAR;
    // for longer if need be: on a machine with other work snapshots are far apart, or late against their clock
    for (const seconds of [4, 8, 16]) {
      const far = await measure(protocol, seconds);
      if (far.every(isNear)) return;
    }
    expect.fail(`no median of three rates or more was within ${NEAR * 100} %`);
  });

  it('are 0 when nothing moves, while the connection lives', async () => {
    const [from, to] = exact.addresses();
    const serving = await startTcpServer(exact.server);
    const held = await HeldTcp.open(exact.client, { address: to, port: serving.port, request: 50_000 });
    await freshPage(agent, 'connections');
    const page = await freshPage(agent, 'connections');
    expect(page.pair(from, to, serving.port).active).toBe(1);
    expect(read(page, 'bytes_sent', from, to)).toMatchObject({ rate: 0 });
    expect(read(page, 'bytes_recv', to, from)).toMatchObject({ rate: 0 });
    await held.close();
    await serving.stop();
  });
});
