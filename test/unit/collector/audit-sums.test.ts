import { beforeEach, describe, expect, it } from 'vitest';
import { Book, BookState, FlowKey, Role } from '../../../src/abi/records.gen.ts';
import { AuditSums } from '../../../src/collector/audit-sums.ts';
import { FlowTable } from '../../../src/tracker/flow-table.ts';

const BOOKS = 8;

interface BookValues {
  readonly netns?: number;
  readonly protocol?: number;
  readonly role?: number;
  readonly received?: number;
  readonly sent?: number;
  readonly retrans?: number;
  readonly opened?: number;
  readonly finsDue?: number;
  readonly failed?: readonly number[];
}

let memory: ArrayBuffer;
let flows: FlowTable;
let sums: AuditSums;

function write(row: number, of: BookValues): void {
  const view = new DataView(memory, row * Book.size, Book.size);
  const u64 = (offset: number, value = 0): void => view.setBigUint64(offset, BigInt(value), true);
  view.setUint32(Book.state, BookState.BOOK_USED, true);
  view.setUint32(Book.key + FlowKey.netns, of.netns ?? 0, true);
  view.setUint8(Book.key + FlowKey.protocol, of.protocol ?? 6);
  view.setUint8(Book.key + FlowKey.role, of.role ?? Role.ROLE_CLIENT);
  u64(Book.receivedSegs, of.received);
  u64(Book.sentSegs, of.sent);
  u64(Book.retransSegs, of.retrans);
  u64(Book.opened, of.opened);
  u64(Book.finsDue, of.finsDue);
  of.failed?.forEach((count, at) => u64(Book.failed + at * 8, count));
}

/** As at the end of a snapshot. */
function snapshot(): void {
  flows.update(1e9);
  sums.update();
}

beforeEach(() => {
  memory = new ArrayBuffer(BOOKS * Book.size);
  flows = new FlowTable(memory);
  sums = new AuditSums(flows);
});

describe('sums of the books by namespace', () => {
  it('add up the flows of each, TCP and UDP apart', () => {
    write(1, { netns: 5, received: 10, sent: 20, retrans: 1, opened: 3, failed: [1, 0, 2], finsDue: 4 });
    write(2, { netns: 5, received: 7, sent: 8, role: Role.ROLE_SERVER, opened: 9 });
    write(3, { netns: 5, received: 100, sent: 200, protocol: 17 });
    write(4, { netns: 6, received: 1, sent: 1 });
    snapshot();
    expect(sums.of(5)).toEqual({
      TcpInSegs: 17,
      TcpOutSegs: 28,
      TcpRetransSegs: 1,
      UdpInDatagrams: 100,
      UdpOutDatagrams: 200,
      connects: 6, // of clients alone
      finsDue: 4,
    });
    expect(sums.of(6)).toMatchObject({ TcpInSegs: 1, UdpInDatagrams: 0 });
    expect(sums.of(99)).toMatchObject({ TcpInSegs: 0 });
  });

  it('keep apart what had no book', () => {
    write(0, { received: 4, sent: 5, retrans: 6 });
    snapshot();
    expect(sums.of(0).TcpInSegs).toBe(0);
    expect(sums.other()).toMatchObject({ TcpInSegs: 4, UdpInDatagrams: 4, TcpOutSegs: 5, TcpRetransSegs: 6 });
  });

  it('do not fall when a flow ends and its book goes to another namespace', () => {
    write(1, { netns: 5, received: 10 });
    snapshot();
    sums.forget(1);
    flows.clear(1);
    new Uint8Array(memory, Book.size, Book.size).fill(0);
    sums.update(); // the row is still listed in this snapshot
    expect(sums.of(5).TcpInSegs).toBe(10);
    write(1, { netns: 6, received: 3 });
    snapshot();
    expect([sums.of(5).TcpInSegs, sums.of(6).TcpInSegs]).toEqual([10, 3]);
    write(2, { netns: 5, received: 2 });
    snapshot();
    snapshot();
    expect(sums.of(5).TcpInSegs).toBe(12);
  });

  it('remember flows that ended of the namespaces that somebody asks for alone', () => {
    write(1, { netns: 5, received: 10 });
    write(2, { netns: 6, received: 20 });
    snapshot();
    for (const row of [1, 2]) {
      sums.forget(row);
      flows.clear(row);
    }
    sums.keep(new Set([6]));
    sums.update();
    expect([sums.of(5).TcpInSegs, sums.of(6).TcpInSegs]).toEqual([0, 20]);
  });
});
