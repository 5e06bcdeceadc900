import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ConnectFailure, Role } from '../../../src/abi/records.gen.ts';
import { FAILURE_REASONS } from '../../../src/collector/edge.ts';
import { EdgeSeries } from '../../../src/collector/edge-series.ts';
import { EDGE_LABELS, METRICS } from '../../../src/expose/metrics.ts';
import type { Block } from '../../../src/expose/page.ts';
import { OTHER } from '../../../src/tracker/flow-table.ts';
import { TcpState } from '../../../src/tracker/live-table.ts';
import { type Chapter, histories, live } from './history.ts';
import { Machine, type Reader, spec, type Tally, TTL_NS } from './machine.ts';

const EDGE_TTL_NS = 20e9;

class Page implements Reader {
  readonly machine = new Machine(12, 8);
  readonly edges: EdgeSeries;

  constructor(budget: number) {
    const { flows, live: sockets, names } = this.machine;
    this.edges = new EdgeSeries(flows, sockets, names, budget, EDGE_TTL_NS);
  }

  forget(row: number): void {
    this.edges.forget(row);
  }

  read(nowNs: number): void {
    [...this.machine.names.update(nowNs)].forEach(() => {});
    this.edges.update(nowNs);
  }

  after(seconds: number): Samples {
    this.machine.nowNs += seconds * 1e9;
    this.machine.snapshot(this);
    return new Samples(this.edges.blocks());
  }
}

/** The samples of a page by their metric and labels. */
class Samples {
  readonly values = new Map<string, number>();
  readonly counters = new Map<string, number>();
  count = 0;

  constructor(blocks: readonly Block[]) {
    for (const { metric, labels, values, count } of blocks) {
      const { labels: names, type } = METRICS.find(({ name }) => name === metric) ?? { labels: [], type: '' };
      for (let i = 0; i < count; i++) {
        if (labels[i]?.values.length !== names.length)
          throw new Error(`${metric} has not the labels ${names.join()}`);
        const key = `${metric} ${labels[i]?.values.join('|')}`;
        this.values.set(key, values[i] ?? NaN);
        if (type === 'counter') this.counters.set(key, values[i] ?? NaN);
        this.count++;
      }
    }
  }

  /** Sum of a metric over what is reported by one kind of end. */
  sum(metric: string, reporter: string, reason = ''): number {
    let sum = 0;
    for (const [key, value] of this.values) {
      if (key.startsWith(`${metric} ${reporter}|`) && key.endsWith(reason)) sum += value;
    }
    return sum;
  }

  /** What is not 0, by metric and labels. */
  get counted(): Record<string, number> {
    return Object.fromEntries([...this.values].filter(([, value]) => value !== 0));
  }
}

function checkTally(now: Samples, reporter: keyof Machine['tallies'], tally: Tally): void {
  const [fromClient, fromServer] =
    reporter === 'source' ? [tally.sent, tally.received] : [tally.received, tally.sent];
  const sum = (metric: string): number => now.sum(`kube_netc_${metric}`, reporter);
  expect(sum('sent_bytes_total')).toBe(fromClient);
  expect(sum('received_bytes_total')).toBe(fromServer);
  expect(sum('connections_opened_total')).toBe(tally.opened);
  expect(sum('connections_closed_total')).toBe(tally.closed);
  const failed = FAILURE_REASONS.map((reason) =>
    now.sum('kube_netc_connect_failures_total', reporter, `|${reason}`),
  );
  expect(failed).toEqual(tally.failed);
}

