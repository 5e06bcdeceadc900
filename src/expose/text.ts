import { escapeHelp, escapeLabelValue } from '../util/escape.ts';
import type { ChunkPool } from './chunk-pool.ts';
import { METRICS, type Metric } from './metrics.ts';
import type { Block, Format, LabelSet, Pacer, Page } from './page.ts';
import { PageWriter } from './page-writer.ts';

/** A slice of work: after this time the event loop gets its turn. The promise to others is 10 ms. */
const SLICE_MS = 4;
/** Samples between two looks at the clock: with cold label caches about 0.2 ms. */
const SAMPLES_PER_LOOK = 64;

const EOF = Buffer.from('# EOF\n');

/** The family a metric belongs to, by format: OpenMetrics takes the suffix off counters and info metrics. */
function familyOf({ name, type }: Metric, format: Format): string {
  if (format === 'text') return name;
  if (type === 'counter') return name.replace(/_total$/, '');
  return type === 'info' ? name.replace(/_info$/, '') : name;
}

/**
 * The comment lines above the samples of a metric. A unit is told to OpenMetrics only where the family's name ends
 * with it, as that format demands: the five names inherited from kube-netc's first version do not.
 */
export function familyHeader(metric: Metric, format: Format): string {
  const family = familyOf(metric, format);
  if (format === 'text') {
    const type = metric.type === 'info' ? 'gauge' : metric.type;
    return `# HELP ${family} ${escapeHelp(metric.help)}\n# TYPE ${family} ${type}\n`;
  }
  const unit =
    metric.unit !== '' && family.endsWith(`_${metric.unit}`) ? `# UNIT ${family} ${metric.unit}\n` : '';
  return `# TYPE ${family} ${metric.type}\n${unit}# HELP ${family} ${escapeLabelValue(metric.help)}\n`;
}

/** `{name="value",...} ` or, without labels, the space alone. Errors: RangeError when the lists differ in length. */
export function encodeLabels(names: readonly string[], values: readonly string[]): Uint8Array {
  if (names.length !== values.length) {
    throw new RangeError(`${values.length} label values for the ${names.length} labels ${names.join(', ')}`);
  }
  if (names.length === 0) return Buffer.from(' ');
  let text = '{';
  for (let i = 0; i < names.length; i++) {
    text += `${i === 0 ? '' : ','}${names[i]}="${escapeLabelValue(values[i] ?? '')}"`;
  }
  return Buffer.from(`${text}} `);
}

function labelsAt(block: Block, i: number): LabelSet {
  const labels = block.labels[i];
  if (labels === undefined || i >= block.values.length) {
    throw new RangeError(`${block.metric}: series ${i} of ${block.count} has no labels or no value`);
  }
  return labels;
}

/** Blocks by metric. Errors: RangeError for a metric that the table does not have. */
function byMetric(blocks: readonly Block[]): Map<string, Block[]> {
  const found = new Map<string, Block[]>();
  for (const block of blocks) {
    if (!METRICS.some(({ name }) => name === block.metric)) {
      throw new RangeError(`${block.metric} is not in the metric table`);
    }
    if (block.count === 0) continue;
    const same = found.get(block.metric);
    if (same === undefined) found.set(block.metric, [block]);
    else same.push(block);
  }
  return found;
}

/**
 * Writes one page: families in the order of the metric table, each with all its blocks together; families without a
 * sample are left out. Works in slices of about 4 ms, so `blocks` must not change until the promise is settled.
 * Errors: RangeError when blocks and table do not fit, which is a bug of the maker of the blocks.
 */
export async function writePage(
  blocks: readonly Block[],
  format: Format,
  pool: ChunkPool,
  pacer: Pacer,
): Promise<Page> {
  const writer = new PageWriter(pool);
  const found = byMetric(blocks);
  let sliceEndMs = pacer.nowMs() + SLICE_MS;
  let untilLook = SAMPLES_PER_LOOK;
  for (const metric of METRICS) {
    const name = Buffer.from(metric.name);
    const group = found.get(metric.name) ?? [];
    if (group.length > 0) writer.raw(Buffer.from(familyHeader(metric, format)));
    for (const block of group) {
      for (let i = 0; i < block.count; i++) {
        const labels = labelsAt(block, i);
        labels.bytes ??= encodeLabels(metric.labels, labels.values);
        writer.sample(name, labels.bytes, block.values[i] ?? NaN);
        if (--untilLook > 0) continue;
        untilLook = SAMPLES_PER_LOOK;
        if (pacer.nowMs() < sliceEndMs) continue;
        await pacer.pause();
        sliceEndMs = pacer.nowMs() + SLICE_MS;
      }
    }
  }
  if (format === 'openmetrics') writer.raw(EOF);
  return writer.finish();
}
