import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ChunkPool } from '../../../src/expose/chunk-pool.ts';
import type { HistogramShape } from '../../../src/expose/metric.ts';
import { METRICS } from '../../../src/expose/metrics.ts';
import type { PageBlock } from '../../../src/expose/page.ts';
import { writePage } from '../../../src/expose/write-page.ts';
import { countingPacer, histogramBlock, labelSet, textOf } from './sample-page.ts';

const HISTOGRAMS = METRICS.flatMap(({ name, labels, shape }) =>
  shape === undefined ? [] : [{ name, labels, shape }],
);

async function render(...blocks: PageBlock[]): Promise<string> {
  return textOf(await writePage(blocks, 'text', new ChunkPool(), countingPacer()));
}

function edgeLabels() {
  return labelSet(...Array<string>(11).fill('a'));
}

/** Lines of a page as [name, le, value]. */
function samplesOf(page: string): [name: string, le: string | undefined, value: number][] {
  return page
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => [
      line.slice(0, line.indexOf('{')),
      /,le="([^"]*)"\} /.exec(line)?.[1],
      Number(line.slice(line.lastIndexOf(' ') + 1)),
    ]);
}

/** The upper bound of a bucket, by the definition. */
function upperBound({ schema, lowestPower }: HistogramShape, i: number): number {
  return 2 ** ((lowestPower * 2 ** schema + i) / 2 ** schema);
}

describe('a histogram in the text formats', () => {
  test.each(HISTOGRAMS)(
    '$name: each classic bucket has what is not above its bound',
    async ({ name, shape }) => {
      const counts = fc.array(fc.nat(1e9), { minLength: shape.buckets, maxLength: shape.buckets });
      await fc.assert(
        fc.asyncProperty(
          counts,
          fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }),
          async (given, sumSeconds) => {
            const lines = samplesOf(
              await render(histogramBlock(name, [edgeLabels()], [{ counts: given, sumSeconds }])),
            );
            const upTo = (bound: number): number =>
              given.reduce((sum, count, i) => sum + (upperBound(shape, i) <= bound ? count : 0), 0);
            const all = given.reduce((sum, count) => sum + count, 0);
            expect(lines).toEqual([
              ...shape.classicPowers.map((power) => [
                `${name}_bucket`,
                power < 0 ? String(2 ** power) : `${2 ** power}.0`,
                upTo(2 ** power),
              ]),
              [`${name}_bucket`, '+Inf', all],
              [`${name}_sum`, undefined, sumSeconds],
              [`${name}_count`, undefined, all],
            ]);
          },
        ),
      );
    },
  );

  test('shares the encoded labels with the other metrics of its series, and counts its lines as samples', async () => {
    const labels = edgeLabels();
    const [{ name, shape } = HISTOGRAMS[0]!] = HISTOGRAMS;
    const counts = Array<number>(shape.buckets).fill(1);
    const block = histogramBlock(name, [labels], [{ counts, sumSeconds: 1 }]);
    await render(block);
    const { text } = labels;
    const page = await writePage([block], 'openmetrics', new ChunkPool(), countingPacer());
    expect(labels.text).toBe(text);
    expect(page.samples).toBe(shape.classicPowers.length + 3);
  });
});

describe('a histogram that does not fit the table is refused', () => {
  const name = 'kube_netc_edge_connect_duration_seconds';
  test.each([
    ['too few counts', [1, 2], 'a histogram has 2 counts, not 53'],
    ['a count that is no number', [NaN, ...Array<number>(52).fill(0)], 'a histogram counts NaN'],
    ['part of a count', [0.5, ...Array<number>(52).fill(0)], 'a histogram counts 0.5'],
  ])('%s', async (_, counts, message) => {
    await expect(render(histogramBlock(name, [edgeLabels()], [{ counts, sumSeconds: 0 }]))).rejects.toThrow(
      message,
    );
  });

  test('a histogram under the name of a counter, and a number under that of a histogram', async () => {
    await expect(render(histogramBlock('kube_netc_edge_resets_total', [], []))).rejects.toThrow(
      'is a counter',
    );
    const values = new Float64Array(1);
    await expect(render({ metric: name, labels: [edgeLabels()], values, count: 1 })).rejects.toThrow(
      'is a histogram',
    );
  });
});

describe('the shapes of the table', () => {
  test.each(HISTOGRAMS)(
    '$name: classic bounds rise, and each is the bound of a bucket below the last',
    ({ shape }) => {
      const { schema, lowestPower, buckets, classicPowers } = shape;
      expect(classicPowers).toEqual([...new Set(classicPowers)].toSorted((a, b) => a - b));
      expect(Math.min(...classicPowers)).toBeGreaterThanOrEqual(lowestPower);
      expect(Math.max(...classicPowers)).toBeLessThan(lowestPower + (buckets - 1) / 2 ** schema);
      for (const power of classicPowers) expect(Number.isInteger(power)).toBe(true);
      // Within these, Go and JavaScript write the same digits: a series has one `le` whatever the format.
      expect(Math.min(...classicPowers)).toBeGreaterThanOrEqual(-13);
      expect(Math.max(...classicPowers)).toBeLessThanOrEqual(19);
    },
  );

  test('belong to histograms, and every histogram has one', () => {
    for (const { type, shape, labels } of METRICS) {
      expect(shape !== undefined).toBe(type === 'histogram');
      if (shape !== undefined) expect(labels.length).toBeGreaterThan(0); // the text pages count on it
    }
  });
});
