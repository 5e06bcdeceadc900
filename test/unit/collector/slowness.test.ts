import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { shares, whySlow } from '../../../src/collector/slowness.ts';

describe('why data does not go faster', () => {
  test.each([
    ['the receiver does not read fast enough', { open: 10, busy: 9, receiver: 8, sendBuffer: 0.5 }],
    ["the sender's buffer is too small", { open: 10, busy: 9, receiver: 0.5, sendBuffer: 8 }],
    ['the network: window, loss or distance', { open: 10, busy: 9, receiver: 1, sendBuffer: 1 }],
    ['the sender has little to send', { open: 100, busy: 9, receiver: 8, sendBuffer: 0.5 }],
  ])('%s', (words, times) => {
    expect(whySlow(times)?.words).toBe(words);
  });

  test('is not told of nothing', () => {
    expect(whySlow({ open: 0, busy: 0, receiver: 0, sendBuffer: 0 })).toBeNull();
  });

  test('is told with its share of the busy time, or of the idle time', () => {
    expect(whySlow({ open: 10, busy: 8, receiver: 6, sendBuffer: 1 })).toMatchObject({
      brake: 'receiver',
      share: 0.75,
    });
    expect(whySlow({ open: 100, busy: 5, receiver: 5, sendBuffer: 0 })).toMatchObject({
      brake: 'program',
      share: 0.95,
    });
  });
});

test('shares are between 0 and 1 and make up the whole, also where parts were read later than the busy time', () => {
  const seconds = fc.double({ min: 0, max: 1e9, noNaN: true });
  fc.assert(
    fc.property(seconds, seconds, seconds, (busy, receiver, sendBuffer) => {
      const parts = Object.values(shares({ open: 1, busy, receiver, sendBuffer }));
      expect(Math.min(...parts)).toBeGreaterThanOrEqual(0);
      expect(Math.max(...parts)).toBeLessThanOrEqual(1 + 1e-9);
      const sum = parts.reduce((a, b) => a + b, 0);
      expect(sum).toBeCloseTo(busy > 0 ? 1 : 0, 6);
    }),
  );
});
