import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Book, BookState, ConnectFailure, FlowKey, Role } from '../../../src/abi/records.gen.ts';
import { FlowState, FlowTable, OTHER } from '../../../src/tracker/flow-table.ts';
import { BookMemory, v4 } from './book-memory.ts';

const S = 1e9;
const START = 1000 * S;

function table(capacity = 8): { books: BookMemory; flows: FlowTable } {
  const books = new BookMemory(capacity);
  return { books, flows: new FlowTable(books.buffer) };
}

function rowsOf(flows: FlowTable): number[] {
  return [...flows.rows.subarray(0, flows.rowCount)];
}

describe('the rows', () => {
  test('are the books in use, ascending, and `other` always', () => {
    const { books, flows } = table();
    expect(flows.capacity).toBe(8);
    books.open(5);
    books.open(2);
    books.setState(3, BookState.BOOK_ORPHAN);
    books.setState(OTHER, BookState.BOOK_FREE);
    flows.update(START);
    expect(rowsOf(flows)).toEqual([0, 2, 5]);
    expect(flows.state[2]).toBe(FlowState.used);
    expect(flows.state[3]).toBe(FlowState.free);
    expect(flows.orphans).toEqual([3]);
  });

  test('are read in pieces, and are those of the reading before until all are read', () => {
    const books = new BookMemory(100_000);
    const flows = new FlowTable(books.buffer);
    flows.update(START);
    for (let row = 1; row < 100_000; row++) books.open(row);
    let [before, longest] = [0, 0];
    const reading = flows.read(START + S);
    for (let done = false; !done;) {
      expect(rowsOf(flows)).toEqual([0]);
      done = reading.next().done === true;
      const read = flows.firstNs.findLastIndex((ns) => ns > START);
      longest = Math.max(longest, read - before);
      before = read;
    }
    expect(longest).toBeLessThanOrEqual(1_024);
    expect(flows.rowCount).toBe(100_000);
  });

  test('have the key of their flow, each field of it', () => {
    const { books, flows } = table();
    const localAddr = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7];
    const key = { cgroupId: 2 ** 40 + 7, netns: 4_026_531_840, port: 65_535, role: Role.ROLE_SERVER };
    books.open(3, { ...key, protocol: 17, localAddr, remoteAddr: v4(192, 0, 2, 1), comm: 'nginx' });
    books.open(4, { comm: 'next' });
    flows.update(START);
    expect(flows.cgroupId(3)).toBe(2 ** 40 + 7);
    expect(flows.netns(3)).toBe(4_026_531_840);
    expect(flows.port(3)).toBe(65_535);
    expect(flows.role(3)).toBe(Role.ROLE_SERVER);
    expect(flows.protocol(3)).toBe(17);
    const bytes = (at: number, length: number): number[] => [...flows.memory.subarray(at, at + length)];
    expect(bytes(flows.localAddrOffset(3), 16)).toEqual(localAddr);
    expect(bytes(flows.remoteAddrOffset(3), 16)).toEqual(v4(192, 0, 2, 1));
    expect(bytes(flows.commOffset(3), 6)).toEqual([...Buffer.from('nginx\0')]);
    const copy = flows.key(3);
    expect(copy).toEqual(flows.memory.slice(3 * Book.size, 3 * Book.size + FlowKey.size));
    books.release(3);
    expect(copy.some((byte) => byte !== 0)).toBe(true);
  });

  test('have each counter in its column', () => {
    const { books, flows } = table();
    books.open(6);
    const names = Object.keys(flows.columns) as (keyof FlowTable['columns'])[];
    names.forEach((name, i) => books.set(6, name, 1000 + i));
    for (let i = 0; i < ConnectFailure.FAILED_CLASSES; i++) books.addFailed(6, i, 7 + i);
    flows.update(START);
    const noCounters = /^(size|key|failed|state|reserved\d*)$/;
    expect(names.toSorted()).toEqual(
      Object.keys(Book)
        .filter((name) => !noCounters.test(name))
        .toSorted(),
    );
    names.forEach((name, i) => expect(flows.columns[name][6]).toBe(1000 + i));
    const from = 6 * ConnectFailure.FAILED_CLASSES;
    expect([...flows.failed.subarray(from, from + 6)]).toEqual([7, 8, 9, 10, 11, 12]);
    expect(flows.failed[from - 1]).toBe(0);
    expect(flows.failed[from + 6]).toBe(0);
  });
});

