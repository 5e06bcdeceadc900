// hot: one call per series of a histogram.
import { ClassicBuckets } from './classic-buckets.ts';
import type { HistogramShape } from './metric.ts';
import type { HistogramValues } from './page.ts';
import { DOUBLE_FIELD_BYTES, writeDouble, writeVarint, writeZigzag } from './protobuf-wire.ts';

/** Fields of io.prometheus.client.Histogram and of what is in it. */
const SAMPLE_COUNT = 0x08;
const SAMPLE_SUM = 0x11;
const BUCKET = 0x1a;
const BUCKET_CUMULATIVE_COUNT = 0x08;
const BUCKET_UPPER_BOUND = 0x11;
const SCHEMA = 0x28;
const ZERO_THRESHOLD = 0x31;
const ZERO_COUNT = 0x38;
const POSITIVE_SPAN = 0x62;
const SPAN_OFFSET = 0x08;
const SPAN_LENGTH = 0x10;
const POSITIVE_DELTA = 0x68;

/** A varint of up to 2^53, with its tag. */
const VARINT_FIELD_BYTES = 9;
const SPAN_BYTES = 8;
/** Empty buckets between two spans: fewer cost less as zeros than as a span of their own. */
const LEAST_GAP = 3;

/**
 * Writes histograms of one shape as messages that hold the classic buckets and the native ones, so that a scraper takes
 * what it knows: native ones as spans of buckets that follow each other, each count as the difference to the one before.
 */
export class ProtobufHistogram {
  /** The message, from 0 to what write() returned. */
  readonly bytes: Buffer;
  readonly #shape: HistogramShape;
  readonly #classic: ClassicBuckets;
  /** The first and the last bucket of each span. */
  readonly #spans: Int32Array;

  constructor(shape: HistogramShape) {
    this.#shape = shape;
    this.#classic = new ClassicBuckets(shape);
    this.#spans = new Int32Array(shape.buckets + 1);
    this.bytes = Buffer.alloc(
      (shape.classicPowers.length + 1) * (2 + VARINT_FIELD_BYTES + DOUBLE_FIELD_BYTES) +
        shape.buckets * (VARINT_FIELD_BYTES + SPAN_BYTES) +
        100,
    );
  }

  /** Returns the length of the message. Errors: RangeError for counts that do not have this shape. */
  write({ counts, sumSeconds }: HistogramValues): number {
    const { schema, lowestPower } = this.#shape;
    const out = this.bytes;
    out[0] = SAMPLE_COUNT;
    let at = writeVarint(this.#classic.sumUp(counts), out, 1);
    at = writeDouble(SAMPLE_SUM, sumSeconds, out, at);
    at = this.#writeClassic(at);
    out[at] = SCHEMA;
    at = writeZigzag(schema, out, at + 1);
    at = writeDouble(ZERO_THRESHOLD, 2 ** lowestPower, out, at);
    out[at] = ZERO_COUNT;
    at = writeVarint(counts[0] ?? 0, out, at + 1);
    const spans = this.#findSpans(counts);
    at = this.#writeSpans(spans, at);
    return this.#writeDeltas(counts, spans, at);
  }

  #writeClassic(start: number): number {
    const { bounds, cumulative } = this.#classic;
    const out = this.bytes;
    let at = start;
    for (let i = 0; i < bounds.length; i++) {
      out[at] = BUCKET;
      const from = at + 2;
      out[from] = BUCKET_CUMULATIVE_COUNT;
      const end = writeVarint(cumulative[i] ?? 0, out, from + 1);
      const next = writeDouble(BUCKET_UPPER_BOUND, bounds[i] ?? 0, out, end);
      out[at + 1] = next - from;
      at = next;
    }
    return at; // +Inf is sample_count
  }

  /** How many spans there are: buckets that are not empty, with the short gaps between them. */
  #findSpans(counts: Float64Array): number {
    const spans = this.#spans;
    let found = 0;
    for (let i = 1; i < counts.length; i++) {
      if (counts[i] === 0) continue;
      if (found === 0 || i - (spans[2 * found - 1] ?? 0) > LEAST_GAP) spans[2 * found++] = i;
      spans[2 * found - 1] = i;
    }
    return found;
  }

  #writeSpans(found: number, start: number): number {
    const out = this.bytes;
    const first = this.#shape.lowestPower * 2 ** this.#shape.schema;
    let at = start;
    let end = -first; // so that the first span's offset is its first bucket's number, and the others' is their gap
    for (let k = 0; k < found; k++) {
      const from = this.#spans[2 * k] ?? 0;
      const last = this.#spans[2 * k + 1] ?? 0;
      out[at] = POSITIVE_SPAN;
      out[at + 2] = SPAN_OFFSET;
      let next = writeZigzag(from - end, out, at + 3);
      out[next] = SPAN_LENGTH;
      next = writeVarint(last - from + 1, out, next + 1);
      out[at + 1] = next - (at + 2);
      at = next;
      end = last + 1;
    }
    return at;
  }

  #writeDeltas(counts: Float64Array, found: number, start: number): number {
    const out = this.bytes;
    let at = start;
    let before = 0;
    for (let k = 0; k < found; k++) {
      const last = this.#spans[2 * k + 1] ?? 0;
      for (let i = this.#spans[2 * k] ?? 0; i <= last; i++) {
        const count = counts[i] ?? 0;
        out[at] = POSITIVE_DELTA;
        at = writeZigzag(count - before, out, at + 1);
        before = count;
      }
    }
    return at;
  }
}
