import fc from 'fast-check';
import { expect, test } from 'vitest';
import { threshold } from '../../../src/collector/top.ts';

const anySize = fc.oneof(fc.integer({ min: 0, max: 5 }), fc.double({ min: 0, noNaN: true }), fc.constant(0));

test('the threshold is what sorting finds, for any values with any number of equals', () => {
  const chosen = fc
    .array(anySize, { minLength: 1, maxLength: 60 })
    .chain((values) => fc.tuple(fc.constant(values), fc.integer({ min: 1, max: values.length })));
  fc.assert(
    fc.property(chosen, ([values, count]) => {
      const sorted = [...values].sort((a, b) => b - a);
      const scratch = new Float64Array(values.length);
      const found = threshold(Float64Array.from(values), values.length, count, scratch);
      expect(found).toBe(sorted[count - 1]);
      expect(values.filter((value) => value > found).length).toBeLessThan(count);
      expect(values.filter((value) => value >= found).length).toBeGreaterThanOrEqual(count);
    }),
    { numRuns: 1000 },
  );
});

test('only the given length counts, and the values stay as they are', () => {
  const values = Float64Array.of(3, 1, 2, 99, 98);
  expect(threshold(values, 3, 1, new Float64Array(9))).toBe(3);
  expect([...values]).toEqual([3, 1, 2, 99, 98]);
});

test.each([
  ['rising', (i: number) => i],
  ['falling', (i: number) => -i],
  ['equal', () => 7],
  ['a saw', (i: number) => i % 3],
])('100,000 %s values take no more than a moment', (_, value) => {
  const values = Float64Array.from({ length: 100_000 }, (_unused, i) => value(i));
  const scratch = new Float64Array(100_000);
  const startedMs = performance.now();
  const found = threshold(values, 100_000, 2_000, scratch);
  expect(performance.now() - startedMs).toBeLessThan(500); // square time would be many seconds
  expect(found).toBe([...values].sort((a, b) => b - a)[1999]);
});
