import { describe, expect, test, vi } from 'vitest';
import { Role } from '../../../src/abi/records.gen.ts';
import { ConnectionSeries } from '../../../src/collector/connection-series.ts';
import { CONNECTION_LABELS } from '../../../src/expose/metrics.ts';
import { TcpState } from '../../../src/tracker/live-table.ts';
import { atOnce } from '../../../src/util/slices.ts';
import { Machine, spec, TTL_NS } from './machine.ts';
import { OTHER_NAME, Page, type Series, seriesOf, sum } from './series-page.ts';

const SERVER = spec({ role: Role.ROLE_SERVER });

/** Opens a connection to us that has sent so many bytes. */
function serve(page: Page, remotePort: number, sent: number, of = SERVER): void {
  page.machine.connect(of, remotePort, TcpState.established, false);
  const socket = page.machine.sockets.at(-1);
  if (socket) page.machine.talk(socket, sent, 0);
}

describe('a series', () => {
  const named = (of: readonly Series[]): Record<string, number> =>
    Object.fromEntries(of.map((series) => [series.name, series.sent]));

  test('has the sixteen labels, of which a plain host fills four', () => {
    const page = new Page(9);
    page.machine.transfer(spec(), 5, 6);
    page.after(1);
    const [block] = page.series.blocks();
    const values = Object.fromEntries(
      CONNECTION_LABELS.map((name, i) => [name, block?.labels[0]?.values[i]]),
    );
    expect(values).toEqual({
      ...Object.fromEntries(CONNECTION_LABELS.map((name) => [name, ''])),
      source_address: '10.0.0.1',
      destination_address: '10.1.0.1:80',
      source_name: 'cgroup 1',
      source_kind: 'unit',
    });
  });

  test('of a client stands for all its flows to one port of an address', () => {
    const page = new Page(9);
    page.machine.transfer(spec(), 5, 50);
    page.machine.transfer(spec({ netns: 2 }), 6, 60);
    page.machine.transfer(spec({ port: 443 }), 7, 70);
    page.machine.transfer(spec({ owner: 2 }), 8, 80);
    const found = page.after(1);
    expect(named(found)).toEqual({
      'unit/cgroup 1 10.0.0.1 10.1.0.1:80': 11,
      'unit/cgroup 1 10.0.0.1 10.1.0.1:443': 7,
      'unit/cgroup 2 10.0.0.1 10.1.0.1:80': 8,
    });
    expect(found[0]?.received).toBe(110);
  });

  test('of a server stands for one live connection; what is over is in the series without a port', () => {
    const page = new Page(9);
    serve(page, 1000, 10);
    serve(page, 1001, 20);
    page.machine.connect(SERVER, 0, TcpState.listen, false);
    expect(named(page.after(2))).toEqual({
      'unit/cgroup 1 10.0.0.1 10.1.0.1:1000': 10,
      'unit/cgroup 1 10.0.0.1 10.1.0.1:1001': 20,
      'unit/cgroup 1 10.0.0.1 10.1.0.1': 0,
    });
    expect(page.shown()[1]).toMatchObject({ active: 1, sentRate: 10 });
    const [first] = page.machine.sockets;
    if (first) page.machine.close(first);
    expect(named(page.after(1))).toEqual({
      'unit/cgroup 1 10.0.0.1 10.1.0.1:1001': 20,
      'unit/cgroup 1 10.0.0.1 10.1.0.1': 10,
    });
  });

  test('stands for several connections where a client uses one port for several of ours', () => {
    const page = new Page(9);
    serve(page, 1000, 10);
    serve(page, 1000, 200, { ...SERVER, port: 443 });
    serve(page, 1000, 4000, { ...SERVER, netns: 2 });
    const found = page.after(1);
    expect(named(found)['unit/cgroup 1 10.0.0.1 10.1.0.1:1000']).toBe(4210);
    expect(found[0]?.active).toBe(3);
  });

  test('of a handshake is not active yet', () => {
    const page = new Page(9);
    page.machine.connect(SERVER, 1000, TcpState.synRecv, false);
    expect(page.after(1).map((series) => series.active)).toEqual([0, 0]);
  });

  test('of UDP is active for a minute after its last datagram; a peer that is not known has no port', () => {
    const page = new Page(9);
    const udp = spec({ protocol: 17, remote: 0, port: 53 });
    page.machine.transfer(udp, 5, 6);
    expect(page.after(1)).toMatchObject([{ name: 'unit/cgroup 1 10.0.0.1 unknown', sent: 5, active: 1 }]);
    page.machine.transfer(udp, 5, 6);
    page.after(1);
    expect(page.after(59)[0]?.active).toBe(0); // idle for longer than its time: it is being forgotten
  });

  test('is not that of the connection that had its slot before', () => {
    const page = new Page(9);
    serve(page, 1000, 10);
    page.after(1);
    const [first] = page.machine.sockets;
    if (first) page.machine.close(first);
    serve(page, 1001, 20);
    expect(page.machine.sockets[0]?.slot).toBe(first?.slot);
    expect(named(page.after(1))).toMatchObject({ 'unit/cgroup 1 10.0.0.1 10.1.0.1:1001': 20 });
  });

  test('of a client ends with its last flow to the port; its bytes stay with the pair', () => {
    const page = new Page(9);
    page.machine.transfer(spec({ port: 80 }), 5, 0);
    page.after(1);
    page.machine.transfer(spec({ port: 443 }), 7, 0);
    page.after(TTL_NS / 1e9);
    page.machine.transfer(spec({ port: 443 }), 7, 0);
    expect(named(page.after(2))).toEqual({
      'unit/cgroup 1 10.0.0.1 10.1.0.1:443': 14,
      'unit/cgroup 1 10.0.0.1 10.1.0.1': 5,
    });
  });

  test('without a port stays once it is there, also when all it had has got series of its own', () => {
    const page = new Page(4);
    page.machine.transfer(spec({ remote: 1 }), 5, 0);
    page.machine.transfer(spec({ remote: 2 }), 3, 0);
    const remotes = (of: readonly Series[]): unknown =>
      Object.fromEntries(of.map(({ remote, sent }) => [remote, sent]));
    expect(remotes(page.after(1))).toEqual({ '10.1.0.1:80': 5, '10.1.0.2': 3 });
    page.machine.transfer(spec({ remote: 2 }), 30, 0);
    expect(remotes(page.after(1))).toEqual({ '10.1.0.1': 5, '10.1.0.2:80': 33, '10.1.0.2': 0 });
  });

  test('keeps its labels while it lives, so that they are encoded once', () => {
    const page = new Page(9);
    page.machine.transfer(spec(), 5, 6);
    serve(page, 1000, 10);
    page.after(1);
    const before = page.series.blocks()[0]?.labels.slice(0, 3);
    page.after(1);
    const now = page.series.blocks()[0]?.labels;
    before?.forEach((labels, i) => expect(now?.[i]).toBe(labels));
  });
});

