import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LiveRecord, Role } from '../../../src/abi/records.gen.ts';
import { readConnection } from '../../../src/tracker/connection.ts';
import { TcpState } from '../../../src/tracker/live-table.ts';
import { v4 } from './book-memory.ts';
import { type LiveFields, liveRecords } from './live-records.ts';

const NOW = 100e9;

function read(fields: LiveFields, hz = 250): ReturnType<typeof readConnection> {
  return readConnection(new Uint8Array(liveRecords([{}, fields]).buffer), 1, NOW, hz);
}

test('a connection is what its record says, every field of it', () => {
  const fields = {
    cookie: 2 ** 50,
    bornNs: 40e9,
    sentBytes: 2 ** 33 + 1,
    receivedBytes: 2 ** 33 + 2,
    ackedBytes: 2 ** 33 + 3,
    retransBytes: 2 ** 33 + 4,
    cgroupId: 2 ** 33 + 5,
    deliveryRateBytes: 2 ** 33 + 6,
    localAddr: v4(10, 0, 0, 1),
    remoteAddr: v4(10, 0, 0, 2),
    comm: 'nginx',
    sentSegs: 11,
    receivedSegs: 12,
    retransSegs: 13,
    srttUs: 14,
    rttvarUs: 15,
    minRttUs: 16,
    cwndSegs: 17,
    mssBytes: 18,
    netns: 19,
    pid: 20,
    backlog: 21,
    backlogMax: 22,
    drops: 26,
    connectUs: 27,
    busyJiffies: 1500,
    receiverLimitedJiffies: 500,
    sndbufLimitedJiffies: 750,
    idleJiffies: 1,
    sendQueueBytes: 23,
    receiveQueueBytes: 24,
    localPort: 65_534,
    remotePort: 65_535,
    state: TcpState.finWait2,
    role: Role.ROLE_CLIENT,
  };
  expect(read(fields)).toEqual({
    state: 'FIN_WAIT2',
    role: 'client',
    localAddress: Uint8Array.from(v4(10, 0, 0, 1)),
    remoteAddress: Uint8Array.from(v4(10, 0, 0, 2)),
    localPort: 65_534,
    remotePort: 65_535,
    netns: 19,
    cgroupId: 2 ** 33 + 5,
    pid: 20,
    comm: 'nginx',
    cookie: 2 ** 50,
    ageMs: 60_000,
    idleMs: 4,
    sentBytes: 2 ** 33 + 1,
    receivedBytes: 2 ** 33 + 2,
    ackedBytes: 2 ** 33 + 3,
    sentSegs: 11,
    receivedSegs: 12,
    retransSegs: 13,
    retransBytes: 2 ** 33 + 4,
    rttUs: 14,
    rttvarUs: 15,
    minRttUs: 16,
    cwndSegs: 17,
    mssBytes: 18,
    deliveryRateBytes: 2 ** 33 + 6,
    busyMs: 6000,
    receiverLimitedMs: 2000,
    sndbufLimitedMs: 3000,
    sendQueueBytes: 23,
    receiveQueueBytes: 24,
    connectUs: 27,
    limitedBy: 'send buffer',
    backlog: null,
    backlogMax: null,
    drops: null,
  });
});

describe('what is not known', () => {
  test('is null: round-trip times before the first, ages of what is older', () => {
    const young = read({ srttUs: 0, rttvarUs: 250_000, minRttUs: 0xffffffff, bornNs: 0 });
    const { rttUs, rttvarUs, minRttUs, ageMs, connectUs, limitedBy } = young;
    expect([rttUs, rttvarUs, minRttUs, ageMs, connectUs, limitedBy]).toEqual(Array(6).fill(null));
    expect(read({ role: Role.ROLE_UNKNOWN }).role).toBe('unknown');
    expect(read({ state: 99 }).state).toBe('99');
  });

  test('is null for listeners where it means nothing', () => {
    const listener = read({ state: TcpState.listen, backlog: 3, backlogMax: 128, drops: 7, idleJiffies: 9 });
    expect([listener.state, listener.role, listener.idleMs]).toEqual(['LISTEN', 'listener', null]);
    expect([listener.backlog, listener.backlogMax, listener.drops]).toEqual([3, 128, 7]);
  });
});

test.each([
  [{ busyJiffies: 10, receiverLimitedJiffies: 6, sndbufLimitedJiffies: 3 }, 'receiver'],
  [{ busyJiffies: 10, receiverLimitedJiffies: 2, sndbufLimitedJiffies: 5 }, 'send buffer'],
  [{ busyJiffies: 10, receiverLimitedJiffies: 3, sndbufLimitedJiffies: 3 }, 'network'],
  [{ busyJiffies: 1 }, 'network'],
  [{}, null],
])('what a connection waited for longest is told in words: %j is %s', (fields, limitedBy) => {
  expect(read(fields).limitedBy).toBe(limitedBy);
});

test('a socket born after the reading has no negative age', () => {
  expect(read({ bornNs: 101e9 }).ageMs).toBe(0);
});

test('a name of full length and one that is no UTF-8 are read', () => {
  expect(read({ comm: 'sixteen-bytes-16' }).comm).toBe('sixteen-bytes-16');
  const records = new Uint8Array(liveRecords([{}]).buffer);
  records.set([0x66, 0xff, 0x6f], LiveRecord.comm);
  expect(readConnection(records, 0, NOW, 250).comm).toBe('f\ufffdo');
});

test('any bytes make a connection without negative numbers', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: LiveRecord.size, maxLength: LiveRecord.size }),
      fc.constantFrom(100, 250, 300, 1000),
      (bytes, hz) => {
        for (const [name, value] of Object.entries(readConnection(bytes, 0, NOW, hz))) {
          if (typeof value === 'number') expect([name, value >= 0]).toEqual([name, true]);
        }
      },
    ),
  );
});
