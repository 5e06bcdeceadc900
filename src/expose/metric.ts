export const GROUPS = ['connections', 'workloads', 'agent'] as const;
/** What `collect[]` of a request picks. */
export type Group = (typeof GROUPS)[number];

/**
 * How a histogram counts. Its own buckets are those of Prometheus' native histograms: counts[0] is the zero bucket, up
 * to 2^lowestPower; counts[i] is above 2^((first+i-1)/2^schema) and up to 2^((first+i)/2^schema), where first is
 * lowestPower * 2^schema. What is above the last is in the last.
 */
export interface HistogramShape {
  /** 2^schema buckets for each power of two. */
  readonly schema: number;
  readonly lowestPower: number;
  /** How many, with the zero bucket. */
  readonly buckets: number;
  /** Upper bounds of the few buckets that the text formats show, as powers of two: each is a bound of the own ones too. */
  readonly classicPowers: readonly number[];
}

/** What a metric is called and means. */
export interface Metric<Name extends string = string> {
  readonly name: Name;
  readonly type: 'gauge' | 'counter' | 'info' | 'histogram';
  /** Base unit, also the end of the name (before `_total`) where the name is ours; '' for plain numbers. */
  readonly unit: '' | 'bytes' | 'seconds';
  readonly group: Group;
  readonly labels: readonly string[];
  /** One full sentence. */
  readonly help: string;
  /** The release that had it first. */
  readonly since: string;
  readonly stability: 'stable' | 'experimental';
  /** Of a histogram, and of nothing else. */
  readonly shape?: HistogramShape;
}

type Row<Name extends string> = Pick<Metric<Name>, 'name' | 'type' | 'unit' | 'help' | 'labels' | 'shape'>;
type Unit = Metric['unit'];

export function gauge<N extends string>(
  name: N,
  unit: Unit,
  help: string,
  labels: readonly string[] = [],
): Row<N> {
  return { name, type: 'gauge', unit, help, labels };
}

export function counter<N extends string>(
  name: N,
  unit: Unit,
  help: string,
  labels: readonly string[] = [],
): Row<N> {
  return { name, type: 'counter', unit, help, labels };
}

export function info<N extends string>(name: N, help: string, labels: readonly string[]): Row<N> {
  return { name, type: 'info', unit: '', help, labels };
}

export function histogram<N extends string>(name: N, help: string, shape: HistogramShape): Row<N> {
  return { name, type: 'histogram', unit: 'seconds', help, labels: [], shape };
}

/** Rows that have the rest in common; `labels` is for those that name none of their own. */
export function table<N extends string>(
  common: Pick<Metric, 'group' | 'labels' | 'since' | 'stability'>,
  rows: readonly Row<N>[],
): Metric<N>[] {
  return rows.map((row) => ({
    ...common,
    ...row,
    labels: row.labels.length > 0 ? row.labels : common.labels,
  }));
}