describe('the budget', () => {
  test('of 1 leaves `other` alone, with everything in it, and none for a machine without traffic', () => {
    const page = new Page(1);
    expect(page.after(1)).toEqual([]);
    page.machine.transfer(spec(), 5, 6);
    serve(page, 1000, 10);
    const found = page.after(1);
    expect(found).toMatchObject([{ name: OTHER_NAME, sent: 15, received: 6, active: 1 }]);
    expect(page.series.stats).toEqual({ series: 1, foldedPairs: 1, pairs: 1 });
  });

  test('goes to pairs first, then to the largest of the rest', () => {
    const page = new Page(5);
    for (const remote of [1, 2]) page.machine.transfer(spec({ remote }), 1, 0);
    serve(page, 1000, 500);
    serve(page, 1001, 5000);
    serve(page, 1002, 50);
    expect(Object.fromEntries(page.after(1).map(({ remote, sent }) => [remote, sent]))).toEqual({
      '10.1.0.1:1001': 5000,
      '10.1.0.1:1000': 500,
      '10.1.0.1': 51,
      '10.1.0.2': 1,
    });
  });

  test('leaves none of the largest out because others of equal size come first', () => {
    const page = new Page(4);
    for (const port of [1000, 1001, 1002]) serve(page, port, 5);
    serve(page, 1003, 6);
    const remotes = page.after(1).map(({ remote }) => remote);
    expect(remotes).toContain('10.1.0.1:1003');
    expect(remotes).toHaveLength(3);
  });

  test('keeps a pair that is shown, however large the ones get that are not', () => {
    const page = new Page(2);
    page.machine.transfer(spec({ remote: 1 }), 5, 0);
    page.after(1);
    page.machine.transfer(spec({ remote: 2 }), 5_000_000, 0);
    expect(page.after(1).map(({ remote, sent }) => [remote, sent])).toEqual([
      ['10.1.0.1', 5],
      ['other', 5_000_000],
    ]);
    expect(page.series.stats.foldedPairs).toBe(1);
  });

  test('gives a free place to the largest, which begins at 0 with its open connections', () => {
    const page = new Page(2);
    const small = spec({ remote: 3 });
    page.machine.transfer(spec({ remote: 1 }), 5, 0);
    page.after(1);
    page.machine.transfer(small, 7, 0);
    serve(page, 1000, 70, { ...SERVER, remote: 2 });
    const shown = (of: readonly Series[]): unknown =>
      of.map(({ remote, sent, sentRate, active }) => [remote, sent, sentRate, active]);
    page.after(1);
    page.machine.transfer(small, 1, 0);
    page.after(TTL_NS / 1e9);
    const [socket] = page.machine.sockets;
    if (socket) page.machine.talk(socket, 100, 0);
    expect(shown(page.after(2))).toEqual([
      ['10.1.0.2', 0, 50, 1],
      ['other', 5 + 8 + 170, 0, 0],
    ]);
    if (socket) page.machine.talk(socket, 100, 0);
    expect(shown(page.after(1))).toEqual([
      ['10.1.0.2', 100, 100, 1],
      ['other', 5 + 8 + 170, 0, 0],
    ]);
  });

  test('keeps a pair that has nothing yet when its series with a port loses its place', () => {
    const page = new Page(3);
    const late = spec({ remote: 2 });
    for (const remote of [1, 4]) page.machine.transfer(spec({ remote }), 50, 0);
    page.after(1);
    page.machine.transfer(late, 7, 0);
    page.after(1);
    page.machine.transfer(late, 1, 0);
    page.after(TTL_NS / 1e9);
    const shown = (of: readonly Series[]): unknown => of.map(({ remote, sent }) => [remote, sent]);
    expect(shown(page.after(2))).toEqual([
      ['10.1.0.2:80', 0],
      ['other', 108],
    ]);
    page.machine.transfer(spec({ remote: 3 }), 9, 0);
    expect(shown(page.after(1))).toEqual([
      ['10.1.0.2', 0],
      ['10.1.0.3', 9],
      ['other', 108],
    ]);
  });

  test('that is there in time lets a pair come back with nothing of its first life', () => {
    const page = new Page(9);
    page.machine.transfer(spec(), 5, 0);
    page.after(1);
    page.after(TTL_NS / 1e9);
    expect(page.after(2)).toMatchObject([{ name: OTHER_NAME, sent: 5 }]);
    page.machine.transfer(spec(), 3, 0);
    expect(page.after(1).map(({ remote, sent }) => [remote, sent])).toEqual([
      ['10.1.0.1:80', 3],
      ['other', 5],
    ]);
  });

  test('leaves a connection that is older than its pair in the series without a port', () => {
    const page = new Page(3);
    page.machine.transfer(spec({ remote: 1 }), 5, 0);
    page.machine.transfer(spec({ remote: 3 }), 5, 0);
    page.after(1);
    serve(page, 1000, 70, { ...SERVER, remote: 2 });
    page.after(1);
    page.after(TTL_NS / 1e9);
    page.after(2);
    serve(page, 1001, 6, { ...SERVER, remote: 2 });
    const [older] = page.machine.sockets;
    if (older) page.machine.talk(older, 1, 0);
    expect(page.after(1).map(({ remote, sent }) => [remote, sent])).toEqual([
      ['10.1.0.2:1001', 6],
      ['10.1.0.2', 1],
      ['other', 80],
    ]);
  });
});

