import { OTHERS, UNKNOWN } from '../cluster/identity.ts';
import type { Block, LabelSet } from '../expose/page.ts';
import { type FlowTable, OTHER } from '../tracker/flow-table.ts';
import { type LiveTable, TcpState } from '../tracker/live-table.ts';
import type { FlowNames } from './flow-names.ts';
import { connectionLabels } from './label-values.ts';
import { addFive, type Five, type Pair, subtractFive, zeroFive } from './pair.ts';
import { PairBook } from './pair-book.ts';
import { type Choice, choose } from './top.ts';

const METRICS = [
  'bytes_sent',
  'bytes_recv',
  'bytes_sent_per_second',
  'bytes_recv_per_second',
  'active_connections',
] as const;

/** What is shown of a snapshot. */
interface Page {
  readonly labels: LabelSet[];
  readonly columns: readonly Float64Array[];
  count: number;
  hidden: number;
}

function emptyPage(budget: number): Page {
  return { labels: [], columns: METRICS.map(() => new Float64Array(budget)), count: 0, hidden: 0 };
}

interface KeptLabels {
  readonly cookie: number;
  readonly pair: Pair;
  readonly labels: LabelSet;
}

const PAUSE_MASK = 0xff; // pairs, details or series between two places to pause, less one
const ROWS_PAUSE_MASK = 0xfff; // the same for sockets that are only looked at
const PORTS = 65_536;

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
  #page: Page;
  #next: Page;
  #pairsShown = 0;
  #hidden = 0;
  /** Labels of the connections that had a series in the last snapshot, by slot. Bounded by the budget. */
  #kept = new Map<number, KeptLabels>();
  /** Rows of live connections that may have a series, and sizes of whatever is chosen from: what choose() mixes up. */
  readonly #candidates: Uint32Array;
  readonly #sizes: Float64Array;
  /** 1: some pair has a series with this port in this snapshot. */
  readonly #placed = new Uint8Array(PORTS);
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
    this.#page = emptyPage(this.budget);
    this.#next = emptyPage(this.budget);
    this.#candidates = new Uint32Array(live.slots);
    this.#sizes = new Float64Array(live.slots + flows.capacity);
  }

  /** Of what is published: series of each metric, pairs that are folded into `other`, and the pairs in all. */
  get stats(): { series: number; foldedPairs: number; pairs: number } {
    return { series: this.#page.count, foldedPairs: this.#page.hidden, pairs: this.#pairs.pairs.size };
  }

  /** Payload bytes of owners that had no name when they came. Never falls. */
  get unknownOwnerBytes(): number {
    return this.#pairs.unknownOwnerBytes;
  }

  /** Keeps the bytes of a row whose flow is over. Call before the row is cleared. */
  forget(row: number): void {
    this.#pairs.forget(row);
  }

  /**
   * Makes the series of a snapshot, which publish() shows. Yields where it may pause.
   * @param nowNs after the walk, on the clock of bornNs
   */
  *update(nowNs: number): Generator<void> {
    yield* this.#pairs.update(nowNs);
    this.#next.count = 0;
    yield* this.#choosePairs();
    yield* this.#pairs.openRows();
    const candidates = yield* this.#findCandidates();
    const room = this.budget - 1 - this.#pairsShown;
    const choice = yield* this.#chooseDetails(candidates, room);
    yield* this.#emitClients(choice);
    yield* this.#emitServed(choice, candidates);
    yield* this.#emitRests();
    this.#next.hidden = this.#hidden;
  }

  /** From now on blocks() and stats are those of the last update. */
  publish(): void {
    [this.#page, this.#next] = [this.#next, this.#page];
  }

  /** They stay as they are until the update after the next. */
  blocks(): Block[] {
    const { labels, columns, count } = this.#page;
    return METRICS.map((metric, i) => ({ metric, labels, values: columns[i] ?? new Float64Array(0), count }));
  }

  /** A pair that is shown stays shown until it ends; free places go to the largest of the others. */
  *#choosePairs(): Generator<void> {
    const waiting: Pair[] = [];
    let shown = 0;
    let i = 0;
    for (const pair of this.#pairs.pairs.values()) {
      if ((i++ & PAUSE_MASK) === 0) yield;
      if (pair.shown) shown++;
      else this.#sizes[waiting.push(pair) - 1] = size(pair.now);
    }
    const room = Math.max(0, this.budget - 1 - shown);
    const choice = yield* choose(this.#sizes, waiting.length, room);
    this.#hidden = 0;
    for (const pair of waiting) {
      if ((i++ & PAUSE_MASK) === 0) yield;
      if (choice.take(size(pair.now))) {
        yield* this.#pairs.show(pair, !pair.hiddenBefore);
        continue;
      }
      pair.hiddenBefore = true;
      this.#hidden++;
    }
    this.#pairsShown = shown + waiting.length - this.#hidden;
  }

  /**
   * Live connections, seen from their server, of pairs that are shown: how many, their rows in #candidates and their
   * sizes in the first places of #sizes.
   */
  *#findCandidates(): Generator<void, number> {
    const { book, bornNs, state, sentBytes, receivedBytes } = this.#live;
    const { seriesFromNs } = this.#pairs;
    let n = 0;
    for (let row = 0; row < this.#live.count; row++) {
      if ((row & ROWS_PAUSE_MASK) === 0) yield;
      if (!this.#live.isServed(row) || state[row] === TcpState.listen) continue;
      if ((bornNs[row] ?? 0) < (seriesFromNs[book[row] ?? OTHER] ?? Infinity)) continue;
      this.#candidates[n] = row;
      this.#sizes[n++] = (sentBytes[row] ?? 0) + (receivedBytes[row] ?? 0);
    }
    return n;
  }

  *#chooseDetails(candidates: number, room: number): Generator<void, Choice> {
    let n = candidates;
    for (const pair of this.#pairs.pairs.values()) {
      if (!pair.shown) continue;
      for (const detail of pair.details.values()) {
        if ((n & PAUSE_MASK) === 0) yield;
        this.#sizes[n++] = size(detail.now);
      }
    }
    return yield* choose(this.#sizes, n, room);
  }

  *#emitClients(choice: Choice): Generator<void> {
    this.#placed.fill(0);
    let i = 0;
    for (const pair of this.#pairs.pairs.values()) {
      if ((i++ & PAUSE_MASK) === 0) yield;
      if (!pair.shown) continue;
      for (const detail of pair.details.values()) {
        if ((i++ & PAUSE_MASK) === 0) yield;
        if (!choice.take(size(detail.now))) continue;
        this.#place(pair, detail.port);
        this.#emit(detail.labels, detail.now);
        subtractFive(pair.now, detail.now);
      }
    }
  }

  *#emitServed(choice: Choice, candidates: number): Generator<void> {
    const live = this.#live;
    const kept = new Map<number, KeptLabels>();
    const five: Five = zeroFive();
    for (let i = 0; i < candidates; i++) {
      if ((i & PAUSE_MASK) === 0) yield;
      const row = this.#candidates[i] ?? 0;
      const port = live.remotePort[row] ?? 0;
      const bytes = (live.sentBytes[row] ?? 0) + (live.receivedBytes[row] ?? 0);
      const book = live.book[row] ?? OTHER;
      // clients may use one port for connections to several of ours: these have the same labels
      const place = this.#placed[port] === 1 ? this.#pairs.pairOf(book)?.places.get(port) : undefined;
      if (place === undefined && !choice.take(bytes)) continue;
      const pair = this.#pairs.pairOf(book);
      if (!pair) continue;
      five.sentBytes = live.sentBytes[row] ?? 0;
      five.receivedBytes = live.receivedBytes[row] ?? 0;
      five.sentRate = live.sentRate(row);
      five.receivedRate = live.receivedRate(row);
      five.active = live.state[row] === TcpState.synRecv ? 0 : 1;
      if (place === undefined) {
        this.#place(pair, port);
        this.#emit(this.#labelsOf(row, pair, kept), five);
      } else this.#addTo(place, five);
      subtractFive(pair.now, five);
    }
    this.#kept = kept;
  }

  /** The next series is that of a pair with this port. */
  #place(pair: Pair, port: number): void {
    pair.places.set(port, this.#next.count);
    this.#placed[port] = 1;
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

  *#emitRests(): Generator<void> {
    const other: Five = zeroFive();
    other.sentBytes = (this.#flows.columns.sentBytes[OTHER] ?? 0) + this.#pairs.dead.sentBytes;
    other.receivedBytes = (this.#flows.columns.receivedBytes[OTHER] ?? 0) + this.#pairs.dead.receivedBytes;
    other.sentRate = this.#flows.sentRate[OTHER] ?? 0;
    other.receivedRate = this.#flows.receivedRate[OTHER] ?? 0;
    other.active = this.#flows.established[OTHER] ?? 0;
    other.sentBytes += this.#pairs.base.sentBytes;
    other.receivedBytes += this.#pairs.base.receivedBytes;
    let i = 0;
    for (const pair of this.#pairs.pairs.values()) {
      if ((i++ & PAUSE_MASK) === 0) yield;
      if (!pair.shown) addFive(other, pair.now);
      else if (this.#hasRest(pair)) this.#emit(pair.restLabels, pair.now);
    }
    if (size(other) > 0 || other.active > 0) this.#emit(this.#otherLabels, other);
  }

  /** A series without a port appears with its first byte, or where there is no other, and stays while its pair lives. */
  #hasRest(pair: Pair): boolean {
    const isAlone = pair.details.size === 0 || pair.places.size === 0;
    pair.hasRest ||= isAlone || size(pair.now) > 0 || pair.now.active > 0;
    return pair.hasRest;
  }

  #emit(labels: LabelSet, five: Five): void {
    const at = this.#next.count++;
    this.#next.labels[at] = labels;
    for (const column of this.#next.columns) column[at] = 0;
    this.#addTo(at, five);
  }

  #addTo(at: number, five: Five): void {
    const [sent, received, sentRate, receivedRate, active] = this.#next.columns;
    if (!sent || !received || !sentRate || !receivedRate || !active) return;
    sent[at] = (sent[at] ?? 0) + five.sentBytes;
    received[at] = (received[at] ?? 0) + five.receivedBytes;
    sentRate[at] = (sentRate[at] ?? 0) + five.sentRate;
    receivedRate[at] = (receivedRate[at] ?? 0) + five.receivedRate;
    active[at] = (active[at] ?? 0) + five.active;
  }
}

function size(five: Five): number {
  return five.sentBytes + five.receivedBytes;
}
