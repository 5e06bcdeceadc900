// Who is at both ends of a flow, and what happens when more is learnt, or an address goes to somebody else.
import { expect, test } from 'vitest';
import {
  type Answer,
  type Changes,
  type Identity,
  type Moment,
  party,
  UNKNOWN,
} from '../../../src/cluster/identity.ts';
import { FlowNames } from '../../../src/collector/flow-names.ts';
import { FlowTable } from '../../../src/tracker/flow-table.ts';
import { atOnce } from '../../../src/util/slices.ts';
import { BookMemory, v4 } from '../tracker/book-memory.ts';

interface Range {
  readonly pod: string;
  readonly fromNs: number;
  readonly toNs: number;
}

const SOMEBODY = party({ kind: 'unknown', name: '', inCluster: true });

/** Addresses that pods have for a time. Where two could have had one at a moment, nobody is named. */
class Pods implements Identity {
  readonly ranges = new Map<string, Range[]>();
  readonly changed = new Set<string>();
  asked = 0;
  final = true;
  deaf = false;
  readonly ending = new Set<string>();

  give(address: string, pod: string, fromNs: number): void {
    const before = this.ranges.get(address) ?? [];
    this.ranges.set(address, [
      ...before.map((range) => ({ ...range, toNs: Math.min(range.toNs, fromNs) })),
      { pod, fromNs, toNs: Infinity },
    ]);
    this.changed.add(address);
  }

  local(): Answer {
    return { party: party({ kind: 'process', name: 'curl' }), holder: '', final: true };
  }

  remote({ address }: { address: string }, at: Moment): Answer {
    this.asked++;
    const had = (this.ranges.get(address) ?? []).filter(
      ({ fromNs, toNs }) => fromNs <= at.toNs && at.fromNs < toNs,
    );
    const [one, another] = had;
    if (another) return { party: SOMEBODY, holder: '', final: true };
    if (!one) return { party: UNKNOWN, holder: '', final: this.final };
    return {
      party: party({ kind: 'pod', name: one.pod, namespace: 'shop', inCluster: true }),
      holder: one.pod,
      final: true,
    };
  }

  holder({ address }: { address: string }): string {
    const pod = this.ranges.get(address)?.at(-1)?.pod ?? '';
    return this.ending.has(pod) ? `${pod} ending` : pod;
  }

  changes(): Changes {
    const addresses = new Set(this.changed);
    this.changed.clear();
    const { deaf } = this;
    this.deaf = false;
    return { all: false, addresses, deaf };
  }

  learn(): Promise<boolean> {
    return Promise.resolve(true);
  }
}

class Bed {
  readonly books = new BookMemory(16);
  readonly flows = new FlowTable(this.books.buffer);
  readonly pods = new Pods();
  readonly names = new FlowNames(this.flows, this.pods);

  open(row: number, host: number): void {
    this.books.open(row, { remoteAddr: v4(10, 1, 0, host), port: 80 });
  }

  snapshot(nowNs: number): void {
    this.flows.update(nowNs);
    atOnce(this.names.update(nowNs));
  }

  remote(row: number): string {
    return this.names.of(row).remote.name;
  }
}

test('a flow is named once, and asked about again only when its address changes', () => {
  const bed = new Bed();
  bed.pods.give('10.1.0.1', 'a', 0);
  bed.open(1, 1);
  bed.open(2, 2);
  bed.snapshot(10);
  const name = bed.names.of(1);
  const { asked } = bed.pods;
  bed.snapshot(20);
  expect(bed.pods.asked).toBe(asked);
  bed.pods.give('10.1.0.2', 'b', 5);
  bed.snapshot(30);
  expect(bed.names.of(1)).toBe(name);
  expect(bed.remote(2)).toBe('b');
});

test('a flow whose name may come in a moment is asked about until it is settled', () => {
  const bed = new Bed();
  bed.pods.final = false;
  bed.open(1, 1);
  bed.snapshot(10);
  expect(bed.names.of(1).settled).toBe(false);
  expect(bed.names.unsettled).toBe(1);
  bed.pods.ranges.set('10.1.0.1', [{ pod: 'late', fromNs: 0, toNs: Infinity }]);
  bed.snapshot(20);
  expect(bed.remote(1)).toBe('late');
  expect(bed.names.unsettled).toBe(0);
  expect(bed.names.takeMoved()).toEqual([]);
});

test('when an address goes to another pod the flow keeps its name, and new connections are another flow', () => {
  const bed = new Bed();
  bed.pods.give('10.1.0.1', 'a', 0);
  bed.open(1, 1);
  bed.snapshot(10);
  bed.pods.give('10.1.0.1', 'b', 15);
  bed.snapshot(20);
  expect(bed.remote(1)).toBe('a');
  expect(bed.names.takeMoved()).toEqual([1]);
  bed.flows.detach(1);
  bed.open(2, 1);
  bed.snapshot(30);
  expect(bed.remote(2)).toBe('b');
  expect(bed.names.takeMoved()).toEqual([]);
});