describe('names', () => {
  test('stay until something is learnt', () => {
    const page = new Page(9);
    page.machine.transfer(spec(), 1, 0);
    page.after(1);
    page.machine.identity.of.set(1, 'learnt late');
    expect(page.after(1)[0]?.name).toContain('cgroup 1');
    page.machine.identity.changed = true;
    expect(page.after(1).map(({ name }) => name)).toContain('unit/learnt late 10.0.0.1 10.1.0.1:80');
  });

  test('of processes stand where there is no cgroup, and owners without either are counted', () => {
    const { books, flows, live: sockets, names } = new Machine(4, 4);
    const series = new ConnectionSeries(flows, sockets, names, 9);
    books.open(1, { cgroupId: 0, comm: 'curl' });
    books.open(2, { cgroupId: 0, comm: '' });
    books.set(1, 'sentBytes', 7);
    books.set(2, 'sentBytes', 30);
    flows.update(1e9);
    atOnce(series.update(1e9));
    series.publish();
    expect(seriesOf(series.blocks()).map(({ name }) => name.split(' ')[0])).toEqual(['process/curl', '/']);
    expect(series.unknownOwnerBytes).toBe(30);
  });
});

test('a flow that ends before any page was made of it is not lost', () => {
  const page = new Page(9);
  page.machine.transfer(spec(), 5, 6);
  const failing = { forget: (row: number): void => page.forget(row), read: (): void => {} };
  for (const seconds of [1, TTL_NS / 1e9, 2]) {
    page.machine.nowNs += seconds * 1e9;
    page.machine.snapshot(failing);
  }
  expect(page.machine.specs.size).toBe(0);
  expect(page.after(1)).toMatchObject([{ name: OTHER_NAME, sent: 5, received: 6 }]);
});