function play(history: readonly Chapter[], budget: number): void {
  const page = new Page(budget);
  const { machine } = page;
  let before = new Samples([]);
  live(machine, history, {
    forget: (row) => page.forget(row),
    read: (nowNs) => {
      page.read(nowNs);
      const blocks = page.edges.blocks();
      const now = new Samples(blocks);
      expect(now.values.size).toBe(now.count);
      expect(blocks[0]?.count).toBeLessThanOrEqual(budget + 2);
      checkTally(now, 'source', machine.tallies.source);
      checkTally(now, 'destination', machine.tallies.destination);
      const open = machine.live.book.subarray(0, machine.live.count).filter((_, row) => isOpen(machine, row));
      const active = ['source', 'destination'].map((end) => now.sum('kube_netc_connections_active', end));
      expect((active[0] ?? 0) + (active[1] ?? 0)).toBe(open.length);
      expect([...now.values].filter(([, value]) => !(value >= 0 && value < Infinity))).toEqual([]);
      const fallen = [...now.counters].filter(([key, value]) => value < (before.counters.get(key) ?? 0));
      expect(fallen).toEqual([]);
      before = now;
    },
  });
}

function isOpen({ live: sockets }: Machine, row: number): boolean {
  return sockets.state[row] === TcpState.established;
}

test('whatever happens and whatever the budget is, each end counts everything, and no counter falls', () => {
  fc.assert(
    fc.property(histories(true), fc.integer({ min: 1, max: 8 }), (history, budget) => play(history, budget)),
    { numRuns: 200 },
  );
});

