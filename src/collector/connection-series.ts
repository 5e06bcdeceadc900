import { OTHERS, UNKNOWN } from '../cluster/identity.ts';
import type { Block, LabelSet } from '../expose/page.ts';
import { type FlowTable, OTHER } from '../tracker/flow-table.ts';
import { type LiveTable, TcpState } from '../tracker/live-table.ts';
import type { FlowNames } from './flow-names.ts';
import { connectionLabels } from './label-values.ts';
import { addFive, type Five, type Pair, subtractFive, zeroFive } from './pair.ts';
import { PairBook } from './pair-book.ts';
import { threshold } from './top.ts';

const METRICS = [
  'bytes_sent',
  'bytes_recv',
  'bytes_sent_per_second',
  'bytes_recv_per_second',
  'active_connections',
] as const;

interface KeptLabels {
  readonly cookie: number;
  readonly pair: Pair;
  readonly labels: LabelSet;
}

/** Which details get a series of their own: the largest, and of those that are as large as the last as many as fit. */
interface Choice {
  readonly least: number;
  /** Series that are left for details of just that size. */
  leftOfLeast: number;
}

/**
 * The seed's five metrics. A client's flows have a series for each port, a server's live connections one each; the
 * budget goes to pairs first, then to the largest of these. What has no series of its own is in its pair's series
 * without a port; pairs over the budget are in `other`. So the sum is exact, whatever the budget.
 */
