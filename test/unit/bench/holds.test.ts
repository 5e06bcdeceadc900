import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Figures } from '../../../bench/support/bench.ts';
import { HoldsOf, type HoldWindow } from '../../../bench/support/holds.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'kube-netc-holds-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A machine of which processor 1 stood still from 1,000 to 1,030. */
const standstill = {
  of: (cpu: number, fromMs: number, toMs: number): number =>
    cpu === 1 ? Math.max(0, Math.min(toMs, 1_030) - Math.max(fromMs, 1_000)) : 0,
  longest: (): number => 30,
};

function longest(windows: readonly HoldWindow[]): number | undefined {
  const file = join(folder, 'holds.json');
  writeFileSync(file, JSON.stringify(windows));
  const figures = new Figures();
  new HoldsOf(file, standstill).addTo(figures, {}, 900, 2_000);
  return figures.all.find(({ what }) => what === 'event loop held, longest')?.max;
}

const quiet: HoldWindow = [995, 0.2, 0, 0];

test('a turn of the event loop is a hold', () => {
  expect(longest([quiet, [1_031, 31, 0, 0]])).toBe(31);
});

test('what the thread waited for a processor is not, though the turn is told of a window later', () => {
  expect(longest([quiet, [1_031, 0.1, 29, 0], [1_036, 31, 0, 0]])).toBe(2);
});

test('what its processor was gone is not', () => {
  expect(longest([quiet, [1_031, 31, 0, 1]])).toBe(1);
  expect(longest([quiet, [1_031, 0.1, 0, 1], [1_036, 32, 0, 1]])).toBe(2);
});

test('who waits for a processor that is gone has not lost the time twice', () => {
  expect(longest([quiet, [1_050, 50, 30, 1]])).toBe(20);
});

test('what was before or after is not looked at', () => {
  expect(longest([[899, 50, 0, 0], quiet, [2_001, 50, 0, 0]])).toBe(0.2);
});