describe('rates', () => {
  test('are 0 at the first snapshot: nobody knows since when', () => {
    const { books, flows } = table();
    books.open(1);
    books.set(1, 'sentBytes', 1e9);
    flows.update(START);
    expect(flows.sentRate[1]).toBe(0);
  });

  test('are what came since the last snapshot, all of it for a flow that is new since then', () => {
    const { books, flows } = table();
    books.open(1);
    books.set(1, 'sentBytes', 1000);
    flows.update(START);
    books.add(1, 'sentBytes', 500);
    books.add(1, 'receivedBytes', 50);
    books.open(2);
    books.set(2, 'receivedBytes', 800);
    flows.update(START + 2 * S);
    expect([flows.sentRate[1], flows.receivedRate[1]]).toEqual([250, 25]);
    expect([flows.sentRate[2], flows.receivedRate[2]]).toEqual([0, 400]);
    flows.update(START + 3 * S);
    expect([flows.sentRate[1], flows.receivedRate[2]]).toEqual([0, 0]);
  });

  test('are 0 when time went back, and are over the whole time once it is past again', () => {
    const { books, flows } = table();
    books.open(1);
    flows.update(START);
    books.add(1, 'sentBytes', 1000);
    flows.update(START - 60 * S);
    expect(flows.sentRate[1]).toBe(0);
    books.add(1, 'sentBytes', 1000);
    flows.update(START + 4 * S);
    expect(flows.sentRate[1]).toBe(250);
  });

  test('and totals stay sane above 2^53 and up to the last bit', () => {
    const { books, flows } = table();
    books.open(1);
    books.set(1, 'sentBytes', 2n ** 60n);
    flows.update(START);
    books.set(1, 'sentBytes', 2n ** 64n - 1n);
    flows.update(START + S);
    expect(flows.columns.sentBytes[1]).toBe(2 ** 64);
    expect(flows.sentRate[1]).toBe(2 ** 64 - 2 ** 60);
    books.set(1, 'sentBytes', 5);
    flows.update(START + 2 * S);
    expect(flows.columns.sentBytes[1]).toBe(5);
    expect(flows.sentRate[1]).toBe(0);
  });

  test('of any readings at any times are finite and not negative', () => {
    const reading = fc.tuple(
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      fc.integer({ min: 1, max: 2 ** 53 }),
    );
    fc.assert(
      fc.property(fc.array(reading, { maxLength: 8 }), (readings) => {
        const { books, flows } = table(2);
        books.open(1);
        for (const [value, nowNs] of readings) {
          books.set(1, 'sentBytes', value);
          books.set(1, 'receivedBytes', value);
          flows.update(nowNs);
          for (const column of [flows.sentRate, flows.receivedRate, flows.columns.sentBytes]) {
            expect(column[1]).toBeGreaterThanOrEqual(0);
            expect(column[1]).toBeLessThan(Infinity);
          }
        }
      }),
    );
  });
});

