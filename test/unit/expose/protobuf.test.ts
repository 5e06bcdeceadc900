import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CHUNK_BYTES, ChunkPool } from '../../../src/expose/chunk-pool.ts';
import type { HistogramShape, Metric } from '../../../src/expose/metric.ts';
import { METRICS } from '../../../src/expose/metrics.ts';
import type { PageBlock } from '../../../src/expose/page.ts';
import { writePage } from '../../../src/expose/write-page.ts';
import {
  decodeHistogram,
  type DecodedHistogram,
  type FamilyMessage,
  readProtobufPage,
} from '../../support/protobuf-page.ts';
import { anyText } from './any-text.ts';
import { block, countingPacer, exampleBlocks, histogramBlock, labelSet } from './sample-page.ts';

const TYPES: Record<Metric['type'], number> = { counter: 0, gauge: 1, info: 1, histogram: 4 };
const HISTOGRAMS = METRICS.flatMap(({ name, labels, shape }) =>
  shape === undefined ? [] : [{ name, labels, shape }],
);

async function read(blocks: readonly PageBlock[]): Promise<FamilyMessage[]> {
  return readProtobufPage(await writePage(blocks, 'protobuf', new ChunkPool(), countingPacer()));
}

async function readHistogram(
  name: string,
  counts: readonly number[],
  sumSeconds: number,
): Promise<DecodedHistogram> {
  const labels = labelSet(...Array<string>(11).fill('a'));
  const [family] = await read([histogramBlock(name, [labels], [{ counts, sumSeconds }])]);
  const message = family?.metric[0]?.histogram;
  if (!message) throw new Error('no histogram');
  return decodeHistogram(message);
}

/** Counts that leave gaps of all lengths, and some that are as large as they may be. */
function anyCounts({ buckets }: HistogramShape) {
  const count = fc.oneof(
    { weight: 3, arbitrary: fc.constant(0) },
    { weight: 2, arbitrary: fc.nat(1000) },
    { weight: 1, arbitrary: fc.nat({ max: 2 ** 47 }) },
  );
  return fc.array(count, { minLength: buckets, maxLength: buckets });
}

describe('a page of messages', () => {
  test('holds the families of the text pages: names, types, help, units, labels, values', async () => {
    const families = await read(exampleBlocks());
    expect(families.map(({ name }) => name)).toEqual(METRICS.map(({ name }) => name));
    for (const [i, family] of families.entries()) {
      const metric = METRICS[i] as Metric;
      const stem = metric.name.replace(/_total$/, '');
      expect(family).toMatchObject({
        help: metric.help,
        type: TYPES[metric.type],
        unit: metric.unit !== '' && stem.endsWith(`_${metric.unit}`) ? metric.unit : '',
      });
      const given = exampleBlocks()[i] as PageBlock;
      const labels = given.labels.map(({ values }) =>
        values.map((value, k) => ({ name: metric.labels[k], value })),
      );
      expect(family.metric.map(({ label }) => label)).toEqual(labels);
      if ('histograms' in given) continue;
      const values = family.metric.map((message) => message[metric.type === 'counter' ? 'counter' : 'gauge']);
      expect(values.map((message) => message?.value)).toEqual([...given.values]);
    }
  });

  test('without a sample is empty', async () => {
    expect(await read([block('bytes_sent', [], [])])).toEqual([]);
  });

  test('has any label value as it was; lone surrogates, which UTF-8 cannot say, as U+FFFD', async () => {
    await fc.assert(
      fc.asyncProperty(anyText, async (value) => {
        const [family] = await read([block('kube_netc_agent_lost_total', [labelSet(value)], [1])]);
        expect(family?.metric[0]?.label).toEqual([{ name: 'reason', value: value.toWellFormed() }]);
      }),
      { numRuns: 1000 },
    );
  });

  test('has any number as it was', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.double(), { minLength: 1, maxLength: 50 }), async (values) => {
        const labels = values.map(() => labelSet());
        const [family] = await read([block('kube_netc_agent_flows', labels, values)]);
        expect(family?.metric.map(({ gauge }) => gauge?.value)).toEqual(values);
      }),
    );
  });

  test('over any number of chunks has its lengths right, also with one series larger than a chunk', async () => {
    const long = 'x'.repeat(CHUNK_BYTES + 10);
    const labels = Array.from({ length: 3000 }, (_, i) =>
      labelSet(i === 1500 ? long : `${i}-${'y'.repeat(200)}`),
    );
    const values = labels.map((_, i) => i);
    const blocks = [
      block('kube_netc_agent_lost_total', labels, values),
      block('kube_netc_agent_flows', [labelSet()], [7]),
    ];
    const page = await writePage(blocks, 'protobuf', new ChunkPool(), countingPacer());
    expect(page.chunks.length).toBeGreaterThan(3);
    expect(page.samples).toBe(3001);
    expect(page.byteLength).toBe(Buffer.concat(page.chunks).length);
    const families = readProtobufPage(page);
    expect(families[1]?.metric.map(({ counter }) => counter?.value)).toEqual(values);
    expect(families[1]?.metric[1500]?.label[0]?.value).toBe(long);
    expect(families[0]?.metric[0]?.gauge?.value).toBe(7);
  });

  test('lets others have their turn, and is the same', async () => {
    const labels = Array.from({ length: 5000 }, (_, i) => labelSet(`reason-${i}`));
    const blocks = [
      block(
        'kube_netc_agent_lost_total',
        labels,
        labels.map((_, i) => i),
      ),
    ];
    const hurried = countingPacer(5);
    const whole = await writePage(blocks, 'protobuf', new ChunkPool(), countingPacer(0));
    const sliced = await writePage(blocks, 'protobuf', new ChunkPool(), hurried);
    expect(hurried.pauses).toBeGreaterThan(50);
    expect(Buffer.concat(sliced.chunks).equals(Buffer.concat(whole.chunks))).toBe(true);
  });

  test('has its label sets encoded once, beside those of the text pages', async () => {
    const labels = labelSet('a');
    const blocks = [block('kube_netc_agent_lost_total', [labels], [1])];
    await read(blocks);
    const { protobuf } = labels;
    expect(protobuf).not.toBeNull();
    expect(labels.text).toBeNull();
    await writePage(blocks, 'text', new ChunkPool(), countingPacer());
    await read(blocks);
    expect(labels.protobuf).toBe(protobuf);
  });

  test('refuses what does not fit the table', async () => {
    await expect(read([block('kube_netc_agent_lost_total', [labelSet()], [1])])).rejects.toThrow(
      '0 label values for the 1 labels',
    );
  });
});

