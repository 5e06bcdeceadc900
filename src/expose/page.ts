/**
 * One set of label values: made once per series by the collector and kept while the series lives.
 * It belongs to one list of label names: metrics that share a set must have the same labels in the same order.
 */
export interface LabelSet {
  readonly values: readonly string[];
  /** The encoders' caches, by kind of format: written at the first page of it, read at the next ones. */
  text: Uint8Array | null;
  protobuf: Uint8Array | null;
}

/** A set of label values, in the order of the metric's labels in the table. */
export function labelSet(values: readonly string[]): LabelSet {
  return { values, text: null, protobuf: null };
}

/**
 * All samples of one metric: series i has labels[i] and values[i], and only the first `count` count.
 * Counters are never negative and never fall while their series lives: the maker of the block sees to that.
 */
export interface Block {
  /** A name of the metric table. */
  readonly metric: string;
  readonly labels: readonly LabelSet[];
  readonly values: Float64Array;
  readonly count: number;
}

/** What one series of a histogram has counted since it began. */
export interface HistogramValues {
  /** Whole numbers, one a bucket, as the shape of the metric in the table says; not cumulative over the buckets. */
  readonly counts: Float64Array;
  readonly sumSeconds: number;
}

/** All series of one histogram of the metric table: as a Block, but with many numbers for each series. */
export interface HistogramBlock {
  readonly metric: string;
  readonly labels: readonly LabelSet[];
  readonly histograms: readonly HistogramValues[];
  readonly count: number;
}

/** What pages are made of. */
export type PageBlock = Block | HistogramBlock;

/** Text 0.0.4 of Prometheus, OpenMetrics 1.0, or Prometheus' messages of protocol buffers. */
export type Format = 'text' | 'openmetrics' | 'protobuf';

export const CONTENT_TYPES: Readonly<Record<Format, string>> = {
  text: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
  protobuf: 'application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited',
};

/** The bytes of one page, in order. Nobody writes to the chunks until they are given back to their pool. */
export interface Page {
  readonly chunks: readonly Uint8Array<ArrayBuffer>[];
  readonly byteLength: number;
  readonly samples: number;
}

/** How a long piece of work lets others have their turn. */
export interface Pacer {
  /** Milliseconds of a clock that never goes back. */
  nowMs(): number;
  /** Resolves after the event loop had a turn. */
  pause(): Promise<void>;
}
