import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatBytes, formatDuration, formatUs } from '../../../src/cli/quantities.ts';

describe('bytes', () => {
  test.each([
    [0, '0 B'],
    [1, '1 B'],
    [1023, '1023 B'],
    [1024, '1.00 KiB'],
    [1536, '1.50 KiB'],
    [10_239, '10.0 KiB'],
    [102_399, '100 KiB'],
    [1024 ** 2, '1.00 MiB'],
    [1024 ** 3 * 12.34, '12.3 GiB'],
    [2 ** 64, '16.0 EiB'],
    [2 ** 74, '16384 EiB'],
  ])('%d are %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  test('of any number have three digits and are right within half a percent', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 64, noNaN: true }), (log) => {
        const bytes = Math.floor(2 ** log);
        const [, digits = '', unit = ''] = /^([\d.]+) (\w+)$/.exec(formatBytes(bytes)) ?? [];
        const power = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'].indexOf(unit);
        expect(Math.abs(Number(digits) * 1024 ** power - bytes)).toBeLessThanOrEqual(bytes / 200);
        if (power > 0) expect(digits).toMatch(/^(\d\.\d\d|\d\d\.\d|\d{3,4})$/);
      }),
      { numRuns: 500 },
    );
  });
});

describe('times', () => {
  test.each([
    [null, '-'],
    [0, '0 µs'],
    [999, '999 µs'],
    [1000, '1.00 ms'],
    [25_340, '25.3 ms'],
    [9_999, '10.0 ms'],
    [1_500_000, '1.50 s'],
  ])('%s µs are %s', (us, text) => {
    expect(formatUs(us)).toBe(text);
  });

  test.each([
    [null, '-'],
    [0, '0ms'],
    [340.4, '340ms'],
    [999.9, '999ms'],
    [1000, '1s'],
    [59_999, '59s'],
    [60_000, '1m00s'],
    [184_000, '3m04s'],
    [3_600_000, '1h00m'],
    [7_500_000, '2h05m'],
    [86_400_000, '1d00h'],
    [385_200_000, '4d11h'],
  ])('%s ms are %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });
});