describe('a native histogram', () => {
  test.each(HISTOGRAMS)('$name says what was counted, and its buckets add up', async ({ name, shape }) => {
    const first = shape.lowestPower * 2 ** shape.schema;
    await fc.assert(
      fc.asyncProperty(anyCounts(shape), fc.double({ min: 0, noNaN: true }), async (counts, sum) => {
        const decoded = await readHistogram(name, counts, sum);
        const given = counts.map((count, i) => [first + i, BigInt(count)] as const).slice(1);
        const filled = (entries: readonly (readonly [number, bigint])[]) => entries.filter(([, n]) => n > 0n);
        expect(filled([...decoded.positive])).toEqual(filled(given));
        expect(decoded.zeroCount).toBe(BigInt(counts[0] ?? 0));
        expect(decoded).toMatchObject({ sum, schema: shape.schema, zeroThreshold: 2 ** shape.lowestPower });
        const all = [...decoded.positive.values()].reduce((total, count) => total + count, decoded.zeroCount);
        expect(decoded.count).toBe(all);
        const upTo = (bound: number): bigint =>
          [...decoded.positive].reduce(
            (total, [number, count]) => (2 ** (number / 2 ** shape.schema) <= bound ? total + count : total),
            decoded.zeroCount,
          );
        expect(decoded.classic).toEqual(shape.classicPowers.map((power) => [2 ** power, upTo(2 ** power)]));
      }),
      { numRuns: 300 },
    );
  });

  test('sends no bucket before the first that counts, none after the last, and no more than two zeros between', async () => {
    const { name, shape } = HISTOGRAMS[0]!;
    await fc.assert(
      fc.asyncProperty(anyCounts(shape), async (counts) => {
        const sent = [...(await readHistogram(name, counts, 1)).positive];
        const text = sent.map(([, count]) => (count === 0n ? '0' : 'x')).join('');
        expect(text).not.toMatch(/^0|0$|000/);
      }),
    );
  });

  test('without observations is one still: it has its zero bucket', async () => {
    const { name, shape } = HISTOGRAMS[0]!;
    const empty = await readHistogram(name, Array<number>(shape.buckets).fill(0), 0);
    expect(empty).toMatchObject({ count: 0n, zeroCount: 0n, zeroThreshold: 2 ** shape.lowestPower });
    expect(empty.positive.size).toBe(0);
  });

  test('counts to 2^53 exactly, up and down', async () => {
    const { name, shape } = HISTOGRAMS[0]!;
    const counts = Array<number>(shape.buckets).fill(0);
    counts[5] = 2 ** 53 - 10;
    counts[6] = 3;
    const decoded = await readHistogram(name, counts, 0);
    expect([...decoded.positive.values()]).toEqual([2n ** 53n - 10n, 3n]);
    expect(decoded.count).toBe(2n ** 53n - 7n);
  });
});
