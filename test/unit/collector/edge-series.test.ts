import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ConnectFailure, Role } from '../../../src/abi/records.gen.ts';
import { FAILURE_REASONS } from '../../../src/collector/edge-account.ts';
import { EDGE_LEVELS, type EdgeView, WHOLE_VIEW } from '../../../src/collector/edge-labels.ts';
import { EDGE_LABELS } from '../../../src/expose/metrics.ts';
import { TcpState } from '../../../src/tracker/live-table.ts';
import { EdgePage, JIFFIES, Samples } from './edge-page.ts';
import { type Chapter, histories, live } from './history.ts';
import { type Machine, spec, type Tally, TTL_NS } from './machine.ts';

function checkTally(now: Samples, reporter: keyof Machine['tallies'], tally: Tally): void {
  const [toServer, toClient] =
    reporter === 'source' ? [tally.sent, tally.received] : [tally.received, tally.sent];
  const sum = (metric: string, end = ''): number => now.sum(metric, `${reporter}|`, end);
  expect(sum('bytes_total', '|to_server')).toBe(toServer);
  expect(sum('bytes_total', '|to_client')).toBe(toClient);
  expect(sum('connections_opened_total')).toBe(tally.opened);
  expect(sum('connections_closed_total')).toBe(tally.closed);
  const failed = FAILURE_REASONS.slice(0, tally.failed.length).map((reason) =>
    sum('connect_failures_total', `|${reason}`),
  );
  expect(failed).toEqual(tally.failed);
}

/** Sums of bytes by reporter and scope. */
function byScope(now: Samples): Map<string, number> {
  const sums = new Map<string, number>();
  for (const [key, value] of now.values) {
    const [metric = '', ...labels] = key.split(/[ |]/);
    if (metric !== 'bytes_total') continue;
    const scope = `${labels[0]} ${labels.at(-2)} ${labels.at(-1)}`;
    sums.set(scope, (sums.get(scope) ?? 0) + value);
  }
  return sums;
}

function fallen(before: Map<string, number>, now: Map<string, number>): string[] {
  return [...now].filter(([key, value]) => value < (before.get(key) ?? 0)).map(([key]) => key);
}

function play(history: readonly Chapter[], budget: number, view: EdgeView): void {
  const page = new EdgePage(budget, view);
  const { machine } = page;
  let before = new Samples([]);
  live(machine, history, {
    forget: (row) => page.forget(row),
    read: (nowNs) => {
      page.read(nowNs);
      const now = page.shown();
      expect(now.values.size).toBe(now.count);
      const { stats } = page.edges;
      expect(stats.edges).toBeLessThanOrEqual(budget);
      expect(now.edges).toBeLessThanOrEqual(stats.edges + 4); // two reporters, two scopes
      checkTally(now, 'source', machine.tallies.source);
      checkTally(now, 'destination', machine.tallies.destination);
      const open = machine.live.book.subarray(0, machine.live.count).filter((_, row) => isOpen(machine, row));
      expect(now.sum('connections_active', '')).toBe(open.length);
      const closed = machine.tallies.source.closed + machine.tallies.destination.closed;
      expect(now.sum('connection_duration_seconds', '')).toBe(closed);
      expect(now.sumSeconds).toBe(2 * closed);
      expect([...now.values].filter(([, value]) => !(value >= 0 && value < Infinity))).toEqual([]);
      expect(fallen(before.counters, now.counters)).toEqual([]);
      expect(fallen(byScope(before), byScope(now))).toEqual([]);
      before = now;
    },
  });
}

function isOpen({ live: sockets }: Machine, row: number): boolean {
  return sockets.state[row] === TcpState.established;
}

const views = fc.record({
  level: fc.constantFrom(...EDGE_LEVELS),
  dropped: fc.subarray(EDGE_LABELS.slice(1)).map((labels) => new Set(labels)),
});

test('whatever happens, whatever the budget is and whatever is shown, each end counts everything, and no counter falls', () => {
  fc.assert(
    fc.property(
      histories(true),
      fc.integer({ min: 1, max: 8 }),
      fc.oneof(fc.constant(WHOLE_VIEW), views),
      play,
    ),
    { numRuns: 300 },
  );
});

const CLIENT = 'source|cgroup 1|unit||||||80|tcp|private';
const OTHER_SOURCE = 'source|other|other||other|other|||||';

