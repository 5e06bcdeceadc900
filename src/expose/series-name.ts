import type { Metric } from './metric.ts';
import { METRICS } from './metrics.ts';

/** What Prometheus adds to each series that it scrapes. */
const SCRAPE_LABELS = ['job', 'instance'];

/** A name that a query may ask for. */
interface SeriesName {
  readonly metric: Metric;
  /** Labels of the table, and `le` of classic buckets. */
  readonly labels: readonly string[];
}

/** The names under which Prometheus keeps a metric: one, or those of a histogram, native (its own name) and classic. */
function namesOf(metric: Metric): [string, SeriesName][] {
  const own: [string, SeriesName] = [metric.name, { metric, labels: metric.labels }];
  if (metric.type !== 'histogram') return [own];
  return [
    own,
    [`${metric.name}_bucket`, { metric, labels: [...metric.labels, 'le'] }],
    [`${metric.name}_sum`, { metric, labels: metric.labels }],
    [`${metric.name}_count`, { metric, labels: metric.labels }],
  ];
}

/** Every name that a query may ask for. */
const SERIES_NAMES: ReadonlyMap<string, SeriesName> = new Map(METRICS.flatMap(namesOf));

/**
 * What is wrong with a query that asks for a series by this name and these labels (of matchers or of `by`), as a
 * sentence; null if the metric table has it all. `scrapeLabels`: what the scrape adds. For checks of dashboards and
 * rules.
 */
export function whyUnknown(
  name: string,
  labels: readonly string[] = [],
  scrapeLabels: readonly string[] = SCRAPE_LABELS,
): string | null {
  const known = SERIES_NAMES.get(name);
  if (known === undefined) return `no metric of the table is called ${name}`;
  const unknown = labels.filter((label) => !known.labels.includes(label) && !scrapeLabels.includes(label));
  return unknown.length === 0 ? null : `${name} has no label ${unknown.join(', ')}`;
}
