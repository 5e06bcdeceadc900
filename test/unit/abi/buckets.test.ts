// The bucket of a time is the kernel side's own arithmetic, compiled for this machine, against exact numbers.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { DISTRIBUTIONS } from '../../../src/tracker/flow-distributions.ts';
import { findClang } from '../../fixtures/bpf/fixture.ts';

const HEADERS = join(import.meta.dirname, '../../../kernel/include');
const PROGRAM = `
#include <stdio.h>
#include <stdlib.h>
typedef unsigned int __u32;
typedef unsigned long long __u64;
#ifndef __always_inline
#define __always_inline inline
#endif
#include "buckets.h"

int main(void)
{
	unsigned long long value;
	char unit;

	while (scanf(" %c%llu", &unit, &value) == 2)
		printf("%u\\n", unit == 'u' ? bucket_of_us(value) : bucket_of_ns(value));
}
`;

const clang = findClang();
const folder = mkdtempSync(join(tmpdir(), 'netc-buckets-'));

beforeAll(() => {
  if (clang === null) return;
  writeFileSync(join(folder, 'buckets.c'), PROGRAM);
  execFileSync(
    clang,
    ['-O1', '-fsanitize=undefined', '-fsanitize-trap=undefined', '-I', HEADERS, 'buckets.c', '-o', 'buckets'],
    {
      cwd: folder,
    },
  );
});
beforeEach((context) => {
  if (clang === null) context.skip('no clang');
});
afterAll(() => rmSync(folder, { recursive: true }));

function buckets(unit: 'u' | 'n', values: readonly bigint[]): number[] {
  const input = values.map((value) => `${unit}${value}`).join('\n');
  return execFileSync(join(folder, 'buckets'), { input }).toString().trim().split('\n').map(Number);
}

/** Whether value / perSecond <= 2^(halves / 2), in whole numbers: both sides squared and freed of fractions. */
function within(value: bigint, perSecond: bigint, halves: number): boolean {
  const up = halves < 0 ? 2n ** BigInt(-halves) : 1n;
  const bound = halves < 0 ? 1n : 2n ** BigInt(halves);
  return value * value * up <= bound * perSecond * perSecond;
}

/** The bucket by its meaning: how many bounds lie below the value. */
function expected(value: bigint, perSecond: bigint, schema: number, lowestPower: number): number {
  const step = 2 / 2 ** schema; // of the exponent, in halves
  let bucket = 0;
  while (!within(value, perSecond, lowestPower * 2 + bucket * step)) bucket++;
  return bucket;
}

/** The largest value within a bound. */
function largest(perSecond: bigint, halves: number): bigint {
  let value = 0n;
  for (let bit = 2n ** 63n; bit > 0n; bit /= 2n) {
    if (value + bit < 2n ** 64n && within(value + bit, perSecond, halves)) value += bit;
  }
  return value;
}

test.each([
  ['connect', 'u', 1_000_000n, 32n],
  ['rtt', 'u', 1_000_000n, 32n],
  ['duration', 'n', 1_000_000_000n, 64n],
] as const)(
  'each bound of %s belongs to the bucket below it, and the next value does not',
  (name, unit, perSecond, bits) => {
    const { schema, lowestPower, buckets: count } = DISTRIBUTIONS[name];
    const limit = 2n ** bits;
    const bounds = Array.from({ length: count }, (_, i) =>
      largest(perSecond, lowestPower * 2 + (i * 2) / 2 ** schema),
    );
    const values = bounds
      .flatMap((bound) => [bound - 1n, bound, bound + 1n])
      .filter((value) => value >= 0n && value < limit);
    expect(buckets(unit, values)).toEqual(
      values.map((value) => expected(value, perSecond, schema, lowestPower)),
    );
    expect(buckets(unit, [bounds[0] ?? 0n, (bounds[0] ?? 0n) + 1n])).toEqual([0, 1]);
  },
);

test('any time is in the bucket that its bounds say', () => {
  fc.assert(
    fc.property(
      fc.array(fc.bigInt({ min: 0n, max: 2n ** 32n - 1n }), { minLength: 1, maxLength: 200 }),
      fc.array(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), { minLength: 1, maxLength: 200 }),
      (us, ns) => {
        expect(buckets('u', us)).toEqual(us.map((value) => expected(value, 1_000_000n, 1, -18)));
        expect(buckets('n', ns)).toEqual(ns.map((value) => expected(value, 1_000_000_000n, 0, -14)));
      },
    ),
    { numRuns: 50 },
  );
});