describe('an edge', () => {
  const labels = (of: Partial<Record<(typeof EDGE_LABELS)[number], string>>): string =>
    EDGE_LABELS.map((name) => of[name] ?? '').join('|');

  test('has its labels from the end that reports it, and bytes go from the client to the server', () => {
    const page = new EdgePage(9);
    page.machine.transfer(spec({ port: 443 }), 10, 2000);
    page.machine.transfer(spec({ role: Role.ROLE_SERVER, owner: 2 }), 300, 4);
    const { books } = page.machine;
    books.add(1, 'sentSegs', 5);
    books.add(1, 'receivedSegs', 6);
    books.add(2, 'sentSegs', 7);
    const { counted } = page.after(1);
    const common = { protocol: 'tcp', scope: 'private' };
    const client = labels({
      reporter: 'source',
      source_workload: 'cgroup 1',
      source_kind: 'unit',
      destination_port: '443',
      ...common,
    });
    const server = labels({
      reporter: 'destination',
      destination_workload: 'cgroup 2',
      destination_kind: 'unit',
      destination_port: '80',
      ...common,
    });
    expect(counted).toEqual({
      [`bytes_total ${client}|to_server`]: 10,
      [`bytes_total ${client}|to_client`]: 2000,
      [`segments_total ${client}|to_server`]: 5,
      [`segments_total ${client}|to_client`]: 6,
      [`connections_opened_total ${client}`]: 1,
      [`connections_closed_total ${client}`]: 1,
      [`connection_duration_seconds ${client}`]: 1,
      [`bytes_total ${server}|to_server`]: 4,
      [`bytes_total ${server}|to_client`]: 300,
      [`segments_total ${server}|to_client`]: 7,
      [`connections_opened_total ${server}`]: 1,
      [`connections_closed_total ${server}`]: 1,
      [`connection_duration_seconds ${server}`]: 1,
    });
  });

  test('counts quality: resets, what was sent again, and why connects failed', () => {
    const page = new EdgePage(9);
    page.machine.fail(spec(), ConnectFailure.FAILED_UNREACHABLE);
    const { books } = page.machine;
    books.add(1, 'reset', 2);
    books.add(1, 'retransSegs', 3);
    books.add(1, 'retransBytes', 4000);
    const page1 = page.after(1);
    expect(page1.counted).toEqual({
      [`resets_total ${CLIENT}`]: 2,
      [`retransmitted_segments_total ${CLIENT}|to_server`]: 3,
      [`retransmitted_bytes_total ${CLIENT}|to_server`]: 4000,
      [`connect_failures_total ${CLIENT}|unreachable`]: 1,
    });
    const reasons = [...page1.values.keys()].filter((key) => key.startsWith('connect_failures'));
    expect(reasons).toHaveLength(FAILURE_REASONS.length);
  });

  test('of UDP says so, and has nothing that only connections have', () => {
    const page = new EdgePage(9);
    page.machine.transfer(spec({ protocol: 17, remote: 0, port: 53 }), 1, 0);
    const edge = 'source|cgroup 1|unit||||||53|udp|unknown';
    expect(Object.fromEntries(page.after(1).values)).toEqual({
      [`bytes_total ${edge}|to_server`]: 1,
      [`bytes_total ${edge}|to_client`]: 0,
      [`segments_total ${edge}|to_server`]: 0,
      [`segments_total ${edge}|to_client`]: 0,
    });
  });

  test('has the mean round-trip time of its open connections by their bytes, and none without', () => {
    const page = new EdgePage(9);
    const { machine } = page;
    for (const sent of [0, 98]) {
      machine.connect(spec(), 0, TcpState.established, false);
      const socket = machine.sockets.at(-1);
      if (socket) machine.talk(socket, sent, 0);
    }
    // the sockets' times are 1 and 2 µs, their weights 1 and 99
    const rtt = `smoothed_rtt_seconds ${CLIENT}`;
    expect(page.after(1).values.get(rtt)).toBeCloseTo((1 * 1 + 99 * 2) / 100 / 1e6, 12);
    for (const socket of machine.sockets.toReversed()) machine.close(socket);
    expect(page.after(1).values.has(rtt)).toBe(false);
  });

  test('stays until its last byte is as old as series get, and is in `other` then, whichever end it was', () => {
    const page = new EdgePage(9);
    const sent = `bytes_total ${CLIENT}|to_server`;
    page.machine.transfer(spec(), 5, 0);
    page.machine.transfer(spec({ role: Role.ROLE_SERVER }), 7, 0);
    page.machine.fail(spec(), ConnectFailure.FAILED_REFUSED);
    page.after(1);
    expect(page.after(TTL_NS / 1e9 - 1).values.get(sent)).toBe(5);
    page.machine.transfer(spec(), 3, 0);
    expect(page.after(1).values.get(sent)).toBe(8);
    page.after(TTL_NS / 1e9);
    expect(page.after(2).counted).toEqual({
      [`bytes_total ${OTHER_SOURCE}private|to_server`]: 8,
      [`connections_opened_total ${OTHER_SOURCE}private`]: 2,
      [`connections_closed_total ${OTHER_SOURCE}private`]: 2,
      [`connection_duration_seconds ${OTHER_SOURCE}private`]: 2,
      [`connect_failures_total ${OTHER_SOURCE}private|refused`]: 1,
      'bytes_total destination|other|other||other|other|||||private|to_client': 7,
      'connections_opened_total destination|other|other||other|other|||||private': 1,
      'connections_closed_total destination|other|other||other|other|||||private': 1,
      'connection_duration_seconds destination|other|other||other|other|||||private': 1,
    });
  });

  test('has what its flows have counted in snapshots that did not come to their end', () => {
    const page = new EdgePage(9);
    page.machine.transfer(spec(), 5, 0);
    page.after(1);
    page.machine.transfer(spec(), 30, 0);
    page.machine.transfer(spec({ port: 81 }), 100, 0);
    for (const seconds of [1, TTL_NS / 1e9, 2]) {
      page.machine.nowNs += seconds * 1e9;
      page.machine.snapshot({ forget: (row) => page.forget(row), read: () => {} });
    }
    expect(page.machine.specs.size).toBe(0);
    expect(page.after(1).sum('bytes_total', 'source', '|to_server')).toBe(135);
  });

  test('has durations that come later than the counters', () => {
    const page = new EdgePage(9);
    page.machine.transfer(spec(), 5, 0);
    page.durations.late = 1;
    expect(page.after(1).values.has(`connection_duration_seconds ${CLIENT}`)).toBe(false);
    page.durations.late = 0;
    expect(page.after(1).values.get(`connection_duration_seconds ${CLIENT}`)).toBe(1);
  });

  test("keeps its series when its flows are another edge's, and they leave there what they have counted", () => {
    const page = new EdgePage(9);
    page.machine.transfer(spec(), 5, 0);
    page.after(1);
    page.machine.identity.of.set(1, 'renamed');
    page.machine.identity.changed = true;
    page.machine.transfer(spec(), 30, 0);
    const now = page.after(1);
    expect(now.values.get(`bytes_total ${CLIENT}|to_server`)).toBe(5);
    expect(now.values.get(`bytes_total ${CLIENT.replace('cgroup 1', 'renamed')}|to_server`)).toBe(30);
    expect(page.after(1).values.get(`bytes_total ${CLIENT}|to_server`)).toBe(5);
  });
});

