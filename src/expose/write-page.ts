import type { ChunkPool } from './chunk-pool.ts';
import type { Metric } from './metric.ts';
import { METRICS } from './metrics.ts';
import type { Format, HistogramValues, LabelSet, Pacer, Page, PageBlock } from './page.ts';
import { PageWriter } from './page-writer.ts';
import { ProtobufEncoder } from './protobuf.ts';
import { LineEncoder } from './text.ts';

/** A slice of work: after this time the event loop gets its turn. The promise to others is 10 ms. */
const SLICE_MS = 4;
/** Samples between two looks at the clock: with cold label caches about 0.2 ms. */
const SAMPLES_PER_LOOK = 64;

/** One family after the other: begin(), its series, end(). */
interface Encoder {
  begin(metric: Metric): void;
  sample(labels: LabelSet, value: number): void;
  histogram(labels: LabelSet, values: HistogramValues): void;
  end(): void;
  finish(): void;
}

/** Blocks by metric. Errors: RangeError for a metric that the table does not have, or has as another type. */
function byMetric(blocks: readonly PageBlock[]): Map<string, PageBlock[]> {
  const found = new Map<string, PageBlock[]>();
  for (const block of blocks) {
    const metric: Metric | undefined = METRICS.find(({ name }) => name === block.metric);
    if (metric === undefined) throw new RangeError(`${block.metric} is not in the metric table`);
    if ('histograms' in block !== (metric.type === 'histogram')) {
      throw new RangeError(`${block.metric} is a ${metric.type} in the metric table, and the block is not`);
    }
    if (block.count === 0) continue;
    const same = found.get(block.metric);
    if (same === undefined) found.set(block.metric, [block]);
    else same.push(block);
  }
  return found;
}

function writeSeries(encoder: Encoder, block: PageBlock, i: number): void {
  const labels = block.labels[i];
  const value = 'histograms' in block ? block.histograms[i] : block.values[i];
  if (labels === undefined || value === undefined) {
    throw new RangeError(`${block.metric}: series ${i} of ${block.count} has no labels or no value`);
  }
  if (typeof value === 'number') encoder.sample(labels, value);
  else encoder.histogram(labels, value);
}

/**
 * Writes one page: families in the order of the metric table, each with all its blocks together; families without a
 * sample are left out. Works in slices of about 4 ms, so `blocks` must not change until the promise is settled.
 * Errors: RangeError when blocks and table do not fit, which is a bug of the maker of the blocks.
 */
export async function writePage(
  blocks: readonly PageBlock[],
  format: Format,
  pool: ChunkPool,
  pacer: Pacer,
): Promise<Page> {
  const writer = new PageWriter(pool);
  const encoder: Encoder =
    format === 'protobuf' ? new ProtobufEncoder(writer) : new LineEncoder(writer, format);
  const found = byMetric(blocks);
  let sliceEndMs = pacer.nowMs() + SLICE_MS;
  let look = SAMPLES_PER_LOOK;
  for (const metric of METRICS) {
    const group = found.get(metric.name);
    if (group === undefined) continue;
    encoder.begin(metric);
    for (const block of group) {
      for (let i = 0; i < block.count; i++) {
        writeSeries(encoder, block, i);
        if (writer.samples < look) continue;
        look = writer.samples + SAMPLES_PER_LOOK;
        if (pacer.nowMs() < sliceEndMs) continue;
        await pacer.pause();
        sliceEndMs = pacer.nowMs() + SLICE_MS;
      }
    }
    encoder.end();
  }
  encoder.finish();
  return writer.finish();
}
