import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LiveRecord, Role } from '../../../src/abi/records.gen.ts';
import { commOf } from '../../../src/collector/comm.ts';
import { FlowTable } from '../../../src/tracker/flow-table.ts';
import { COMM_BYTES, LiveTable, TcpState } from '../../../src/tracker/live-table.ts';
import { BookMemory } from './book-memory.ts';
import { type LiveFields, liveRecords } from './live-records.ts';

const S = 1e9;
const START = 1000 * S;

function tables(slots = 8, keepRecords = false): { live: LiveTable; flows: FlowTable } {
  return { live: new LiveTable(slots, keepRecords), flows: new FlowTable(new BookMemory(8).buffer) };
}

/** A whole snapshot: one step of the walk. */
function walk(of: ReturnType<typeof tables>, records: readonly LiveFields[], nowNs: number): void {
  of.live.begin(of.flows);
  of.live.add(liveRecords(records), records.length, nowNs, of.flows);
}

describe('a live socket', () => {
  test('has what its record says', () => {
    const t = tables();
    const fields = {
      cookie: 2 ** 40 + 3,
      bornNs: START - S,
      sentBytes: 2 ** 35 + 1,
      receivedBytes: 2 ** 36 + 2,
      srttUs: 250,
      netns: 4_026_531_840,
      pid: 4_000_000_000,
      slot: 5,
      book: 3,
      remotePort: 54_321,
      state: TcpState.closeWait,
      role: Role.ROLE_CLIENT,
    };
    walk(t, [{}, fields], START);
    expect(t.live.count).toBe(2);
    for (const [name, value] of Object.entries(fields) as [keyof typeof fields, number][]) {
      expect([name, t.live[name][1]]).toEqual([name, value]);
    }
    expect(t.live.isServed(0)).toBe(true);
    expect(t.live.isServed(1)).toBe(false);
  });

  test('that listens has more: its port, owner, queue and name', () => {
    const t = tables();
    const fields = {
      localPort: 80,
      cgroupId: 2 ** 41 + 9,
      backlog: 3,
      backlogMax: 128,
      drops: 4_000_000_001,
    };
    walk(t, [{ comm: 'client' }, { ...fields, state: TcpState.listen, slot: 1, comm: 'nginx' }], START);
    expect([...t.live.listenerRows.subarray(0, t.live.listeners)]).toEqual([1]);
    for (const [name, value] of Object.entries(fields) as [keyof typeof fields, number][]) {
      expect([name, t.live[name][1]]).toEqual([name, value]);
    }
    expect(commOf(t.live.comms, COMM_BYTES)).toBe('nginx');
  });

  test('is counted in its flow; until the handshake is done it is not established', () => {
    const t = tables();
    const states = [TcpState.established, TcpState.synSent, TcpState.synRecv, TcpState.lastAck];
    walk(
      t,
      states.map((state, slot) => ({ state, slot, book: 2 })),
      START,
    );
    expect([t.flows.live[2], t.flows.established[2]]).toEqual([4, 2]);
    walk(t, [{ book: 3 }], START + S);
    expect([t.flows.live[2], t.flows.established[2]]).toEqual([0, 0]);
    expect([t.flows.live[3], t.flows.established[3], t.live.count]).toEqual([1, 1, 1]);
  });

  test('that listens belongs to no flow', () => {
    const t = tables();
    walk(t, [{ state: TcpState.listen }, { state: TcpState.listen, slot: 1 }, { slot: 2 }], START);
    expect([t.live.listeners, t.live.count, t.flows.live[0], t.flows.established[0]]).toEqual([2, 3, 1, 1]);
    walk(t, [], START + S);
    expect([t.live.listeners, t.live.count]).toEqual([0, 0]);
  });
});

