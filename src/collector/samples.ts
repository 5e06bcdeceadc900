import type { MetricName } from '../expose/metrics.ts';
import { type Block, labelSet } from '../expose/page.ts';

/** One number of a small metric: the agent's own, the audit's. Large groups make their columns themselves. */
export interface Sample {
  readonly metric: MetricName;
  /** Label values in the order of the metric table. */
  readonly labels: readonly string[];
  readonly value: number;
}

/** Samples as blocks, one a metric, in the order in which the metrics first come. */
export function toBlocks(samples: readonly Sample[]): Block[] {
  const byMetric = new Map<MetricName, Sample[]>();
  for (const sample of samples) {
    const list = byMetric.get(sample.metric);
    if (list) list.push(sample);
    else byMetric.set(sample.metric, [sample]);
  }
  return [...byMetric].map(([metric, list]) => ({
    metric,
    labels: list.map((sample) => labelSet(sample.labels)),
    values: Float64Array.from(list, (sample) => sample.value),
    count: list.length,
  }));
}
