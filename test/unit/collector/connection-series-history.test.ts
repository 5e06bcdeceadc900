import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Block } from '../../../src/expose/page.ts';
import { FlowState } from '../../../src/tracker/flow-table.ts';
import { type Chapter, histories, live } from './history.ts';
import type { Machine } from './machine.ts';
import { bytesOf, OTHER_NAME, Page, type Series, sum } from './series-page.ts';

/** The pairs that have flows now. */
function livingPairs(machine: Machine): Set<string> {
  const pairs = new Set<string>();
  for (const [row, { owner, local, remote, protocol }] of machine.specs) {
    if (machine.flows.state[row] === FlowState.free) continue;
    const name = owner === 0 ? '/' : `unit/${machine.identity.of.get(owner) ?? `cgroup ${owner}`}`;
    const unknown = protocol === 17 ? 'unknown' : '::';
    pairs.add(`${name} 10.0.0.${local} ${remote === 0 ? unknown : `10.1.0.${remote}`}`);
  }
  return pairs;
}

/** What must hold of any page whatever the machine does. */
function checkPage(page: Page, now: readonly Series[]): void {
  const { machine, series } = page;
  expect(now.length).toBeLessThanOrEqual(series.budget);
  expect(series.stats.series).toBe(now.length);
  expect(series.unknownOwnerBytes).toBe(machine.unknownBytes);
  expect(new Set(now.map(({ name }) => name)).size).toBe(now.length);
  expect(sum(now, 'sent')).toBe(machine.booked.sent);
  expect(sum(now, 'received')).toBe(machine.booked.received);
  expect(sum(now, 'active')).toBe(machine.active());
  const living = livingPairs(machine).add(OTHER_NAME);
  expect(now.filter(({ pair }) => !living.has(pair))).toEqual([]);
  const isSane = (value: unknown): boolean =>
    typeof value === 'string' || (Number(value) >= 0 && Number(value) < Infinity);
  expect(now.filter((one) => !Object.values(one).every(isSane))).toEqual([]);
}

/** Copies what a page was, to see later that it has stayed so. */
function copyOf(blocks: readonly Block[]): string {
  const copy = blocks.map(({ metric, labels, values, count }) => ({
    metric,
    labels: labels.slice(0, count).map((set) => set.values.join()),
    values: [...values.subarray(0, count)],
    count,
  }));
  return JSON.stringify(copy);
}

/** Plays a history and checks each page by itself and against the one before. */
function play(
  history: readonly Chapter[],
  budget: number,
  check: (before: readonly Series[], now: readonly Series[], living: Set<string>) => void,
): void {
  const page = new Page(budget);
  let before: Series[] = [];
  let kept = page.series.blocks();
  let copy = copyOf(kept);
  live(page.machine, history, {
    forget: (row) => page.forget(row),
    read: (nowNs) => {
      page.read(nowNs);
      expect(copyOf(kept)).toBe(copy);
      kept = page.series.blocks();
      copy = copyOf(kept);
      const now = page.shown();
      checkPage(page, now);
      check(before, now, livingPairs(page.machine));
      before = now;
    },
  });
}

const budgets = fc.oneof(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 50 }));

describe('whatever happens on a machine, and whatever the budget is', () => {
  test('every byte is in one series, and no sum of a pair that lives falls, nor does `other`', () => {
    fc.assert(
      fc.property(histories(false), budgets, (history, budget) => {
        let alive: Set<string> = new Set([OTHER_NAME]);
        play(history, budget, (before, now, living) => {
          const still = [...living.add(OTHER_NAME)].filter((pair) => alive.has(pair));
          expect(still.filter((pair) => bytesOf(now, pair) < bytesOf(before, pair))).toEqual([]);
          alive = living;
        });
      }),
      { numRuns: 250 },
    );
  });

  test('names may change, and still every byte is in one series and `other` does not fall', () => {
    fc.assert(
      fc.property(histories(true), budgets, (history, budget) => {
        play(history, budget, (before, now) => {
          expect(bytesOf(now, OTHER_NAME)).toBeGreaterThanOrEqual(bytesOf(before, OTHER_NAME));
        });
      }),
      { numRuns: 250 },
    );
  });
});
