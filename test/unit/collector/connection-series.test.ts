import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Role } from '../../../src/abi/records.gen.ts';
import { ConnectionSeries } from '../../../src/collector/connection-series.ts';
import { CONNECTION_LABELS } from '../../../src/expose/metrics.ts';
import type { Block } from '../../../src/expose/page.ts';
import { FlowState, OTHER } from '../../../src/tracker/flow-table.ts';
import { TcpState } from '../../../src/tracker/live-table.ts';
import { type Chapter, histories, live } from './history.ts';
import { Machine, type Reader, type Spec, spec, TTL_NS } from './machine.ts';

const METRICS = [
  'bytes_sent',
  'bytes_recv',
  'bytes_sent_per_second',
  'bytes_recv_per_second',
  'active_connections',
];

/** A series as a page shows it. */
interface Series {
  /** "owner local remote", the remote end with its port if it has one. */
  readonly name: string;
  readonly pair: string;
  readonly sent: number;
  readonly received: number;
  readonly sentRate: number;
  readonly receivedRate: number;
  readonly active: number;
}

const at = (label: (typeof CONNECTION_LABELS)[number]): number => CONNECTION_LABELS.indexOf(label);

function seriesOf(blocks: readonly Block[]): Series[] {
  expect(blocks.map((block) => block.metric)).toEqual(METRICS);
  const { labels, count } = blocks[0] ?? { labels: [], count: 0 };
  for (const block of blocks) expect([block.labels, block.count]).toEqual([labels, count]);
  return Array.from({ length: count }, (_, i) => {
    const values = labels[i]?.values ?? [];
    expect(values).toHaveLength(16);
    const [sent, received, sentRate, receivedRate, active] = blocks.map((block) => block.values[i] ?? NaN);
    const owner = `${values[at('source_kind')]}/${values[at('source_name')]}`;
    const remote = values[at('destination_address')] ?? '';
    const start = `${owner} ${values[at('source_address')]}`;
    return {
      name: `${start} ${remote}`,
      pair: `${start} ${remote.replace(/^\[?(.*?)\]?:\d+$/, '$1')}`,
      sent: sent ?? NaN,
      received: received ?? NaN,
      sentRate: sentRate ?? NaN,
      receivedRate: receivedRate ?? NaN,
      active: active ?? NaN,
    };
  });
}

/** A machine whose series are made with each snapshot. */
class Page implements Reader {
  readonly machine = new Machine(12, 8);
  readonly series: ConnectionSeries;
  rename = false;

  constructor(budget: number) {
    this.series = new ConnectionSeries(this.machine.flows, this.machine.live, this.machine.names, budget);
  }

  forget(row: number): void {
    this.series.forget(row);
  }

  read(nowNs: number): void {
    [...this.series.name(this.rename)].forEach(() => {});
    this.series.update(nowNs);
  }

  /** The series of a snapshot `seconds` from the last one. */
  after(seconds: number, late?: () => void): Series[] {
    this.machine.nowNs += seconds * 1e9;
    this.machine.snapshot(this, late);
    return this.shown();
  }

  shown(): Series[] {
    return seriesOf(this.series.blocks());
  }
}

const OTHER_NAME = 'other/other other other';

function sum(of: readonly Series[], key: 'sent' | 'received' | 'active'): number {
  return of.reduce((total, series) => total + series[key], 0);
}

function bytesOf(of: readonly Series[], pair: string): number {
  const mine = of.filter((series) => series.pair === pair);
  return sum(mine, 'sent') + sum(mine, 'received');
}

/** The pairs that have flows now. */
function livingPairs(machine: Machine): Set<string> {
  const pairs = new Set<string>();
  for (const [row, { owner, local, remote, protocol }] of machine.specs) {
    if (machine.flows.state[row] === FlowState.free) continue;
    const name = owner === 0 ? '/' : `unit/${machine.names.owner(owner, '').name}`;
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
  expect(new Set(now.map(({ name }) => name)).size).toBe(now.length);
  expect(sum(now, 'sent')).toBe(machine.booked.sent);
  expect(sum(now, 'received')).toBe(machine.booked.received);
  expect(sum(now, 'active')).toBe(machine.active());
  for (const { name, pair, ...numbers } of now) {
    for (const value of Object.values(numbers)) expect(value).toBeGreaterThanOrEqual(0);
    for (const value of Object.values(numbers)) expect(value).toBeLessThan(Infinity);
    expect(pair === OTHER_NAME || livingPairs(machine).has(pair)).toBe(true);
  }
}

/** Copies what a page was, to see later that it has stayed so. */
function copyOf(blocks: readonly Block[]): unknown {
  return blocks.map(({ metric, labels, values, count }) => ({
    metric,
    labels: labels.slice(0, count).map((set) => set.values.join()),
    values: [...values.subarray(0, count)],
    count,
  }));
}

/** Plays a history and checks each page by itself and against the one before. */
function play(
  history: readonly Chapter[],
  budget: number,
  check: (before: readonly Series[], now: readonly Series[], living: Set<string>) => void,
): void {
  const page = new Page(budget);
  page.rename = history.some((chapter) => chapter.renamed > 0);
  let before: Series[] = [];
  let kept = page.series.blocks();
  let copy = copyOf(kept);
  live(page.machine, history, {
    forget: (row) => page.forget(row),
    read: (nowNs) => {
      page.read(nowNs);
      expect(copyOf(kept)).toEqual(copy);
      kept = page.series.blocks();
      copy = copyOf(kept);
      const now = page.shown();
      checkPage(page, now);
      check(before, now, livingPairs(page.machine));
      before = now;
    },
  });
}

const budgets = fc.integer({ min: 1, max: 50 });

describe('whatever happens on a machine, and whatever the budget is', () => {
  test('every byte is in one series, and no sum of a pair that lives falls, nor does `other`', () => {
    fc.assert(
      fc.property(histories(false), budgets, (history, budget) => {
        let alive: Set<string> = new Set([OTHER_NAME]);
        play(history, budget, (before, now, living) => {
          for (const pair of living.add(OTHER_NAME)) {
            if (alive.has(pair)) expect(bytesOf(now, pair)).toBeGreaterThanOrEqual(bytesOf(before, pair));
          }
          alive = living;
        });
      }),
      { numRuns: 400 },
    );
  });

  test('names may change, and still every byte is in one series and `other` does not fall', () => {
    fc.assert(
      fc.property(histories(true), budgets, (history, budget) => {
        play(history, budget, (before, now) => {
          expect(bytesOf(now, OTHER_NAME)).toBeGreaterThanOrEqual(bytesOf(before, OTHER_NAME));
        });
      }),
      { numRuns: 400 },
    );
  });
});
