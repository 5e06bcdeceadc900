import fc from 'fast-check';
import type { Metric } from '../../../src/expose/metric.ts';
import { METRICS } from '../../../src/expose/metrics.ts';
import type { PageBlock } from '../../../src/expose/page.ts';
import { anyText } from './any-text.ts';
import { block, histogramBlock, labelSet } from './sample-page.ts';

const anyNumber = fc.oneof(fc.double(), fc.maxSafeNat(), fc.constantFrom(0, -0, 2 ** 31, 2 ** 53));

function anyBlock(metric: Metric): fc.Arbitrary<PageBlock> {
  const labels = fc.array(anyText, { minLength: metric.labels.length, maxLength: metric.labels.length });
  // Two series of the same labels would be one: scrapers take only one of them.
  const sets = fc.uniqueArray(labels, {
    maxLength: 4,
    selector: (values) => values.join('\0').toWellFormed(),
  });
  return sets.chain((series): fc.Arbitrary<PageBlock> => {
    const made = series.map((values) => labelSet(...values));
    const size = { minLength: made.length, maxLength: made.length };
    if (metric.shape === undefined) {
      return fc.array(anyNumber, size).map((values) => block(metric.name, made, values));
    }
    const { buckets } = metric.shape;
    const count = fc.oneof(fc.constant(0), fc.nat(1000), fc.nat({ max: 2 ** 46 }));
    const counts = fc.array(count, { minLength: buckets, maxLength: buckets });
    return fc
      .array(fc.record({ counts, sumSeconds: fc.double() }), size)
      .map((histograms) => histogramBlock(metric.name, made, histograms));
  });
}

/** Blocks of some metrics of the table, in the order of the table, each with up to four series of any labels and numbers. */
export const anyPage: fc.Arbitrary<PageBlock[]> = fc
  .subarray([...METRICS] as Metric[], { minLength: 1, maxLength: 8 })
  .chain((metrics) => fc.tuple(...metrics.map(anyBlock)));
