import fc from 'fast-check';
import { expect, test } from 'vitest';
import { choose } from '../../../src/collector/top.ts';

const anySize = fc.oneof(fc.integer({ min: -5, max: 5 }), fc.double({ noNaN: true }), fc.constant(0));

/** Which are taken, in order. */
function largest(values: readonly number[], length: number, count: number): number[] {
  const work = choose(Float64Array.from(values), length, count);
  for (;;) {
    const { done, value } = work.next();
    if (done === true) return values.slice(0, length).filter((size) => value.take(size));
  }
}

test('as many as there is room for are taken, the largest, whatever the values are and however many are equal', () => {
  fc.assert(
    fc.property(fc.array(anySize, { maxLength: 60 }), fc.integer({ min: -1, max: 61 }), (values, count) => {
      const chosen = largest(values, values.length, count);
      const sorted = values.toSorted((a, b) => b - a);
      const expected = sorted.slice(0, Math.max(0, count)).map((size) => size + 0); // -0 is 0
      expect(chosen.map((size) => size + 0).toSorted((a, b) => b - a)).toEqual(expected);
    }),
    { numRuns: 1000, examples: [[[-Infinity, 0], 2]] },
  );
});

test('of equal ones the first are taken, and only the given length counts', () => {
  expect(largest([7, 3, 7, 2, 7, 99], 5, 2)).toEqual([7, 7]);
  const work = choose(Float64Array.of(1, 5, 5), 3, 1);
  const { value } = [...Array(9)].map(() => work.next()).find(({ done }) => done === true) ?? {};
  expect([1, 5, 5].map((size) => value?.take(size))).toEqual([false, true, false]);
});

/** Values that count how often they are read and written. */
function counted(values: Float64Array): { values: Float64Array; touched: () => number } {
  let count = 0;
  const proxy = new Proxy(values, {
    get: (target, key) => {
      count++;
      return target[Number(key)];
    },
    set: (target, key, value: number) => {
      count++;
      target[Number(key)] = value;
      return true;
    },
  });
  return { values: proxy, touched: () => count };
}

test.each([
  ['rising', (i: number) => i],
  ['falling', (i: number) => -i],
  ['equal', () => 7],
  ['a saw', (i: number) => i % 1000],
])(
  'of a million %s values some ten thousand are looked at in one piece, and each a few times',
  (_, value) => {
    const million = Float64Array.from({ length: 1_000_000 }, (_unused, i) => value(i));
    const expected = million.toSorted()[998_000] ?? NaN;
    const { values, touched } = counted(million);
    const work = choose(values, 1_000_000, 2_000);
    let [before, longest] = [0, 0];
    for (;;) {
      const { done, value: choice } = work.next();
      longest = Math.max(longest, touched() - before);
      before = touched();
      if (done !== true) continue;
      expect(longest).toBeLessThan(100_000); // four times for each of 16,384
      expect(touched()).toBeLessThan(30_000_000); // 24 million where all are equal; the square would be 10^12
      expect([choice.take(expected), choice.take(expected + 1), choice.take(expected - 1)]).toEqual([
        true,
        true,
        false,
      ]);
      return;
    }
  },
);
