import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { rate, readU64, readU64Live, secondsBetween } from '../../../src/tracker/words.ts';

const MAX = 2n ** 64n - 1n;
const anyU64 = fc.oneof(
  fc.bigInt({ min: 0n, max: MAX }),
  fc.constantFrom(0n, 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 63n, MAX),
);
const anyNumber = fc.oneof(
  fc.double({ noNaN: true }),
  fc.integer({ min: 0 }),
  fc.constantFrom(0, 1e9, 2 ** 64),
);

function wordsOf(values: readonly bigint[]): Uint32Array {
  return new Uint32Array(BigUint64Array.from(values).buffer);
}

describe('a u64', () => {
  test.each([readU64, readU64Live])('of any size is its nearest double, never negative (%o)', (read) => {
    fc.assert(
      fc.property(anyU64, anyU64, (before, value) => {
        expect(read(wordsOf([before, value]), 8)).toBe(Number(value));
        expect(read(wordsOf([before, value]), 8)).toBeGreaterThanOrEqual(0);
      }),
    );
    expect(read(wordsOf([MAX]), 0)).toBe(2 ** 64);
    expect(read(wordsOf([2n ** 53n]), 0)).toBe(2 ** 53);
  });

  test.each([readU64, readU64Live])('beyond the memory is 0 (%o)', (read) => {
    expect(read(wordsOf([MAX]), 8)).toBe(0);
  });
});

/** Memory in which somebody adds to the first u64 before the accesses of the given numbers. */
function changing(values: readonly bigint[], before: readonly number[]): Uint32Array {
  const words = wordsOf([values[0] ?? 0n]);
  let accesses = 0;
  let now = 0;
  return new Proxy(words, {
    get(target, key) {
      if (!/^\d+$/.test(String(key))) return Reflect.get(target, key, target) as unknown;
      while (before[now] === accesses) new BigUint64Array(target.buffer)[0] = values[++now] ?? 0n;
      accesses++;
      return target[Number(key)];
    },
  });
}

describe('a u64 that the kernel adds to', () => {
  test('is read again when it carries into its upper half meanwhile', () => {
    const almost = 2n ** 32n - 1n;
    for (const access of [0, 1, 2, 3, 4, 5]) {
      expect(readU64Live(changing([almost, almost + 1n], [access]), 0)).toBeOneOf([2 ** 32 - 1, 2 ** 32]);
    }
  });

  test('is a value that it had, whenever and however often it changes', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: 2n ** 52n }),
        fc.array(fc.tuple(fc.bigInt({ min: 0n, max: 2n ** 33n }), fc.integer({ min: 0, max: 8 })), {
          maxLength: 6,
        }),
        (start, changes) => {
          const values = [start];
          for (const [more] of changes) values.push((values.at(-1) ?? 0n) + more);
          const when = changes.map(([, access]) => access).sort((a, b) => a - b);
          expect(readU64Live(changing(values, when), 0)).toBeOneOf(values.map(Number));
        },
      ),
      { numRuns: 1000 },
    );
  });
});

describe('a rate', () => {
  test('is 0 where no time has passed or time or the counter went back', () => {
    expect(rate(100, 300, 2)).toBe(100);
    expect(rate(100, 300, 0)).toBe(0);
    expect(rate(100, 300, -1)).toBe(0);
    expect(rate(300, 100, 2)).toBe(0);
    expect(rate(100, 300, NaN)).toBe(0);
    expect(secondsBetween(1e9, 3.5e9)).toBe(2.5);
    expect(secondsBetween(3e9, 1e9)).toBe(0);
    expect(secondsBetween(3e9, 3e9)).toBe(0);
  });

  test('of any counter over any time is never negative, never NaN', () => {
    fc.assert(
      fc.property(anyNumber, anyNumber, anyNumber, anyNumber, (before, after, from, to) => {
        const seconds = secondsBetween(from, to);
        expect(seconds).toBeGreaterThanOrEqual(0);
        expect(rate(before, after, seconds)).toBeGreaterThanOrEqual(0);
        expect(rate(before, after, before)).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});
