import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Distributions } from '../../../src/abi/records.gen.ts';
import {
  type DistributionName,
  DISTRIBUTIONS,
  emptyDistributions,
  FlowDistributions,
} from '../../../src/tracker/flow-distributions.ts';

const ROWS = 4;
const NAMES = Object.keys(DISTRIBUTIONS) as DistributionName[];
const SUMS = {
  connect: [Distributions.connectSumUs, 1e-6],
  rtt: [Distributions.rttSumUs, 1e-6],
  duration: [Distributions.durationSumBinaryUs, 1.024e-6],
} as const;

/** The memory of the map, written by hand instead of by the kernel. */
class KernelMemory {
  readonly buffer = new ArrayBuffer(ROWS * Distributions.size);
  readonly #view = new DataView(this.buffer);

  add(row: number, name: DistributionName, bucket: number, units: number): void {
    this.addCount(row, name, bucket);
    const at = row * Distributions.size + SUMS[name][0];
    this.#view.setBigUint64(at, this.#view.getBigUint64(at, true) + BigInt(units), true);
  }

  addCount(row: number, name: DistributionName, bucket: number, more = 1): void {
    const at = row * Distributions.size + Distributions[name] + bucket * 4;
    this.#view.setUint32(at, this.#view.getUint32(at, true) + more, true);
  }

  release(row: number): void {
    new Uint8Array(this.buffer).fill(0, row * Distributions.size, (row + 1) * Distributions.size);
  }
}

function setUp(): { memory: KernelMemory; distributions: FlowDistributions } {
  const memory = new KernelMemory();
  return { memory, distributions: new FlowDistributions(memory.buffer, ROWS) };
}

describe('what a flow has measured', () => {
  test('is taken once, each bucket of each distribution in its place', () => {
    const { memory, distributions } = setUp();
    const into = emptyDistributions();
    for (const name of NAMES) {
      const last = DISTRIBUTIONS[name].buckets - 1;
      memory.add(2, name, 0, 3);
      memory.add(2, name, 5, 1000);
      memory.add(2, name, 5, 2000);
      memory.add(2, name, last, 1e9);
      memory.add(1, name, 7, 9);
    }
    distributions.take(2, into);
    distributions.take(2, into);
    distributions.take(3, into);
    for (const name of NAMES) {
      const expected = new Float64Array(DISTRIBUTIONS[name].buckets);
      expected[0] = 1;
      expected[5] = 2;
      expected[DISTRIBUTIONS[name].buckets - 1] = 1;
      expect([name, ...into[name].counts]).toEqual([name, ...expected]);
      expect(into[name].sumSeconds).toBeCloseTo(1_000_003_003 * SUMS[name][1], 9);
    }
  });

  test('is added to what is there already', () => {
    const { memory, distributions } = setUp();
    const into = emptyDistributions();
    into.rtt.counts[4] = 40;
    into.rtt.sumSeconds = 2;
    memory.add(0, 'rtt', 4, 1e6);
    distributions.take(0, into);
    expect([into.rtt.counts[4], into.rtt.sumSeconds]).toEqual([41, 3]);
  });

  test('is taken at the next call where the kernel had added to the count alone, or to the sum alone', () => {
    const { memory, distributions } = setUp();
    const into = emptyDistributions();
    memory.addCount(1, 'connect', 3);
    distributions.take(1, into);
    memory.add(1, 'connect', 3, 8);
    distributions.take(1, into);
    expect([into.connect.counts[3], into.connect.sumSeconds]).toEqual([2, 8e-6]);
    memory.addCount(1, 'connect', 4); // seen after its sum: the sum has moved at the call before
    distributions.take(1, into);
    expect(into.connect.counts[4]).toBe(1);
  });

  test('goes on where a count of the kernel wraps', () => {
    const { memory, distributions } = setUp();
    const into = emptyDistributions();
    memory.addCount(1, 'duration', 9, 2 ** 32 - 1);
    memory.add(1, 'duration', 8, 1);
    distributions.take(1, into);
    memory.addCount(1, 'duration', 9, 2);
    memory.add(1, 'duration', 8, 1);
    distributions.take(1, into);
    expect(into.duration.counts[9]).toBe(2 ** 32 + 1);
  });

  test('is of the next flow from 0 when the book was given back', () => {
    const { memory, distributions } = setUp();
    memory.add(1, 'rtt', 9, 5);
    memory.add(1, 'rtt', 9, 5);
    distributions.take(1, emptyDistributions());
    memory.release(1);
    distributions.clear(1);
    memory.add(1, 'rtt', 9, 10);
    const next = emptyDistributions();
    distributions.take(1, next);
    expect([next.rtt.counts[9], next.rtt.sumSeconds]).toEqual([1, 1e-5]);
  });

  test('is whole whenever it is taken', () => {
    const step = fc.record({
      row: fc.nat(ROWS - 1),
      name: fc.constantFrom(...NAMES),
      bucket: fc.nat(40),
      units: fc.integer({ min: 1, max: 1e6 }),
      take: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const { memory, distributions } = setUp();
        const into = Array.from({ length: ROWS }, emptyDistributions);
        for (const { row, name, bucket, units, take } of steps) {
          memory.add(row, name, bucket, units);
          if (take) into.forEach((all, i) => distributions.take(i, all));
        }
        into.forEach((all, i) => distributions.take(i, all));
        const count = into.flatMap((all) => NAMES.map((name) => all[name].counts.reduce((a, b) => a + b)));
        expect(count.reduce((a, b) => a + b)).toBe(steps.length);
      }),
    );
  });
});