describe('a flow whose peer may get a name in a moment', () => {
  const dialled = '10.1.0.1:80';

  test('is shown with that name, and under no other before', () => {
    const page = new Page(9);
    page.machine.identity.hopes = true;
    page.machine.transfer(spec(), 5, 6);
    expect(page.after(1)).toEqual([]);
    page.machine.transfer(spec(), 1, 0);
    page.machine.identity.pods.set('10.1.0.1', 'db');
    expect(page.after(1)).toMatchObject([{ remote: dialled, sent: 6, received: 6 }]);
    expect(page.series.blocks()[0]?.labels[0]?.values).toContain('db');
  });

  test('is shown without one when it has not come for some seconds, and its bytes follow it later', () => {
    const page = new Page(9);
    page.machine.identity.hopes = true;
    page.machine.transfer(spec(), 5, 6);
    page.after(1);
    expect(page.after(5)).toMatchObject([{ remote: dialled, sent: 5, received: 6 }]);
    page.machine.identity.pods.set('10.1.0.1', 'db');
    const after = page.after(1);
    expect(after).toMatchObject([{ remote: dialled, sent: 5, received: 6 }]);
    expect(page.series.blocks()[0]?.labels[0]?.values).toContain('db');
  });

  test('is not lost when it ends before', () => {
    const page = new Page(9);
    page.machine.identity.hopes = true;
    page.machine.transfer(spec(), 5, 6);
    page.after(1);
    page.after(TTL_NS / 1e9);
    page.after(2);
    expect(page.machine.specs.size).toBe(0);
    expect(sum(page.after(1), 'sent')).toBe(5);
  });
});

test('series are made in pieces, so that others may have their turn', () => {
  const { books, flows, live: sockets, names } = new Machine(8_192, 4);
  const series = new ConnectionSeries(flows, sockets, names, 8_192);
  for (let row = 1; row < 8_192; row++) books.open(row, { port: row });
  flows.update(1e9);
  const named = vi.spyOn(names, 'of');
  let longest = 0;
  let pieces = 0;
  const work = series.update(1e9);
  for (; work.next().done !== true; pieces++) {
    longest = Math.max(longest, named.mock.calls.length);
    named.mockClear();
  }
  expect(longest).toBeLessThanOrEqual(1_024); // each row is asked for up to three times
  expect(pieces).toBeGreaterThan((4 * 8_192) / 256); // pairs and rows: counted, opened, chosen from and shown
  expect(series.blocks()[0]?.count).toBe(0);
  series.publish();
  expect(series.stats.series).toBe(8_190); // one is kept for the pair, one for `other`
});
