// What a page costs: 10,000 and 100,000 lines of text, of connections (label sets x their five metrics) and of histograms,
// in each format; cold (no label bytes cached yet) and warm, with gzip apart. Run: node bench/page.ts [rounds]
import { ChunkPool } from '../src/expose/chunk-pool.ts';
import type { Format, Page, PageBlock } from '../src/expose/page.ts';
import { writePage } from '../src/expose/write-page.ts';
import { gzipPage } from '../src/server/gzip.ts';
import { bench, type Figures, progress } from './support/bench.ts';
import { connectionBlocks, histogramBlocks } from './support/page-series.ts';
import { waitedMs } from './support/run-queue.ts';

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

async function measure(figures: Figures, kind: keyof typeof KINDS, lines: number, format: Format) {
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
  const of = { kind, lines, format };
  figures.add('page, warm', of, 'ms', warmMs, 2);
  figures.add('page, first', of, 'ms', cold.ms, 2);
  figures.add('longest slice', of, 'ms', slicesMs, 2);
  figures.add('longest slice of the first', of, 'ms', cold.longestSliceMs, 2);
  figures.add('size', of, 'B', page.byteLength);
  figures.add('size, gzip', of, 'B', gzipped.byteLength);
  figures.add('gzip, CPU', of, 'ms', (cpu.user + cpu.system) / 1000, 1);
}

await bench(async (figures) => {
  for (const lines of [10_000, 100_000]) {
    for (const kind of ['connections', 'histograms'] as const) {
      for (const format of ['text', 'openmetrics', 'protobuf'] as const) {
        progress(`page: ${lines} lines of ${kind}, ${format}`);
        await measure(figures, kind, lines, format);
      }
    }
  }
});