describe('a flow is idle', () => {
  test('when nothing of it has moved for the time, and not before', () => {
    const { books, flows } = table();
    books.open(1);
    flows.update(START);
    flows.update(START + 9 * S);
    expect(flows.idle(START + 9 * S, 10 * S, 99)).toEqual([]);
    flows.update(START + 10 * S);
    expect(flows.idle(START + 10 * S, 10 * S, 99)).toEqual([1]);
  });

  test.each(['sentBytes', 'receivedBytes', 'opened', 'closed', 'reset', 'retransSegs', 'sentSegs'] as const)(
    'not while its %s move',
    (counter) => {
      const { books, flows } = table();
      books.open(1);
      flows.update(START);
      books.add(1, counter, 1);
      flows.update(START + 10 * S);
      expect(flows.idle(START + 10 * S, 10 * S, 99)).toEqual([]);
    },
  );

  test('not while connects of it fail', () => {
    const { books, flows } = table();
    books.open(1);
    flows.update(START);
    books.addFailed(1, ConnectFailure.FAILED_OTHER, 1);
    flows.update(START + 10 * S);
    expect(flows.idle(START + 10 * S, 10 * S, 99)).toEqual([]);
  });

  test('not while a socket of it lives, and its time begins when the last has gone', () => {
    const { books, flows } = table();
    books.open(1);
    flows.update(START);
    flows.live[1] = 1;
    flows.update(START + 50 * S);
    expect(flows.idle(START + 50 * S, 10 * S, 99)).toEqual([]);
    flows.live[1] = 0;
    flows.update(START + 51 * S);
    expect(flows.idle(START + 51 * S, 10 * S, 99)).toEqual([]);
    flows.update(START + 60 * S);
    expect(flows.idle(START + 60 * S, 10 * S, 99)).toEqual([1]);
  });

  test('never `other`, never twice, and at most as many as are asked for', () => {
    const { books, flows } = table();
    for (const row of [1, 2, 3, 4]) books.open(row);
    flows.update(START);
    flows.update(START + 99 * S);
    expect(flows.idle(START + 99 * S, 10 * S, 2)).toEqual([1, 2]);
    flows.beginRetiring(1, START + 99 * S);
    expect(flows.idle(START + 99 * S, 10 * S, 99)).toEqual([2, 3, 4]);
    expect(flows.idle(START + 99 * S, 10 * S, 0)).toEqual([]);
  });
});

describe('a flow that is being forgotten', () => {
  test('can be closed a second after its key went, not before', () => {
    const { books, flows } = table();
    books.open(1);
    flows.update(START - 50 * S);
    flows.update(START);
    flows.beginRetiring(1, START);
    expect(flows.retired(START)).toEqual([]);
    flows.update(START + 0.99 * S);
    expect(flows.retired(START + 0.99 * S)).toEqual([]);
    flows.update(START + S);
    expect(flows.retired(START + S)).toEqual([1]);
    expect(flows.state[1]).toBe(FlowState.retiring);
  });

  test('is still read, and what is added late puts the end off', () => {
    const { books, flows } = table();
    books.open(1);
    flows.update(START);
    flows.beginRetiring(1, START);
    books.add(1, 'receivedBytes', 3);
    flows.update(START + S);
    expect(flows.columns.receivedBytes[1]).toBe(3);
    expect(flows.retired(START + S)).toEqual([]);
    flows.update(START + 2 * S);
    expect(flows.retired(START + 2 * S)).toEqual([1]);
  });

  test('leaves nothing to the flow that gets its row', () => {
    const { books, flows } = table();
    books.open(1, { port: 80 });
    books.set(1, 'sentBytes', 5000);
    books.set(1, 'opened', 9);
    books.addFailed(1, 0, 2);
    flows.update(START);
    flows.live[1] = 2;
    flows.established[1] = 2;
    flows.clear(1);
    books.release(1);
    expect(flows.state[1]).toBe(FlowState.free);
    for (const column of Object.values(flows.columns)) expect((column as Float64Array)[1]).toBe(0);
    expect([flows.live[1], flows.established[1], flows.sentRate[1]]).toEqual([0, 0, 0]);
    expect(flows.failed[ConnectFailure.FAILED_CLASSES]).toBe(0);
    flows.update(START + 20 * S);
    expect(rowsOf(flows)).toEqual([0]);

    books.open(1, { port: 443 });
    books.set(1, 'sentBytes', 100);
    flows.update(START + 30 * S);
    expect(flows.port(1)).toBe(443);
    expect(flows.sentRate[1]).toBe(10);
    expect(flows.firstNs[1]).toBe(START + 30 * S);
    expect(flows.activeNs[1]).toBe(START + 30 * S);
    expect(flows.idle(START + 30 * S, 10 * S, 99)).toEqual([]);
  });
});

test('`other` is counted as any flow', () => {
  const { books, flows } = table();
  flows.update(START);
  books.add(OTHER, 'sentBytes', 70);
  flows.update(START + 10 * S);
  expect([flows.columns.sentBytes[OTHER], flows.sentRate[OTHER]]).toEqual([70, 7]);
});
