import { expect } from 'vitest';
import { ConnectionSeries } from '../../../src/collector/connection-series.ts';
import { CONNECTION_LABELS } from '../../../src/expose/metrics.ts';
import type { Block } from '../../../src/expose/page.ts';
import { atOnce } from '../../../src/util/slices.ts';
import { Machine, type Reader } from './machine.ts';

const METRICS = [
  'bytes_sent',
  'bytes_recv',
  'bytes_sent_per_second',
  'bytes_recv_per_second',
  'active_connections',
];

/** A series as a page shows it. */
export interface Series {
  /** "owner local remote", the remote end with its port if it has one. */
  readonly name: string;
  readonly pair: string;
  readonly remote: string;
  readonly sent: number;
  readonly received: number;
  readonly sentRate: number;
  readonly receivedRate: number;
  readonly active: number;
}

const at = (label: (typeof CONNECTION_LABELS)[number]): number => CONNECTION_LABELS.indexOf(label);

export function seriesOf(blocks: readonly Block[]): Series[] {
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
      remote,
      sent: sent ?? NaN,
      received: received ?? NaN,
      sentRate: sentRate ?? NaN,
      receivedRate: receivedRate ?? NaN,
      active: active ?? NaN,
    };
  });
}

/** A machine whose series are made with each snapshot. */
export class Page implements Reader {
  readonly machine = new Machine(12, 8);
  readonly series: ConnectionSeries;

  constructor(budget: number) {
    this.series = new ConnectionSeries(this.machine.flows, this.machine.live, this.machine.names, budget);
  }

  forget(row: number): void {
    this.series.forget(row);
  }

  read(nowNs: number): void {
    atOnce(this.machine.names.update(nowNs));
    atOnce(this.series.update(nowNs));
    this.series.publish();
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

export const OTHER_NAME = 'other/other other other';

export function sum(of: readonly Series[], key: 'sent' | 'received' | 'active'): number {
  return of.reduce((total, series) => total + series[key], 0);
}

export function bytesOf(of: readonly Series[], pair: string): number {
  const mine = of.filter((series) => series.pair === pair);
  return sum(mine, 'sent') + sum(mine, 'received');
}