describe('the rate of a socket', () => {
  const socket = { cookie: 7, slot: 3, bornNs: START - 4 * S, sentBytes: 1000, receivedBytes: 40 };

  test('that is new since the last snapshot is since its birth', () => {
    const t = tables();
    walk(t, [socket], START);
    expect([t.live.sentRate(0), t.live.receivedRate(0)]).toEqual([250, 10]);
  });

  test('is since the last snapshot after that, wherever its row is', () => {
    const t = tables();
    walk(t, [socket], START);
    walk(
      t,
      [
        { slot: 1, cookie: 2 },
        { ...socket, sentBytes: 3000, receivedBytes: 41 },
      ],
      START + 2 * S,
    );
    expect([t.live.sentRate(1), t.live.receivedRate(1)]).toEqual([1000, 0.5]);
  });

  test('older than the agent is 0 first: nobody knows since when', () => {
    const t = tables();
    walk(t, [{ ...socket, bornNs: 0 }], START);
    expect(t.live.sentRate(0)).toBe(0);
    walk(t, [{ ...socket, bornNs: 0, sentBytes: 1500 }], START + S);
    expect(t.live.sentRate(0)).toBe(500);
  });

  test('that has the slot of another is its own', () => {
    const t = tables();
    walk(t, [{ ...socket, sentBytes: 900 }], START);
    walk(t, [{ ...socket, cookie: 8, bornNs: START + S, sentBytes: 1000 }], START + 2 * S);
    expect(t.live.sentRate(0)).toBe(1000);
  });

  test('is 0 when time or the counter went back or the birth is in the future', () => {
    const t = tables();
    walk(t, [socket], START);
    walk(t, [{ ...socket, sentBytes: 2000 }], START - S);
    expect(t.live.sentRate(0)).toBe(0);
    walk(t, [{ ...socket, sentBytes: 20 }], START + S);
    expect(t.live.sentRate(0)).toBe(0);
    walk(t, [{ ...socket, cookie: 9, bornNs: START + 9 * S }], START + 2 * S);
    expect(t.live.sentRate(0)).toBe(0);
  });

  test('is finite and not negative whatever the records say', () => {
    const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
    const record = fc.record({
      cookie: fc.integer({ min: 1, max: 3 }),
      slot: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
      book: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
      state: fc.integer({ min: 0, max: 255 }),
      bornNs: u64,
      sentBytes: u64,
      receivedBytes: u64,
    });
    const step = fc.tuple(fc.array(record, { maxLength: 4 }), fc.integer({ min: 0, max: 2 ** 53 }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 6 }), (steps) => {
        const t = tables(3);
        for (const [records, nowNs] of steps) {
          walk(t, records, nowNs);
          expect(t.live.count).toBe(Math.min(3, records.length));
          for (let row = 0; row < t.live.count; row++) {
            const { sentBytes, bornNs } = t.live;
            for (const value of [
              t.live.sentRate(row),
              t.live.receivedRate(row),
              sentBytes[row],
              bornNs[row],
            ]) {
              expect(value).toBeGreaterThanOrEqual(0);
              expect(value).toBeLessThan(Infinity);
            }
          }
        }
      }),
    );
  });
});

describe('a walk', () => {
  test('goes on where its last step ended', () => {
    const t = tables();
    walk(t, [{ cookie: 1 }, { cookie: 2, slot: 1 }], START);
    t.live.add(liveRecords([{ cookie: 3, slot: 2, book: 1 }, { cookie: 4 }]), 1, START + 1, t.flows);
    expect([...t.live.cookie.subarray(0, t.live.count)]).toEqual([1, 2, 3]);
    expect([t.flows.live[0], t.flows.live[1]]).toEqual([2, 1]);
  });

  test('with more records than slots stops at the slots', () => {
    const t = tables(2, true);
    const records = [1, 2, 3, 4].map((cookie, slot) => ({ cookie, slot, book: 1 }));
    walk(t, records, START);
    t.live.add(liveRecords(records), 4, START, t.flows);
    expect([t.live.count, t.flows.live[1]]).toEqual([2, 2]);
  });

  test('keeps whole records if it was asked to, and none otherwise', () => {
    const t = tables(4096, true);
    const record = (cookie: number): LiveFields => ({ cookie, slot: cookie, comm: `name ${cookie}` });
    const steps = [1500, 1, 2500].map((length, i) =>
      Array.from({ length }, (_, k) => record(i * 10_000 + k + 1)),
    );
    for (const _again of [1, 2]) {
      t.live.begin(t.flows);
      for (const step of steps) t.live.add(liveRecords(step), step.length, START, t.flows);
      const kept = t.live.records.subarray(0, t.live.count * LiveRecord.size);
      expect(Buffer.from(kept).equals(Buffer.from(liveRecords(steps.flat()).buffer))).toBe(true);
    }
    const none = tables(8);
    walk(none, [record(1)], START);
    expect(none.live.records).toHaveLength(0);
  });
});
