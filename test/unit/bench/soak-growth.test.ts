import { describe, expect, test } from 'vitest';
import { growthOf, judged, median, type Point } from '../../../bench/soak/growth.ts';
import { verdict } from '../../../bench/soak/quantities.ts';

/** A value each 5 s for half an hour. */
function course(value: (second: number) => number): Point[] {
  return Array.from({ length: 360 }, (_, i) => ({ second: i * 5, value: value(i * 5) }));
}

/** Memory as a collector makes it: it rises by 4 MiB in half a minute and falls again. */
const sawtooth = (second: number): number => 50 + ((second % 30) / 30) * 4;
const LEAK_MIB_PER_SECOND = 0.004;

describe('a soak', () => {
  test('takes no rise and fall, no single high value and no warm-up for growth', () => {
    const flat = course(
      (second) => sawtooth(second) + (second % 400 === 0 ? 100 : 0) - (second < 500 ? 30 : 0),
    );
    expect(verdict('anonMiB', flat)).toMatchObject({ grows: false });
    expect(Math.abs(growthOf(judged(flat)))).toBeLessThan(0.2);
  });

  test('finds a leak of 4 kB a second below it, and what falls is none', () => {
    const leak = (sign: number): Point[] =>
      course((second) => sawtooth(second) + sign * second * LEAK_MIB_PER_SECOND);
    const found = verdict('anonMiB', leak(1));
    expect(found.grows).toBe(true);
    expect(found.growth).toBeCloseTo(900 * LEAK_MIB_PER_SECOND, 0);
    expect(verdict('anonMiB', leak(-1)).grows).toBe(false);
  });

  test('allows descriptors that come and go, and not three that stay', () => {
    const coming = course((second) => 60 + ((second / 5) % 3));
    const staying = course((second) => 60 + Math.floor(second / 500));
    expect(verdict('descriptors', coming).grows).toBe(false);
    expect(verdict('descriptors', staying).grows).toBe(true);
  });

  test('that has measured nothing of a quantity fails', () => {
    expect(verdict('flows', []).grows).toBe(true);
  });
});

test('the median is the value in the middle, or between the two that are', () => {
  expect([median([3, 1, 2]), median([4, 1, 2, 3]), median([])]).toEqual([2, 2.5, NaN]);
});
