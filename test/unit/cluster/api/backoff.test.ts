import { describe, expect, test } from 'vitest';
import { Backoff } from '../../../../src/cluster/api/backoff.ts';
import { BoundedMap } from '../../../../src/cluster/api/bounded-map.ts';
import { TokenBucket } from '../../../../src/cluster/api/token-bucket.ts';

describe('the wait after a failure', () => {
  test('has a limit that doubles up to the cap, and begins anew after a reset', () => {
    const backoff = new Backoff({ baseMs: 100, capMs: 1_000, random: () => 1 - Number.EPSILON });
    const waits = (): number[] => Array.from({ length: 6 }, () => Math.round(backoff.nextMs()));
    expect(waits()).toEqual([100, 200, 400, 800, 1_000, 1_000]);
    backoff.reset();
    expect(waits()[0]).toBe(100);
  });

  test('is spread over the whole of it, but for a tenth of the base', () => {
    const backoff = new Backoff({ baseMs: 100, capMs: 1_000, random: () => 0 });
    for (let i = 0; i < 2_000; i++) expect(backoff.nextMs()).toBe(10);
    const spread = new Backoff({ baseMs: 100, capMs: 1_000, random: () => 0.5 });
    expect([spread.nextMs(), spread.nextMs()]).toEqual([50, 100]);
  });
});

describe('a token bucket', () => {
  test('lets the burst through, then so many a second', () => {
    const bucket = new TokenBucket(10, 3, 0);
    expect([1, 2, 3].map(() => bucket.take(0))).toEqual([0, 0, 0]);
    expect(bucket.take(0)).toBe(100);
    expect(bucket.take(100)).toBe(100);
    expect(bucket.take(10_000)).toBe(0); // and is never fuller than the burst
    expect([1, 2].map(() => bucket.take(10_000))).toEqual([0, 0]);
    expect(bucket.take(10_000)).toBe(100);
  });
});

describe('a bounded map', () => {
  test('forgets what was set the longest ago', () => {
    const map = new BoundedMap<string, number>(2);
    map.set('a', 1);
    map.set('b', 2);
    map.set('a', 3);
    map.set('c', 4);
    expect([map.get('a'), map.get('b'), map.get('c'), map.size]).toEqual([3, undefined, 4, 2]);
    map.delete('a');
    expect(map.size).toBe(1);
  });
});
