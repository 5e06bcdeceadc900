import type { Metric } from '../../../src/expose/metric.ts';
import { METRICS } from '../../../src/expose/metrics.ts';
import {
  type Block,
  type HistogramBlock,
  type LabelSet,
  labelSet as makeLabelSet,
  type Pacer,
  type Page,
  type PageBlock,
} from '../../../src/expose/page.ts';

/** A pacer that only counts: no test waits for a clock. Each look at the clock takes `stepMs`. */
export function countingPacer(stepMs = 0): Pacer & { pauses: number } {
  let now = 0;
  return {
    pauses: 0,
    nowMs: () => (now += stepMs),
    async pause() {
      this.pauses++;
      await Promise.resolve();
    },
  };
}

export function textOf(page: Page): string {
  return Buffer.concat(page.chunks).toString();
}

export function labelSet(...values: string[]): LabelSet {
  return makeLabelSet(values);
}

/** A block of the metric with these label sets and values. */
export function block(metric: string, labels: readonly LabelSet[], values: readonly number[]): Block {
  return { metric, labels, values: Float64Array.from(values), count: labels.length };
}

const NGINX = [
  '',
  '',
  '',
  '',
  '',
  '',
  '10.0.0.1',
  '[2001:db8::7]:443',
  'nginx.service',
  '',
  'unit',
  '',
  '',
  '',
  '',
  '',
];
const CURL = [
  '',
  '',
  '',
  '',
  '',
  '',
  '127.0.0.1',
  '127.0.0.1:9655',
  'cu"r\\l\nü',
  '',
  'process',
  '',
  '',
  '',
  '',
  '',
];

function exampleValues(metric: Metric): string[][] {
  if (metric.group === 'connections') return [NGINX, CURL];
  return [metric.labels.map((label) => (label === 'destination_port' ? '443' : label.replaceAll('_', '-')))];
}

/** A histogram's block: counts of its buckets and the sum, by series. */
export function histogramBlock(
  metric: string,
  labels: readonly LabelSet[],
  series: readonly { readonly counts: readonly number[]; readonly sumSeconds: number }[],
): HistogramBlock {
  const histograms = series.map(({ counts, sumSeconds }) => ({
    counts: Float64Array.from(counts),
    sumSeconds,
  }));
  return { metric, labels, histograms, count: labels.length };
}

/** Two series of each connection metric, one of every other: every line form that a page can have. */
export function exampleBlocks(): PageBlock[] {
  const sets = [labelSet(...NGINX), labelSet(...CURL)];
  return METRICS.map((metric: Metric, i) => {
    const labels =
      metric.group === 'connections' ? sets : exampleValues(metric).map((values) => labelSet(...values));
    if (metric.shape !== undefined) {
      const counts = Array.from({ length: metric.shape.buckets }, (_, k) => (k % 5 === 0 ? i + k : 0));
      return histogramBlock(metric.name, labels, [{ counts, sumSeconds: i + 0.125 }]);
    }
    const values = labels.map((_, k) =>
      metric.type === 'info' ? 1 : (i + 1) * 1000 + k + (metric.unit === 'seconds' ? 0.25 : 0),
    );
    return block(metric.name, labels, values);
  });
}
