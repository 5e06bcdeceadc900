// hot: one call per sample. No string, object or closure for each; bench/page.ts holds it to its time.
import type { Metric } from './metric.ts';
import type { HistogramValues, LabelSet } from './page.ts';
import type { PageWriter } from './page-writer.ts';
import { ProtobufHistogram } from './protobuf-histogram.ts';
import {
  DOUBLE_FIELD_BYTES,
  fillLength,
  skipLength,
  varintBytes,
  writeDouble,
  writeText,
  writeVarint,
} from './protobuf-wire.ts';
import { openMetricsFamily } from './text.ts';

/** Fields of io.prometheus.client.MetricFamily and of what is in it. */
const FAMILY_NAME = 0x0a;
const FAMILY_HELP = 0x12;
const FAMILY_TYPE = 0x18;
const FAMILY_METRIC = 0x22;
const FAMILY_UNIT = 0x2a;
const METRIC_LABEL = 0x0a;
const METRIC_GAUGE = 0x12;
const METRIC_COUNTER = 0x1a;
const METRIC_HISTOGRAM = 0x3a;
const LABEL_NAME = 0x0a;
const LABEL_VALUE = 0x12;
const NUMBER_VALUE = 0x09;

const TYPES: Readonly<Record<Metric['type'], number>> = { counter: 0, gauge: 1, info: 1, histogram: 4 };

/** Tags and lengths around a message in a message: no length takes more than 5 bytes. */
const FRAME_BYTES = 6;

/** The length of a field of type string. */
function textBytes(bytes: number): number {
  return 1 + varintBytes(bytes) + bytes;
}

/** All labels of a series, one message each. Errors: RangeError when the lists differ in length. */
function encodeLabelPairs(names: readonly string[], values: readonly string[]): Uint8Array {
  if (names.length !== values.length) {
    throw new RangeError(`${values.length} label values for the ${names.length} labels ${names.join(', ')}`);
  }
  const sizes = values.map((value, i) => {
    const name = names[i]?.length ?? 0; // ASCII
    return textBytes(name) + textBytes(Buffer.byteLength(value));
  });
  const out = Buffer.allocUnsafe(sizes.reduce((sum, size) => sum + textBytes(size), 0));
  let at = 0;
  for (let i = 0; i < names.length; i++) {
    const name = names[i] ?? '';
    const value = values[i] ?? '';
    out[at] = METRIC_LABEL;
    at = writeVarint(sizes[i] ?? 0, out, at + 1);
    at = writeText(LABEL_NAME, name, name.length, out, at);
    at = writeText(LABEL_VALUE, value, Buffer.byteLength(value), out, at);
  }
  return out;
}

/** What a family begins with: all but its metrics. */
function familyHeader(metric: Metric): Buffer {
  const unit = metric.unit !== '' && openMetricsFamily(metric).endsWith(`_${metric.unit}`) ? metric.unit : '';
  const help = Buffer.byteLength(metric.help);
  const out = Buffer.alloc(3 * FRAME_BYTES + metric.name.length + help + unit.length);
  let at = writeText(FAMILY_NAME, metric.name, metric.name.length, out, 0);
  at = writeText(FAMILY_HELP, metric.help, help, out, at);
  out[at] = FAMILY_TYPE;
  at = writeVarint(TYPES[metric.type], out, at + 1);
  if (unit !== '') at = writeText(FAMILY_UNIT, unit, unit.length, out, at);
  return out.subarray(0, at);
}

/**
 * Writes families as length-delimited messages io.prometheus.client.MetricFamily: what Prometheus asks for when it takes
 * native histograms. Source: metrics.proto of prometheus/client_model.
 */
export class ProtobufEncoder {
  readonly #writer: PageWriter;
  #labelNames: readonly string[] = [];
  #numberTag = METRIC_GAUGE;
  #histogram: ProtobufHistogram | null = null;
  // Where the length of the family goes when it is known, and how much was written before it.
  #lengthChunk: Uint8Array;
  #lengthAt = 0;
  #bytesBefore = 0;

  constructor(writer: PageWriter) {
    this.#writer = writer;
    this.#lengthChunk = writer.chunk;
  }

  /** Begins the family of a metric. */
  begin(metric: Metric): void {
    const writer = this.#writer;
    const header = familyHeader(metric);
    writer.reserve(skipLength(header.length));
    this.#lengthChunk = writer.chunk;
    this.#lengthAt = writer.at;
    writer.at = skipLength(writer.at);
    this.#bytesBefore = writer.byteLength;
    writer.raw(header);
    this.#labelNames = metric.labels;
    this.#numberTag = metric.type === 'counter' ? METRIC_COUNTER : METRIC_GAUGE;
    this.#histogram = metric.shape === undefined ? null : new ProtobufHistogram(metric.shape);
  }

  sample(labels: LabelSet, value: number): void {
    const at = this.#beginMetric(labels, 2 + DOUBLE_FIELD_BYTES);
    const { chunk } = this.#writer;
    chunk[at] = this.#numberTag;
    chunk[at + 1] = DOUBLE_FIELD_BYTES;
    this.#writer.at = writeDouble(NUMBER_VALUE, value, chunk, at + 2);
  }

  /** Errors: RangeError for counts that do not have the metric's shape. */
  histogram(labels: LabelSet, values: HistogramValues): void {
    const histogram = this.#histogram;
    if (histogram === null) return;
    const length = histogram.write(values);
    let at = this.#beginMetric(labels, 1 + varintBytes(length) + length);
    const { chunk } = this.#writer;
    chunk[at] = METRIC_HISTOGRAM;
    at = writeVarint(length, chunk, at + 1);
    histogram.bytes.copy(chunk, at, 0, length);
    this.#writer.at = at + length;
  }

  /** Ends the family. */
  end(): void {
    fillLength(this.#writer.byteLength - this.#bytesBefore, this.#lengthChunk, this.#lengthAt);
  }

  /** Ends the page. */
  finish(): void {}

  /** A metric with its labels and room for `rest` bytes more; returns where these go. */
  #beginMetric(labels: LabelSet, rest: number): number {
    const pairs = (labels.protobuf ??= encodeLabelPairs(this.#labelNames, labels.values));
    const writer = this.#writer;
    writer.reserve(FRAME_BYTES + pairs.length + rest);
    const { chunk } = writer;
    chunk[writer.at] = FAMILY_METRIC;
    const at = writeVarint(pairs.length + rest, chunk, writer.at + 1);
    chunk.set(pairs, at);
    writer.samples++;
    return at + pairs.length;
  }
}
