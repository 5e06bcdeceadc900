// What a page costs: 10,000 and 100,000 series (label sets x the five metrics of the connections group), cold (no label
// bytes cached yet) and warm, with gzip apart. Prints JSON. Run: node bench/page.ts [rounds]
import { cpus, loadavg, release, totalmem } from 'node:os';
import { ChunkPool } from '../src/expose/chunk-pool.ts';
import { METRICS } from '../src/expose/metrics.ts';
import { type Block, type Format, type LabelSet, labelSet, type Page } from '../src/expose/page.ts';
import { writePage } from '../src/expose/write-page.ts';
import { gzipPage } from '../src/server/gzip.ts';

const rounds = Number(process.argv[2] ?? 20);
const connections = METRICS.filter(({ group }) => group === 'connections');

/** Label sets as long as those of a cluster: about 430 bytes encoded. */
function labelSets(count: number): LabelSet[] {
  return Array.from({ length: count }, (_, i) =>
    labelSet([
      'checkout',
      'backend',
      'checkout-prod',
      '1.42.0',
      'shop',
      'Helm',
      `10.42.${i % 250}.${i % 199}`,
      `10.43.${(i >> 8) % 250}.${i % 251}:${1024 + (i % 60000)}`,
      `checkout-7d4b9c6f5d-${i.toString(36).padStart(5, '0')}`,
      `payments-59f6d8c7b4-${(i * 7).toString(36).padStart(5, '0')}`,
      'pod',
      'pod',
      'shop-production',
      'payments-production',
      `node-${i % 40}.eu-central-1.compute.internal`,
      `node-${i % 37}.eu-central-1.compute.internal`,
    ]),
  );
}

function blocksOf(labels: readonly LabelSet[]): Block[] {
  return connections.map(({ name }, m) => ({
    metric: name,
    labels,
    values: Float64Array.from(labels, (_, i) =>
      m >= 2 && m <= 3 ? (i * 12345.678) / 7 : i * 982451653 * (m + 1),
    ),
    count: labels.length,
  }));
}

/** Times one piece of paced work: the time of its slices together, the CPU time of this thread, the longest slice. */
async function timed<T>(work: (pacer: { nowMs(): number; pause(): Promise<void> }) => Promise<T>) {
  const cpuBefore = process.threadCpuUsage();
  let sliceStart = performance.now();
  let longestSliceMs = 0;
  let busyMs = 0;
  const endSlice = (): void => {
    const ms = performance.now() - sliceStart;
    busyMs += ms;
    longestSliceMs = Math.max(longestSliceMs, ms);
  };
  const pause = async (): Promise<void> => {
    endSlice();
    await new Promise(setImmediate);
    sliceStart = performance.now();
  };
  const result = await work({ nowMs: () => performance.now(), pause });
  endSlice();
  const { user, system } = process.threadCpuUsage(cpuBefore);
  return { result, ms: busyMs, cpuMs: (user + system) / 1000, longestSliceMs };
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? NaN;
}

const round = (value: number): number => Math.round(value * 100) / 100;

async function measure(series: number, format: Format) {
  const sets = labelSets(series / connections.length);
  const blocks = blocksOf(sets);
  const pool = new ChunkPool();
  const cold = await timed((pacer) => writePage(blocks, format, pool, pacer));
  pool.give(cold.result.chunks);
  const warmMs: number[] = [];
  const warmCpuMs: number[] = [];
  const slicesMs: number[] = [];
  let page: Page = cold.result;
  for (let i = 0; i < rounds; i++) {
    const run = await timed((pacer) => writePage(blocks, format, pool, pacer));
    warmMs.push(run.ms);
    warmCpuMs.push(run.cpuMs);
    slicesMs.push(run.longestSliceMs);
    page = run.result;
    if (i < rounds - 1) pool.give(page.chunks);
  }
  const before = process.cpuUsage();
  const gzipped = await gzipPage(page);
  const cpu = process.cpuUsage(before);
  return {
    series,
    format,
    pageBytes: page.byteLength,
    coldMs: round(cold.ms),
    coldLongestSliceMs: round(cold.longestSliceMs),
    warmMsMedian: round(median(warmMs)),
    warmMsMax: round(Math.max(...warmMs)),
    warmCpuMsMedian: round(median(warmCpuMs)),
    longestSliceMsMedian: round(median(slicesMs)),
    longestSliceMsMax: round(Math.max(...slicesMs)),
    gzipBytes: gzipped.byteLength,
    gzipCpuMs: round((cpu.user + cpu.system) / 1000),
    rssMiB: round(process.memoryUsage.rss() / 2 ** 20),
  };
}

const machine = {
  cpu: cpus()[0]?.model,
  cpus: cpus().length,
  memoryMiB: Math.round(totalmem() / 2 ** 20),
  kernel: release(),
  node: process.version,
  loadBefore: loadavg()[0],
};
const results = [];
for (const series of [10_000, 100_000]) results.push(await measure(series, 'text'));
results.push(await measure(100_000, 'openmetrics'));
console.log(
  JSON.stringify({ bench: 'page', at: new Date().toISOString(), rounds, machine, results }, null, 2),
);
