// hot: one call per sample. No string, object or closure for each; bench/page.ts holds it to its time.
import { escapeHelp, escapeLabelValue } from '../util/escape.ts';
import { ClassicBuckets } from './classic-buckets.ts';
import type { Metric } from './metric.ts';
import type { HistogramValues, LabelSet } from './page.ts';
import type { PageWriter } from './page-writer.ts';
import { MAX_VALUE_BYTES, writeValue } from './text-value.ts';

const LINE_FEED = 10;
const EOF = Buffer.from('# EOF\n');
const NOTHING = new Uint8Array(0);

/** The two formats of lines. They differ in their headers alone. */
type TextFormat = 'text' | 'openmetrics';

/** The family a metric belongs to: OpenMetrics takes the suffix off counters and info metrics. */
export function openMetricsFamily({ name, type }: Metric): string {
  if (type === 'counter') return name.replace(/_total$/, '');
  return type === 'info' ? name.replace(/_info$/, '') : name;
}

/**
 * The comment lines above the samples of a metric. A unit is told to OpenMetrics only where the family's name ends
 * with it, as that format demands: the five names inherited from kube-netc's first version do not.
 */
function familyHeader(metric: Metric, format: TextFormat): string {
  if (format === 'text') {
    const type = metric.type === 'info' ? 'gauge' : metric.type;
    return `# HELP ${metric.name} ${escapeHelp(metric.help)}\n# TYPE ${metric.name} ${type}\n`;
  }
  const family = openMetricsFamily(metric);
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

/** A bound as `le` says it: with a point, as OpenMetrics wants it and Prometheus writes those it gets otherwise. */
function formatBound(bound: number): string {
  if (bound === Infinity) return '+Inf';
  return Number.isInteger(bound) ? `${bound}.0` : String(bound);
}

/** Writes families as lines of text. */
export class LineEncoder {
  readonly #writer: PageWriter;
  readonly #format: TextFormat;
  #labelNames: readonly string[] = [];
  #name: Uint8Array = NOTHING;
  // Of a histogram:
  #buckets: ClassicBuckets | null = null;
  #bucketName: Uint8Array = NOTHING;
  #sumName: Uint8Array = NOTHING;
  #countName: Uint8Array = NOTHING;
  /** What the lines of its buckets have instead of the end of their labels. */
  #bucketEnds: readonly Uint8Array[] = [];

  constructor(writer: PageWriter, format: TextFormat) {
    this.#writer = writer;
    this.#format = format;
  }

  /** Begins the family of a metric. */
  begin(metric: Metric): void {
    this.#writer.raw(Buffer.from(familyHeader(metric, this.#format)));
    this.#labelNames = metric.labels;
    this.#name = Buffer.from(metric.name);
    if (metric.shape === undefined) return;
    this.#buckets = new ClassicBuckets(metric.shape);
    this.#bucketName = Buffer.from(`${metric.name}_bucket`);
    this.#sumName = Buffer.from(`${metric.name}_sum`);
    this.#countName = Buffer.from(`${metric.name}_count`);
    this.#bucketEnds = [...this.#buckets.bounds, Infinity].map((bound) =>
      Buffer.from(`,le="${formatBound(bound)}"} `),
    );
  }

  sample(labels: LabelSet, value: number): void {
    this.#line(this.#name, this.#labelsOf(labels), value);
  }

  /** Errors: RangeError for counts that do not have the metric's shape. */
  histogram(labels: LabelSet, { counts, sumSeconds }: HistogramValues): void {
    const buckets = this.#buckets;
    if (buckets === null) return;
    const text = this.#labelsOf(labels);
    const total = buckets.sumUp(counts);
    for (let i = 0; i < this.#bucketEnds.length; i++) {
      this.#bucketLine(text, this.#bucketEnds[i] ?? NOTHING, buckets.cumulative[i] ?? NaN);
    }
    this.#line(this.#sumName, text, sumSeconds);
    this.#line(this.#countName, text, total);
  }

  /** Ends the family. */
  end(): void {
    this.#buckets = null;
  }

  /** Ends the page. */
  finish(): void {
    if (this.#format === 'openmetrics') this.#writer.raw(EOF);
  }

  #labelsOf(labels: LabelSet): Uint8Array {
    return (labels.text ??= encodeLabels(this.#labelNames, labels.values));
  }

  /** The name, its labels (with their braces and the space that follows), the value. */
  #line(name: Uint8Array, labels: Uint8Array, value: number): void {
    const writer = this.#writer;
    writer.reserve(name.length + labels.length + MAX_VALUE_BYTES + 1);
    const { chunk } = writer;
    let { at } = writer;
    chunk.set(name, at);
    at += name.length;
    chunk.set(labels, at);
    at = writeValue(value, chunk, at + labels.length);
    chunk[at] = LINE_FEED;
    writer.at = at + 1;
    writer.samples++;
  }

  /** The same, with `le` in the place of the labels' end: so one cache serves all lines of a series. There are labels. */
  #bucketLine(labels: Uint8Array, end: Uint8Array, value: number): void {
    const name = this.#bucketName;
    const writer = this.#writer;
    writer.reserve(name.length + labels.length + end.length + MAX_VALUE_BYTES + 1);
    const { chunk } = writer;
    let { at } = writer;
    chunk.set(name, at);
    at += name.length;
    chunk.set(labels, at);
    at += labels.length - 2; // without the brace and the space
    chunk.set(end, at);
    at = writeValue(value, chunk, at + end.length);
    chunk[at] = LINE_FEED;
    writer.at = at + 1;
    writer.samples++;
  }
}
