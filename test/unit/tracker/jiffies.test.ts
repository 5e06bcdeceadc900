import fc from 'fast-check';
import { expect, test } from 'vitest';
import { jiffiesPerSecond } from '../../../src/tracker/jiffies.ts';

// INITIAL_JIFFIES of the kernel: five minutes before 32 bits overflow
const BOOT = 2 ** 32 - 300 * 1000;

test.each([100, 250, 300, 1000])('%d jiffies a second are told from 50 ms, a jiffy more or less', (hz) => {
  fc.assert(
    fc.property(
      fc.integer({ min: 50, max: 5_000 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.integer({ min: 0, max: 2 ** 40 }),
      (ms, phase, uptimeMs) => {
        const at = (sinceMs: number): number => BOOT + Math.floor((sinceMs * hz) / 1000 + phase);
        const from = { jiffies: at(0), ns: uptimeMs * 1e6 };
        const told = jiffiesPerSecond(from, { jiffies: at(ms), ns: from.ns + ms * 1e6 });
        expect(told).toBe(hz);
      },
    ),
  );
});

test('clocks that stand still or go back give one of the rates that kernels have', () => {
  const now = { jiffies: 1_000, ns: 5e9 };
  expect(jiffiesPerSecond(now, now)).toBe(100);
  expect(jiffiesPerSecond(now, { jiffies: 900, ns: 4.5e9 })).toBe(100);
  expect(jiffiesPerSecond(now, { jiffies: 900, ns: 6e9 })).toBe(100);
  expect(jiffiesPerSecond(now, { jiffies: 1_000_000, ns: 5e9 + 1 })).toBe(1000);
});
