// What a page costs: 10,000 and 100,000 lines of text, of connections (label sets x their five metrics) and of histograms,
// in each format; cold (no label bytes cached yet) and warm, with gzip apart. Prints JSON. Run: node bench/page.ts [rounds]
import { ChunkPool } from '../src/expose/chunk-pool.ts';
import type { Format, Page, PageBlock } from '../src/expose/page.ts';
import { writePage } from '../src/expose/write-page.ts';
import { gzipPage } from '../src/server/gzip.ts';
import { machine, quantile, rounded } from './machine.ts';
import { connectionBlocks, histogramBlocks } from './page-series.ts';
import { waitedMs } from './run-queue.ts';

const rounds = Number(process.argv[2] ?? 20);

/** Times one piece of paced work, without the time in which others had the processor: in all, and its longest slice. */
async function timed<T>(work: (pacer: { nowMs(): number; pause(): Promise<void> }) => Promise<T>) {
  const nowMs = (): number => performance.now() - waitedMs();
  let sliceStart = nowMs();
  let longestSliceMs = 0;
  let ms = 0;
  const endSlice = (): void => {
    const slice = nowMs() - sliceStart;
    ms += slice;
    longestSliceMs = Math.max(longestSliceMs, slice);
  };
  const pause = async (): Promise<void> => {
    endSlice();
    await new Promise(setImmediate);
    sliceStart = nowMs();
  };
  const result = await work({ nowMs: () => performance.now(), pause });
  endSlice();
  return { result, ms, longestSliceMs };
}

const KINDS = { connections: connectionBlocks, histograms: histogramBlocks };

async function measure(kind: keyof typeof KINDS, lines: number, format: Format) {
  const blocks: readonly PageBlock[] = KINDS[kind](lines);
  const pool = new ChunkPool();
  const cold = await timed((pacer) => writePage(blocks, format, pool, pacer));
  pool.give(cold.result.chunks);
  const warmMs: number[] = [];
  const slicesMs: number[] = [];
  let page: Page = cold.result;
  for (let i = 0; i < rounds; i++) {
    const run = await timed((pacer) => writePage(blocks, format, pool, pacer));
    warmMs.push(run.ms);
    slicesMs.push(run.longestSliceMs);
    page = run.result;
    if (i < rounds - 1) pool.give(page.chunks);
  }
  const before = process.cpuUsage();
  const gzipped = await gzipPage(page);
  const cpu = process.cpuUsage(before);
  return {
    kind,
    lines,
    format,
    samples: page.samples,
    pageBytes: page.byteLength,
    coldMs: rounded(cold.ms),
    coldLongestSliceMs: rounded(cold.longestSliceMs),
    warmMsMedian: rounded(quantile(warmMs, 0.5)),
    warmMsMax: rounded(Math.max(...warmMs)),
    longestSliceMsMedian: rounded(quantile(slicesMs, 0.5)),
    longestSliceMsMax: rounded(Math.max(...slicesMs)),
    gzipBytes: gzipped.byteLength,
    gzipCpuMs: rounded((cpu.user + cpu.system) / 1000),
  };
}

const results = [];
for (const lines of [10_000, 100_000]) {
  for (const kind of ['connections', 'histograms'] as const) {
    for (const format of ['text', 'openmetrics', 'protobuf'] as const)
      results.push(await measure(kind, lines, format));
  }
}
console.log(JSON.stringify({ bench: 'page', rounds, machine: machine(), results }, null, 2));
