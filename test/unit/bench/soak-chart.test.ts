import { expect, test } from 'vitest';
import { chart } from '../../../bench/soak/chart.ts';

test('a chart is a small SVG with a line a panel within its frame', () => {
  const points = Array.from({ length: 1_000 }, (_, second) => ({ second, value: 50 + (second % 7) }));
  const panel = { title: 'memory', unit: 'MiB', points };
  const svg = chart([panel, panel, { ...panel, points: [] }, panel], 1 / 3);
  expect(svg.length).toBeLessThan(8_000);
  expect(svg).toContain('memory, MiB');
  expect(svg).not.toMatch(/NaN|Infinity|undefined/);
  const lines = [...svg.matchAll(/points="([^"]*)"/g)].map(([, line = '']) =>
    line.split(' ').filter(Boolean),
  );
  expect(lines.map((line) => line.length)).toEqual([80, 80, 0, 80]);
  const ys = lines.flat().map((point) => Number(point.split(',')[1]));
  expect(Math.min(...ys)).toBeGreaterThanOrEqual(20);
  expect(Math.max(...ys)).toBeLessThanOrEqual(100);
});
