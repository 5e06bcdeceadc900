import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type ConnectionRow,
  CSV_COLUMNS,
  formatConnections,
  SORTS,
  toRow,
} from '../../../src/cli/connection-table.ts';
import { matches } from '../../../src/cli/connections-command.ts';
import { SORT_NAMES } from '../../../src/cli/flags.ts';
import { type Identity, NO_CHANGES, party, UNKNOWN } from '../../../src/cluster/identity.ts';
import { readConnection } from '../../../src/tracker/connection.ts';
import { TcpState } from '../../../src/tracker/live-table.ts';
import { v4 } from '../tracker/book-memory.ts';
import { type LiveFields, liveRecords } from '../tracker/live-records.ts';

const identity: Identity = {
  local: ({ cgroupId, comm }) => {
    if (cgroupId === 7)
      return { party: party({ kind: 'unit', name: 'nginx.service' }), holder: '', final: true };
    return { party: party({ kind: comm ? 'process' : 'unknown', name: comm }), holder: '', final: true };
  },
  remote: () => ({ party: UNKNOWN, holder: '', final: true }),
  holder: () => '',
  changes: () => NO_CHANGES,
  learn: () => Promise.resolve(true),
};

function row(fields: LiveFields = {}): ConnectionRow {
  const records = new Uint8Array(
    liveRecords([{ localAddr: v4(10, 0, 0, 1), remoteAddr: v4(10, 0, 0, 2), ...fields }]).buffer,
  );
  return toRow(readConnection(records, 0, 100e9, 250), identity);
}

const V6 = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
const NGINX = row({
  localPort: 80,
  remotePort: 40_000,
  cgroupId: 7,
  comm: 'nginx',
  pid: 123,
  sentBytes: 5_000_000,
  receivedBytes: 300,
  srttUs: 1500,
  rttvarUs: 700,
  minRttUs: 900,
  retransSegs: 2,
  idleJiffies: 500,
  bornNs: 30e9,
});

describe('the table', () => {
  test('shows a connection in a line', () => {
    expect(formatConnections([NGINX], 'table')).toBe(
      [
        'STATE        ROLE    LOCAL        REMOTE          OWNER          PID      SENT  RECEIVED      RTT  RETRANS  IDLE',
        'ESTABLISHED  server  10.0.0.1:80  10.0.0.2:40000  nginx.service  123  4.77 MiB     300 B  1.50 ms        2    2s',
        '',
      ].join('\n'),
    );
  });

  test('shows more of it when it is wide', () => {
    const [titles = '', line = ''] = formatConnections([NGINX], 'wide').split('\n');
    const at = (title: string): string =>
      line
        .slice(0, titles.indexOf(title) + title.length)
        .split(/ {2,}/)
        .at(-1) ?? '';
    expect([at('AGE'), at('MINRTT'), at('RTTVAR'), at('BACKLOG')]).toEqual([
      '1m10s',
      '900 µs',
      '700 µs',
      '-',
    ]);
    expect(line).toMatch(/ unit +nginx +0\/0 /);
  });

  test('says what is not known, and that a listener has no peer', () => {
    const listener = row({
      state: TcpState.listen,
      localPort: 22,
      localAddr: V6,
      backlog: 3,
      backlogMax: 128,
    });
    const [, line] = formatConnections([listener], 'table').split('\n');
    expect(line?.split(/ {2,}/)).toEqual([
      'LISTEN',
      'listener',
      '[2001:db8::1]:22',
      '*',
      'unknown',
      '-',
      '0 B',
      '0 B',
      '-',
      '0',
      '-',
    ]);
    expect(formatConnections([listener], 'wide')).toContain(' 3/128 ');
  });

  test('makes process names harmless', () => {
    const bad = row({ comm: '\x1b[2J\n\x9b' });
    for (const output of ['table', 'wide'] as const) {
      const text = formatConnections([bad], output);
      expect(text.split('\n')).toHaveLength(3);
      expect(text).toContain('\\x1b[2J\\x0a');
      expect(text).not.toContain('\x1b');
    }
  });
});