test('between snapshots an address that goes to another pod is seen, and names change with the next one', () => {
  const bed = new Bed();
  bed.pods.give('10.1.0.1', 'a', 0);
  bed.open(1, 1);
  bed.open(2, 2);
  bed.snapshot(10);
  atOnce(bed.names.noteChanges());
  expect(bed.names.takeMoved()).toEqual([]);
  bed.pods.give('10.1.0.1', 'b', 15);
  bed.pods.give('10.1.0.2', 'c', 5);
  atOnce(bed.names.noteChanges());
  expect([bed.names.takeMoved(1), bed.names.takeMoved()]).toEqual([[1], [2]]); // nobody had the second: who comes now is another flow's
  expect(bed.remote(2)).toBe('');
  bed.snapshot(20);
  expect([bed.remote(1), bed.remote(2)]).toEqual(['a', 'c']);
});

test('when the pod of an address is about to end, new connections are another flow, once', () => {
  const bed = new Bed();
  bed.pods.give('10.1.0.1', 'a', 0);
  bed.open(1, 1);
  bed.snapshot(10);
  bed.pods.ending.add('a');
  bed.pods.changed.add('10.1.0.1');
  bed.snapshot(20);
  expect(bed.names.takeMoved()).toEqual([1]);
  bed.flows.detach(1);
  bed.open(2, 1);
  bed.snapshot(30);
  bed.pods.changed.add('10.1.0.1');
  bed.snapshot(40);
  expect(bed.remote(2)).toBe('a');
  expect(bed.names.takeMoved()).toEqual([]);
});

test('when news stop coming, connections to whoever was known are another flow from then on', () => {
  const bed = new Bed();
  bed.pods.give('10.1.0.1', 'a', 0);
  bed.open(1, 1);
  bed.open(2, 2);
  bed.snapshot(10);
  bed.pods.deaf = true;
  atOnce(bed.names.noteChanges());
  expect(bed.names.takeMoved()).toEqual([1]); // of the second nobody was known
  bed.flows.detach(1);
  bed.pods.deaf = true;
  bed.snapshot(20);
  expect(bed.names.takeMoved()).toEqual([]);
  expect(bed.remote(1)).toBe('a');
});

test('a flow that began while its address went over is nobody’s, and does not stay the one for what comes', () => {
  const bed = new Bed();
  bed.pods.give('10.1.0.1', 'a', 0);
  bed.snapshot(10);
  bed.pods.give('10.1.0.1', 'b', 15);
  bed.open(1, 1);
  bed.snapshot(20);
  expect(bed.names.of(1).remote).toBe(SOMEBODY);
  expect(bed.names.takeMoved()).toEqual([1]);
});

test('a row that is cleared forgets its name', () => {
  const bed = new Bed();
  bed.pods.give('10.1.0.1', 'a', 0);
  bed.open(1, 1);
  bed.snapshot(10);
  bed.names.forget(1);
  bed.flows.clear(1);
  bed.books.release(1);
  bed.open(1, 2);
  bed.snapshot(20);
  expect(bed.remote(1)).toBe('');
});

test('names are given in pieces, so that others may have their turn', () => {
  const books = new BookMemory(1024);
  const flows = new FlowTable(books.buffer);
  for (let row = 1; row < 1024; row++) books.open(row, { port: row });
  flows.update(1);
  expect([...new FlowNames(flows, new Pods()).update(1)]).toHaveLength(4);
});

test('addresses that have gone over are looked for in pieces, and nothing that comes meanwhile is lost', () => {
  const books = new BookMemory(1024);
  const flows = new FlowTable(books.buffer);
  for (let row = 1; row < 1024; row++) books.open(row, { remoteAddr: v4(10, 1, 0, 1), port: row });
  const pods = new Pods();
  pods.give('10.1.0.1', 'a', 0);
  const names = new FlowNames(flows, pods);
  flows.update(10);
  atOnce(names.update(10));
  expect([...names.noteChanges()]).toHaveLength(0); // no news
  pods.deaf = true;
  expect([...names.noteChanges()]).toHaveLength(4);
  expect(names.takeMoved()).toHaveLength(1023);
  pods.give('10.1.0.1', 'b', 15);
  const look = names.noteChanges();
  look.next();
  atOnce(names.update(20)); // a snapshot while the look pauses
  atOnce(look);
  expect(names.takeMoved()).toHaveLength(1023);
  expect(names.of(1).remote.name).toBe('a');
});