export class ConnectionSeries {
  readonly budget: number;
  readonly #flows: FlowTable;
  readonly #live: LiveTable;
  readonly #pairs: PairBook;
  /** Two in turn: a page may still be made of the one before. */
  #labels: LabelSet[] = [];
  #spareLabels: LabelSet[] = [];
  #columns: readonly Float64Array[];
  #spareColumns: readonly Float64Array[];
  #count = 0;
  #hidden = 0;
  #shown = 0;
  /** Labels of the connections that had a series in the last snapshot, by slot. Bounded by the budget. */
  #kept = new Map<number, KeptLabels>();
  readonly #sizes: Float64Array;
  readonly #scratch: Float64Array;
  readonly #otherLabels = connectionLabels({
    local: OTHERS,
    remote: UNKNOWN,
    localAddress: 'other',
    remoteAddress: 'other',
  });

  /** @param budget the most series of each metric, `other` included; 1 or more */
  constructor(flows: FlowTable, live: LiveTable, names: FlowNames, budget: number) {
    this.budget = Math.max(1, Math.floor(budget));
    this.#flows = flows;
    this.#live = live;
    this.#pairs = new PairBook(flows, names);
    this.#columns = METRICS.map(() => new Float64Array(this.budget));
    this.#spareColumns = METRICS.map(() => new Float64Array(this.budget));
    this.#sizes = new Float64Array(live.slots + flows.capacity);
    this.#scratch = new Float64Array(live.slots + flows.capacity);
  }

  /** Series of each metric, pairs that are folded into `other`, and the pairs in all. */
  get stats(): { series: number; foldedPairs: number; pairs: number } {
    return { series: this.#count, foldedPairs: this.#hidden, pairs: this.#pairs.pairs.size };
  }

  /** Payload bytes of owners that had no name when they came. Never falls. */
  get unknownOwnerBytes(): number {
    return this.#pairs.unknownOwnerBytes;
  }

  /** Keeps the bytes of a row whose flow is over. Call before the row is cleared. */
  forget(row: number): void {
    this.#pairs.forget(row);
  }

  /** Brings flows to the pairs of their names, before update(). Yields where it may pause. */
  place(nowNs: number): Generator<void> {
    return this.#pairs.place(nowNs);
  }

  /** Makes the series of a snapshot. @param nowNs after the walk, on the clock of bornNs */
  update(nowNs: number): void {
    this.#pairs.update(nowNs);
    [this.#labels, this.#spareLabels] = [this.#spareLabels, this.#labels];
    [this.#columns, this.#spareColumns] = [this.#spareColumns, this.#columns];
    this.#count = 0;
    this.#choosePairs();
    const choice = this.#chooseDetails(this.budget - 1 - this.#shown);
    this.#emitClients(choice);
    this.#emitServed(choice);
    this.#emitRests();
  }

  /** They stay as they are until the update after the next. */
  blocks(): Block[] {
    return METRICS.map((metric, i) => ({
      metric,
      labels: this.#labels,
      values: this.#columns[i] ?? new Float64Array(0),
      count: this.#count,
    }));
  }

  /** A pair that is shown stays shown until it ends; free places go to the largest of the others. */
  #choosePairs(): void {
    const waiting: Pair[] = [];
    let shown = 0;
    for (const pair of this.#pairs.pairs.values()) {
      if (pair.shown) shown++;
      else waiting.push(pair);
    }
    const room = Math.max(0, this.budget - 1 - shown);
    if (waiting.length > room) waiting.sort((a, b) => size(b.now) - size(a.now));
    const chosen = Math.min(room, waiting.length);
    for (let i = 0; i < chosen; i++) {
      const pair = waiting[i];
      if (pair) this.#pairs.show(pair, !pair.hiddenBefore);
    }
    for (let i = chosen; i < waiting.length; i++) {
      const pair = waiting[i];
      if (pair) pair.hiddenBefore = true;
    }
    this.#shown = shown + chosen;
    this.#hidden = waiting.length - chosen;
  }

  #chooseDetails(room: number): Choice {
    let n = 0;
    for (const pair of this.#pairs.pairs.values()) {
      if (!pair.shown) continue;
      for (const detail of pair.details.values()) this.#sizes[n++] = size(detail.now);
    }
    for (let row = 0; row < this.#live.count; row++) {
      if (!this.#servedPair(row)) continue;
      this.#sizes[n++] = (this.#live.sentBytes[row] ?? 0) + (this.#live.receivedBytes[row] ?? 0);
    }
    if (room <= 0) return { least: Infinity, leftOfLeast: 0 };
    if (n <= room) return { least: -1, leftOfLeast: 0 };
    const least = threshold(this.#sizes, n, room, this.#scratch);
    let larger = 0;
    for (let i = 0; i < n; i++) if ((this.#sizes[i] ?? 0) > least) larger++;
    return { least, leftOfLeast: room - larger };
  }

  #emitClients(choice: Choice): void {
    for (const pair of this.#pairs.pairs.values()) {
      if (!pair.shown) continue;
      for (const detail of pair.details.values()) {
        if (!take(choice, size(detail.now))) continue;
        pair.places.set(detail.port, this.#count);
        this.#emit(detail.labels, detail.now);
        subtractFive(pair.now, detail.now);
      }
    }
  }

  /** The pair of a row that may have a series of its own: a live connection, seen from its server. */
  #servedPair(row: number): Pair | null {
    const book = this.#live.book[row] ?? OTHER;
    if (book === OTHER || !this.#live.isServed(row) || this.#live.state[row] === TcpState.listen) return null;
    const pair = this.#pairs.pairOf(book);
    // a connection older than its pair's series has bytes in `other`: it stays in the series without a port
    if (!pair?.shown || (this.#live.bornNs[row] ?? 0) < this.#pairs.baseNs(book)) return null;
    return pair;
  }

  #emitServed(choice: Choice): void {
    const kept = new Map<number, KeptLabels>();
    const five: Five = zeroFive();
    for (let row = 0; row < this.#live.count; row++) {
      const pair = this.#servedPair(row);
      if (!pair) continue;
      five.sentBytes = this.#live.sentBytes[row] ?? 0;
      five.receivedBytes = this.#live.receivedBytes[row] ?? 0;
      five.sentRate = this.#live.sentRate[row] ?? 0;
      five.receivedRate = this.#live.receivedRate[row] ?? 0;
      five.active = this.#live.state[row] === TcpState.synRecv ? 0 : 1;
      // clients may use one port for connections to several of ours: these have the same labels
      const port = this.#live.remotePort[row] ?? 0;
      const place = pair.places.get(port);
      if (place === undefined) {
        if (!take(choice, size(five))) continue;
        pair.places.set(port, this.#count);
        this.#emit(this.#labelsOf(row, pair, kept), five);
      } else this.#addTo(place, five);
      subtractFive(pair.now, five);
    }
    this.#kept = kept;
  }

  #labelsOf(row: number, pair: Pair, kept: Map<number, KeptLabels>): LabelSet {
    const slot = this.#live.slot[row] ?? 0;
    const cookie = this.#live.cookie[row] ?? 0;
    let entry = this.#kept.get(slot);
    if (!entry || entry.cookie !== cookie || entry.pair !== pair) {
      entry = { cookie, pair, labels: pair.labelsWithPort(this.#live.remotePort[row] ?? 0) };
    }
    kept.set(slot, entry);
    return entry.labels;
  }

  #emitRests(): void {
    const other: Five = zeroFive();
    other.sentBytes = (this.#flows.columns.sentBytes[OTHER] ?? 0) + this.#pairs.dead.sentBytes;
    other.receivedBytes = (this.#flows.columns.receivedBytes[OTHER] ?? 0) + this.#pairs.dead.receivedBytes;
    other.sentRate = this.#flows.sentRate[OTHER] ?? 0;
    other.receivedRate = this.#flows.receivedRate[OTHER] ?? 0;
    other.active = this.#flows.established[OTHER] ?? 0;
    const base = this.#pairs.base();
    other.sentBytes += base.sentBytes;
    other.receivedBytes += base.receivedBytes;
    for (const pair of this.#pairs.pairs.values()) {
      if (!pair.shown) addFive(other, pair.now);
      else if (this.#hasRest(pair)) this.#emit(pair.restLabels, pair.now);
    }
    if (size(other) > 0 || other.active > 0) this.#emit(this.#otherLabels, other);
  }

  /** A series without a port appears with its first byte and stays: it never goes while its pair lives. */
  #hasRest(pair: Pair): boolean {
    pair.hasRest ||= size(pair.now) > 0 || pair.now.active > 0 || pair.details.size === 0;
    return pair.hasRest;
  }

  #emit(labels: LabelSet, five: Five): void {
    const at = this.#count++;
    this.#labels[at] = labels;
    for (const column of this.#columns) column[at] = 0;
    this.#addTo(at, five);
  }

  #addTo(at: number, five: Five): void {
    const [sent, received, sentRate, receivedRate, active] = this.#columns;
    if (!sent || !received || !sentRate || !receivedRate || !active) return;
    sent[at] = (sent[at] ?? 0) + five.sentBytes;
    received[at] = (received[at] ?? 0) + five.receivedBytes;
    sentRate[at] = (sentRate[at] ?? 0) + five.sentRate;
    receivedRate[at] = (receivedRate[at] ?? 0) + five.receivedRate;
    active[at] = (active[at] ?? 0) + five.active;
  }
}

function take(choice: Choice, bytes: number): boolean {
  return bytes > choice.least || (bytes === choice.least && choice.leftOfLeast-- > 0);
}

function size(five: Five): number {
  return five.sentBytes + five.receivedBytes;
}
