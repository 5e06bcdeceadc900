import { METRICS } from '../../src/expose/metrics.ts';
import { type LabelSet, labelSet, type PageBlock } from '../../src/expose/page.ts';

/** Label sets of connections as long as those of a cluster: about 430 bytes encoded. */
function connectionLabels(i: number): LabelSet {
  return labelSet([
    'checkout',
    'backend',
    'checkout-prod',
    '1.42.0',
    'shop',
    'Helm',
    `10.42.${i % 250}.${i % 199}`,
    `10.43.${(i >> 8) % 250}.${i % 251}:${1024 + (i % 60000)}`,
    `checkout-7d4b9c6f5d-${i.toString(36).padStart(5, '0')}`,
    `payments-59f6d8c7b4-${(i * 7).toString(36).padStart(5, '0')}`,
    'pod',
    'pod',
    'shop-production',
    'payments-production',
    `node-${i % 40}.eu-central-1.compute.internal`,
    `node-${i % 37}.eu-central-1.compute.internal`,
  ]);
}

/** Label sets of edges, the same way: about 290 bytes encoded. */
function edgeLabels(i: number): LabelSet {
  return labelSet([
    i % 2 === 0 ? 'source' : 'destination',
    `checkout-${i.toString(36)}`,
    'Deployment',
    'shop-production',
    `payments-${(i * 7).toString(36)}`,
    'StatefulSet',
    'payments-production',
    `payments-api-${i % 97}`,
    String(1024 + (i % 60000)),
    'tcp',
    'cross_zone',
  ]);
}

/** Blocks of the connections group: `series` lines of text. */
export function connectionBlocks(series: number): PageBlock[] {
  const metrics = METRICS.filter(({ group }) => group === 'connections');
  const labels = Array.from({ length: series / metrics.length }, (_, i) => connectionLabels(i));
  return metrics.map(({ name }, m) => ({
    metric: name,
    labels,
    values: Float64Array.from(labels, (_, i) =>
      m >= 2 && m <= 3 ? (i * 12345.678) / 7 : i * 982451653 * (m + 1),
    ),
    count: labels.length,
  }));
}

/** Blocks of the histograms of edges: about `series` lines of text, a tenth as many histograms. */
export function histogramBlocks(series: number): PageBlock[] {
  const metrics = METRICS.flatMap(({ name, shape }) => (shape === undefined ? [] : [{ name, shape }]));
  const lines = metrics.reduce((sum, { shape }) => sum + shape.classicPowers.length + 3, 0);
  const labels = Array.from({ length: Math.round(series / lines) }, (_, i) => edgeLabels(i));
  return metrics.map(({ name, shape }) => ({
    metric: name,
    labels,
    // Eleven neighbours count, and a few far from them.
    histograms: labels.map((_, i) => ({
      counts: Float64Array.from({ length: shape.buckets }, (_unused, k) =>
        (k >= 12 && k < 23) || k === 35 ? (i * 7919 + k * 104729) % 100_000 : 0,
      ),
      sumSeconds: (i * 12345.678) / 7,
    })),
    count: labels.length,
  }));
}
