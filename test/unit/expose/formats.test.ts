// What the three formats say of the same blocks, read by readers that are not part of what writes them.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ChunkPool } from '../../../src/expose/chunk-pool.ts';
import type { Metric } from '../../../src/expose/metric.ts';
import { METRICS } from '../../../src/expose/metrics.ts';
import type { Format, Page, PageBlock } from '../../../src/expose/page.ts';
import { writePage } from '../../../src/expose/write-page.ts';
import { Page as TextPage, type Sample } from '../../support/page.ts';
import { decodeHistogram, readProtobufPage } from '../../support/protobuf-page.ts';
import { anyPage } from './random-page.ts';
import { countingPacer, textOf } from './sample-page.ts';

function make(blocks: readonly PageBlock[], format: Format): Promise<Page> {
  return writePage(blocks, format, new ChunkPool(), countingPacer());
}

function metricNamed(name: string): Metric {
  const metric = METRICS.find((candidate) => candidate.name === name);
  if (metric === undefined) throw new Error(`no metric ${name}`);
  return metric;
}

/** What the blocks are to become, from the definition of histograms. */
function expectedSamples(blocks: readonly PageBlock[]): Sample[] {
  return blocks.flatMap((block) => {
    const { name, labels: names, shape } = metricNamed(block.metric);
    return block.labels.flatMap(({ values }, i): Sample[] => {
      const labels = Object.fromEntries(names.map((label, k) => [label, (values[k] ?? '').toWellFormed()]));
      if (!('histograms' in block)) return [{ name, labels, value: block.values[i] ?? NaN }];
      const { counts, sumSeconds } = block.histograms[i] ?? { counts: new Float64Array(), sumSeconds: NaN };
      const { schema = 0, lowestPower = 0, classicPowers = [] } = shape ?? {};
      const upTo = (bound: number): number =>
        counts.reduce(
          (sum, count, k) => (2 ** (lowestPower + k / 2 ** schema) <= bound ? sum + count : sum),
          0,
        );
      const bound = (power: number): string => (power < 0 ? String(2 ** power) : `${2 ** power}.0`);
      return [
        ...classicPowers.map((power) => ({
          name: `${name}_bucket`,
          labels: { ...labels, le: bound(power) },
          value: upTo(2 ** power),
        })),
        { name: `${name}_bucket`, labels: { ...labels, le: '+Inf' }, value: upTo(Infinity) },
        { name: `${name}_sum`, labels, value: sumSeconds },
        { name: `${name}_count`, labels, value: upTo(Infinity) },
      ];
    });
  });
}

/** Numbers as both text formats write the three that JavaScript does not read. */
function withNumbers(page: string): TextPage {
  return new TextPage(page.replaceAll(/ ([+-])Inf$/gm, ' $1Infinity'));
}

test('both text formats have every sample, with any labels and numbers', async () => {
  await fc.assert(
    fc.asyncProperty(anyPage, async (blocks) => {
      const expected = expectedSamples(blocks).map((sample) => ({ ...sample, value: sample.value + 0 }));
      const text = await make(blocks, 'text');
      expect(withNumbers(textOf(text)).samples).toEqual(expected);
      expect(text.samples).toBe(expected.length);
      expect(withNumbers(textOf(await make(blocks, 'openmetrics'))).samples).toEqual(expected);
    }),
    { numRuns: 300 },
  );
});

test('OpenMetrics has each family once: its type, unit and help, then its samples, and an end', async () => {
  await fc.assert(
    fc.asyncProperty(anyPage, async (blocks) => {
      const lines = textOf(await make(blocks, 'openmetrics')).split('\n');
      expect(lines.splice(-2)).toEqual(['# EOF', '']);
      const families: string[] = [];
      for (const line of lines) {
        const [, type, family = ''] = /^# (TYPE|UNIT|HELP) (\S+) /.exec(line) ?? [];
        if (type === 'TYPE') families.push(family);
        expect(type ? family : line.slice(0, families.at(-1)?.length)).toBe(families.at(-1));
      }
      const filled = blocks.filter(({ count }) => count > 0).map(({ metric }) => metricNamed(metric));
      expect(families).toEqual(
        filled.map(({ name, type }) =>
          ['counter', 'info'].includes(type) ? name.replace(/_[a-z]+$/, '') : name,
        ),
      );
    }),
  );
});

test('protobuf has every series of the text page', async () => {
  await fc.assert(
    fc.asyncProperty(anyPage, async (blocks) => {
      const samples = readProtobufPage(await make(blocks, 'protobuf')).flatMap(({ name, metric }) =>
        metric.flatMap(({ label, gauge, counter, histogram }): Sample[] => {
          const labels = Object.fromEntries(label.map((pair) => [pair.name, pair.value]));
          if (!histogram) return [{ name, labels, value: (gauge ?? counter)?.value ?? Infinity }];
          const { classic, count, sum } = decodeHistogram(histogram);
          return [
            ...classic.map(([bound, n]) => ({
              name: `${name}_bucket`,
              labels: { ...labels, le: Number.isInteger(bound) ? `${bound}.0` : String(bound) },
              value: Number(n),
            })),
            { name: `${name}_bucket`, labels: { ...labels, le: '+Inf' }, value: Number(count) },
            { name: `${name}_sum`, labels, value: sum },
            { name: `${name}_count`, labels, value: Number(count) },
          ];
        }),
      );
      expect(samples).toEqual(expectedSamples(blocks));
    }),
    { numRuns: 300 },
  );
});