describe('for programs', () => {
  test('JSON has every number as it is', () => {
    const [found] = JSON.parse(formatConnections([NGINX], 'json')) as ConnectionRow[];
    expect(found).toEqual(NGINX);
    expect(found).toMatchObject({ ownerName: 'nginx.service', ownerKind: 'unit', localAddress: '10.0.0.1' });
    expect(JSON.parse(formatConnections([], 'json'))).toEqual([]);
  });

  test('CSV has a column for everything, also when there is no connection', () => {
    expect(CSV_COLUMNS.toSorted()).toEqual(Object.keys(NGINX).toSorted());
    const [titles = '', values = ''] = formatConnections([NGINX], 'csv').split('\r\n');
    expect(formatConnections([], 'csv')).toBe(`${titles}\r\n`);
    const fields = values.split(',');
    expect(fields).toHaveLength(titles.split(',').length);
    expect(fields[titles.split(',').indexOf('sentBytes')]).toBe('5000000');
    expect(fields[titles.split(',').indexOf('backlog')]).toBe('');
  });

  test('an owner that is not known has an empty kind', () => {
    expect(row()).toMatchObject({ ownerName: '', ownerKind: '' });
    expect(row({ comm: 'curl' })).toMatchObject({ ownerName: 'curl', ownerKind: 'process' });
  });
});

describe('--sort', () => {
  const sorted = (name: keyof typeof SORTS, rows: readonly ConnectionRow[]): ConnectionRow[] =>
    rows.toSorted(SORTS[name]);

  test.each<[keyof typeof SORTS, LiveFields, LiveFields, LiveFields]>([
    ['bytes', { sentBytes: 5, receivedBytes: 5 }, { sentBytes: 9 }, { receivedBytes: 8 }],
    ['sent', { sentBytes: 3 }, { sentBytes: 2, receivedBytes: 9 }, { receivedBytes: 10 }],
    ['received', { receivedBytes: 3 }, { receivedBytes: 2, sentBytes: 9 }, { sentBytes: 10 }],
    ['rtt', { srttUs: 9 }, { srttUs: 1 }, { srttUs: 0 }],
    ['retrans', { retransSegs: 9 }, { retransSegs: 1 }, {}],
    ['age', { bornNs: 0 }, { bornNs: 1e9 }, { bornNs: 99e9 }],
    ['idle', { idleJiffies: 9 }, { idleJiffies: 0 }, { state: TcpState.listen, idleJiffies: 99 }],
    [
      'local',
      { localAddr: v4(10, 0, 0, 9), localPort: 9 },
      { localAddr: v4(10, 0, 0, 9), localPort: 10 },
      { localAddr: v4(10, 0, 0, 10) },
    ],
    [
      'remote',
      { remoteAddr: v4(9, 0, 0, 1) },
      { remoteAddr: v4(10, 0, 0, 1), remotePort: 2 },
      { remoteAddr: v4(10, 0, 0, 1), remotePort: 10 },
    ],
  ])('%s has its order', (name, first, second, third) => {
    const rows = [row(first), row(second), row(third)];
    expect(sorted(name, rows)).toEqual(rows);
    expect(sorted(name, rows.toReversed())).toEqual(rows);
  });

  test('has an order for all of its names, that never contradicts itself', () => {
    expect(Object.keys(SORTS).toSorted()).toEqual([...SORT_NAMES].toSorted());
    const fields = fc.record({
      bornNs: fc.constantFrom(0, 5, 50e9),
      srttUs: fc.nat(2),
      sentBytes: fc.nat(3),
      state: fc.constantFrom(TcpState.established, TcpState.listen),
      localAddr: fc.constantFrom(v4(10, 0, 0, 9), v4(10, 0, 0, 10), V6),
    });
    fc.assert(
      fc.property(fc.constantFrom(...SORT_NAMES), fields, fields, fields, (name, ...some) => {
        const [a, b, c] = some.map((of) => row(of)) as [ConnectionRow, ConnectionRow, ConnectionRow];
        const compare = SORTS[name];
        expect(Math.sign(compare(a, b)) + Math.sign(compare(b, a))).toBe(0);
        expect(compare(a, a)).toBe(0);
        if (compare(a, b) <= 0 && compare(b, c) <= 0) expect(compare(a, c)).toBeLessThanOrEqual(0);
      }),
    );
  });
});

describe('a filter', () => {
  const asked = { output: 'table', sort: 'bytes', limit: 9 } as const;

  test.each([
    [{}, true],
    [{ address: '10.0.0.1' }, true],
    [{ address: '10.0.0.2' }, true],
    [{ address: '10.0.0' }, false],
    [{ port: 80 }, true],
    [{ port: 40_000 }, true],
    [{ port: 8 }, false],
    [{ process: 'ngin' }, true],
    [{ process: '.service' }, true],
    [{ process: '123' }, true],
    [{ process: '12' }, false],
    [{ address: '10.0.0.1', port: 80, process: 'nginx' }, true],
    [{ address: '10.0.0.1', port: 80, process: 'curl' }, false],
    [{ address: '10.0.0.3', port: 80, process: 'nginx' }, false],
  ])('%o of nginx: %s', (filter, found) => {
    expect(matches(NGINX, { ...asked, ...filter })).toBe(found);
  });
});