describe('time in which data could not go', () => {
  const seconds = (of: { busy: number; receiver: number; sendBuffer: number }, role: number): Samples => {
    const page = new EdgePage(9);
    page.machine.transfer(spec({ role }), 1, 1);
    page.machine.books.add(1, 'busyJiffies', of.busy * JIFFIES);
    page.machine.books.add(1, 'receiverLimitedJiffies', of.receiver * JIFFIES);
    page.machine.books.add(1, 'sndbufLimitedJiffies', of.sendBuffer * JIFFIES);
    return page.after(1);
  };

  test("is that of what the reporter sends, and what is not the ends' is the network's", () => {
    const client = seconds({ busy: 10, receiver: 2, sendBuffer: 3 }, Role.ROLE_CLIENT);
    expect(client.values.get(`busy_seconds_total ${CLIENT}|to_server`)).toBe(10);
    expect(client.values.get(`limited_seconds_total ${CLIENT}|to_server|receiver`)).toBe(2);
    expect(client.values.get(`limited_seconds_total ${CLIENT}|to_server|send_buffer`)).toBe(3);
    expect(client.values.get(`limited_seconds_total ${CLIENT}|to_server|congestion`)).toBe(5);
    const server = seconds({ busy: 1, receiver: 1, sendBuffer: 0 }, Role.ROLE_SERVER);
    expect(server.sum('busy_seconds_total', 'destination', '|to_client')).toBe(1);
    expect(server.sum('limited_seconds_total', 'destination', '|to_client|receiver')).toBe(1);
    expect(server.sum('limited_seconds_total', 'destination', '|congestion')).toBe(0);
  });

  test('of the network does not fall when a part is read before the whole', () => {
    const page = new EdgePage(9);
    page.machine.transfer(spec(), 1, 1);
    page.machine.books.add(1, 'busyJiffies', 2 * JIFFIES);
    const congestion = `limited_seconds_total ${CLIENT}|to_server|congestion`;
    expect(page.after(1).values.get(congestion)).toBe(2);
    page.machine.books.add(1, 'receiverLimitedJiffies', JIFFIES);
    expect(page.after(1).values.get(congestion)).toBe(2);
    page.machine.books.add(1, 'busyJiffies', 2 * JIFFIES);
    expect(page.after(1).values.get(congestion)).toBe(3);
  });
});