describe('an edge', () => {
  const labels = (of: Partial<Record<(typeof EDGE_LABELS)[number], string>>): string =>
    EDGE_LABELS.map((name) => of[name] ?? '').join('|');

  test('has its labels from the end that reports it, and bytes go from the client to the server', () => {
    const page = new Page(9);
    page.machine.transfer(spec({ port: 443 }), 10, 2000);
    page.machine.transfer(spec({ role: Role.ROLE_SERVER, owner: 2 }), 300, 4);
    const { counted } = page.after(1);
    const client = labels({
      reporter: 'source',
      source_workload: 'cgroup 1',
      source_kind: 'unit',
      destination_port: '443',
      protocol: 'tcp',
      scope: 'private',
    });
    const server = labels({
      reporter: 'destination',
      destination_workload: 'cgroup 2',
      destination_kind: 'unit',
      destination_port: '80',
      protocol: 'tcp',
      scope: 'private',
    });
    expect(counted).toEqual({
      [`kube_netc_sent_bytes_total ${client}`]: 10,
      [`kube_netc_received_bytes_total ${client}`]: 2000,
      [`kube_netc_connections_opened_total ${client}`]: 1,
      [`kube_netc_connections_closed_total ${client}`]: 1,
      [`kube_netc_sent_bytes_total ${server}`]: 4,
      [`kube_netc_received_bytes_total ${server}`]: 300,
      [`kube_netc_connections_opened_total ${server}`]: 1,
      [`kube_netc_connections_closed_total ${server}`]: 1,
    });
  });

  test('counts quality: resets, what was sent again, and why connects failed', () => {
    const page = new Page(9);
    page.machine.fail(spec(), ConnectFailure.FAILED_UNREACHABLE);
    const { books } = page.machine;
    books.add(1, 'reset', 2);
    books.add(1, 'retransSegs', 3);
    books.add(1, 'retransBytes', 4000);
    const edge = 'source|cgroup 1|unit||||||80|tcp|private';
    expect(page.after(1).counted).toEqual({
      [`kube_netc_resets_total ${edge}`]: 2,
      [`kube_netc_retransmitted_segments_total ${edge}`]: 3,
      [`kube_netc_retransmitted_bytes_total ${edge}`]: 4000,
      [`kube_netc_connect_failures_total ${edge}|unreachable`]: 1,
    });
  });

  test('of UDP says so', () => {
    const page = new Page(9);
    page.machine.transfer(spec({ protocol: 17, remote: 0, port: 53 }), 1, 0);
    expect(page.after(1).counted).toEqual({
      'kube_netc_sent_bytes_total source|cgroup 1|unit||||||53|udp|unknown': 1,
    });
  });

  test('has the mean round-trip time of its open connections by their bytes, and none without', () => {
    const page = new Page(9);
    const { machine } = page;
    for (const sent of [0, 98]) {
      machine.connect(spec(), 0, TcpState.established, false);
      const socket = machine.sockets.at(-1);
      if (socket) machine.talk(socket, sent, 0);
    }
    // the sockets' times are 1 and 2 µs, their weights 1 and 99
    const rtt = 'kube_netc_rtt_seconds source|cgroup 1|unit||||||80|tcp|private';
    expect(page.after(1).values.get(rtt)).toBeCloseTo((1 * 1 + 99 * 2) / 100 / 1e6, 12);
    for (const socket of machine.sockets.toReversed()) machine.close(socket);
    expect(page.after(1).values.has(rtt)).toBe(false);
  });

  test('stays for its time when its flows have ended, and goes on from there', () => {
    const page = new Page(9);
    const sent = 'kube_netc_sent_bytes_total source|cgroup 1|unit||||||80|tcp|private';
    page.machine.transfer(spec(), 5, 0);
    page.after(1);
    page.after(TTL_NS / 1e9);
    expect(page.after(2).values.get(sent)).toBe(5);
    expect(page.machine.specs.size).toBe(0);
    page.after(EDGE_TTL_NS / 1e9);
    page.machine.transfer(spec(), 3, 0);
    expect(page.after(1).values.get(sent)).toBe(8);
    page.after(TTL_NS / 1e9);
    page.after(2);
    expect(page.machine.specs.size).toBe(0);
    expect(page.after(EDGE_TTL_NS / 1e9).values.get(sent)).toBe(8);
    expect(page.after(1).values.has(sent)).toBe(false);
  });

  test('that has ended is in `other` at once, whichever end it was', () => {
    const page = new Page(9);
    page.machine.transfer(spec(), 5, 0);
    page.machine.transfer(spec({ role: Role.ROLE_SERVER }), 7, 0);
    page.machine.fail(spec(), ConnectFailure.FAILED_REFUSED);
    for (const seconds of [1, TTL_NS / 1e9, 2, EDGE_TTL_NS / 1e9]) page.after(seconds);
    expect(page.after(1).counted).toEqual({
      'kube_netc_sent_bytes_total source|other|other||||||0|tcp|unknown': 5,
      'kube_netc_connections_opened_total source|other|other||||||0|tcp|unknown': 1,
      'kube_netc_connections_closed_total source|other|other||||||0|tcp|unknown': 1,
      'kube_netc_connect_failures_total source|other|other||||||0|tcp|unknown|refused': 1,
      'kube_netc_received_bytes_total destination||||other|other|||0|tcp|unknown': 7,
      'kube_netc_connections_opened_total destination||||other|other|||0|tcp|unknown': 1,
      'kube_netc_connections_closed_total destination||||other|other|||0|tcp|unknown': 1,
    });
  });
});

describe('`other`', () => {
  test('is shown once anything is in it', () => {
    const page = new Page(9);
    expect(page.after(1).count).toBe(0);
    page.machine.books.add(OTHER, 'receivedBytes', 7);
    expect(page.after(1).counted).toEqual({
      'kube_netc_received_bytes_total source|other|other||||||0|tcp|unknown': 7,
    });
  });

  test('has the edges over the budget, for as long as they live', () => {
    const page = new Page(1);
    page.machine.transfer(spec({ port: 80 }), 1, 0);
    page.machine.transfer(spec({ port: 81 }), 20, 0);
    const before = page.after(1);
    expect(before.sum('kube_netc_sent_bytes_total', 'source|other')).toBe(20);
    page.machine.transfer(spec({ port: 81 }), 300, 0);
    page.after(TTL_NS / 1e9 - 1);
    page.machine.transfer(spec({ port: 81 }), 4000, 0);
    expect(page.after(2).sum('kube_netc_sent_bytes_total', 'source|other')).toBe(4320);
  });
});
