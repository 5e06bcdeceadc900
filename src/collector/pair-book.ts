import { Role } from '../abi/records.gen.ts';
import { FlowState, type FlowTable, OTHER, Protocol } from '../tracker/flow-table.ts';
import { type FlowName, type FlowNames, UNKNOWN_ADDRESS } from './flow-names.ts';
import { addFive, clearBytes, clearFive, type Detail, type Five, Pair, zeroFive } from './pair.ts';

const PAUSE_MASK = 0xff; // rows between two places to pause, less one
const UDP_ACTIVE_NS = 60e9; // a UDP flow counts as active this long after its last datagram

/** Which pair each flow belongs to, and what of each flow is in `other`. Bounded by the flow table. */
export class PairBook {
  readonly pairs = new Map<string, Pair>();
  /** What belongs to no pair: pairs that are gone. Never falls. */
  readonly dead = { sentBytes: 0, receivedBytes: 0 };
  /** Payload bytes of owners that had no name when they came. Never falls. */
  unknownOwnerBytes = 0;
  /**
   * By row: connections that were born before this, ns, may have no series of their own; Infinity: none of the row may.
   * A connection that is older than its pair's series has bytes in `other`: it stays in the series without a port.
   */
  readonly seriesFromNs: Float64Array;
  readonly #flows: FlowTable;
  readonly #names: FlowNames;
  readonly #pairOf: (Pair | null)[];
  readonly #detailOf: (Detail | null)[];
  /** The name by which a row came to its pair. */
  readonly #nameOf: (FlowName | null)[];
  /** Bytes of a row that are in `other` for good: it was over the budget when they came. */
  readonly #baseSent: Float64Array;
  readonly #baseReceived: Float64Array;
  /** When that was, ns: connections of the row that are older have bytes in `other`. 0: it never was. */
  readonly #baseNs: Float64Array;
  /** Of all rows together. */
  readonly #base = { sentBytes: 0, receivedBytes: 0 };
  /** Bytes of a row that have been looked at for unknownOwnerBytes. */
  readonly #seen: Float64Array;

  constructor(flows: FlowTable, names: FlowNames) {
    this.#flows = flows;
    this.#names = names;
    this.#nameOf = new Array<FlowName | null>(flows.capacity).fill(null);
    this.#pairOf = new Array<Pair | null>(flows.capacity).fill(null);
    this.#detailOf = new Array<Detail | null>(flows.capacity).fill(null);
    this.#baseSent = new Float64Array(flows.capacity);
    this.#baseReceived = new Float64Array(flows.capacity);
    this.#baseNs = new Float64Array(flows.capacity);
    this.#seen = new Float64Array(flows.capacity);
    this.seriesFromNs = new Float64Array(flows.capacity).fill(Infinity);
  }

  pairOf(row: number): Pair | null {
    return this.#pairOf[row] ?? null;
  }

  /**
   * Brings rows to the pairs of their names, and adds up every pair. A row whose name has changed takes its bytes to
   * another. Yields where it may pause.
   */
  *update(nowNs: number): Generator<void> {
    let i = 0;
    for (const pair of this.pairs.values()) {
      clearPair(pair);
      if ((i++ & PAUSE_MASK) === 0) yield;
    }
    this.#base.sentBytes = 0;
    this.#base.receivedBytes = 0;
    for (i = 0; i < this.#flows.rowCount; i++) {
      const row = this.#flows.rows[i] ?? 0;
      if ((i & PAUSE_MASK) === 0) yield;
      if (!this.#isFlow(row)) continue;
      this.#base.sentBytes += this.#baseSent[row] ?? 0;
      this.#base.receivedBytes += this.#baseReceived[row] ?? 0;
      this.#settle(row, nowNs);
      this.#addRow(row, nowNs);
    }
    for (const [key, pair] of this.pairs) {
      if ((i++ & PAUSE_MASK) === 0) yield;
      if (pair.rows.size === 0) this.#bury(key, pair);
    }
  }

  /** Says of each row which of its connections may have series, once it is known which pairs are shown. Yields likewise. */
  *openRows(): Generator<void> {
    for (let i = 0; i < this.#flows.rowCount; i++) {
      const row = this.#flows.rows[i] ?? 0;
      if ((i & PAUSE_MASK) === 0) yield;
      this.seriesFromNs[row] = this.#pairOf[row]?.shown === true ? (this.#baseNs[row] ?? 0) : Infinity;
    }
  }

  /** A row whose flow is over: its bytes stay with the pair while that lives. Call before the row is cleared. */
  forget(row: number): void {
    if (!this.#pairOf[row]) this.#place(row); // no update has come to its end while it was there
    const pair = this.#pairOf[row];
    if (!pair) return;
    this.#countUnknown(row, pair);
    this.#seen[row] = 0;
    pair.goneSentBytes += (this.#flows.columns.sentBytes[row] ?? 0) - (this.#baseSent[row] ?? 0);
    pair.goneReceivedBytes += (this.#flows.columns.receivedBytes[row] ?? 0) - (this.#baseReceived[row] ?? 0);
    this.dead.sentBytes += this.#baseSent[row] ?? 0;
    this.dead.receivedBytes += this.#baseReceived[row] ?? 0;
    this.#setBase(row, 0, 0);
    this.#baseNs[row] = 0;
    this.seriesFromNs[row] = Infinity;
    this.#nameOf[row] = null;
    this.#leave(row, pair);
  }

  /**
   * Shows a pair from now on. What it has so far stays where it was counted: in `other`, unless it is all new. Yields
   * where it may pause.
   */
  *show(pair: Pair, keepsBytes: boolean): Generator<void> {
    pair.shown = true;
    if (keepsBytes) return;
    let i = 0;
    for (const row of pair.rows) {
      this.#keepInOther(row);
      if ((++i & PAUSE_MASK) === 0) yield;
    }
    this.dead.sentBytes += pair.goneSentBytes;
    this.dead.receivedBytes += pair.goneReceivedBytes;
    pair.goneSentBytes = 0;
    pair.goneReceivedBytes = 0;
    clearBytes(pair.now);
    for (const detail of pair.details.values()) {
      clearBytes(detail.now);
      if ((++i & PAUSE_MASK) === 0) yield;
    }
  }

  /** What a row has so far is in `other` and stays there, whatever pair the row belongs to. */
  #keepInOther(row: number): void {
    const { sentBytes, receivedBytes } = this.#flows.columns;
    this.#setBase(row, sentBytes[row] ?? 0, receivedBytes[row] ?? 0);
    this.#baseNs[row] = this.#flows.updatedNs;
  }

  #setBase(row: number, sentBytes: number, receivedBytes: number): void {
    this.#base.sentBytes += sentBytes - (this.#baseSent[row] ?? 0);
    this.#base.receivedBytes += receivedBytes - (this.#baseReceived[row] ?? 0);
    this.#baseSent[row] = sentBytes;
    this.#baseReceived[row] = receivedBytes;
  }

  /** Bytes of living rows that are in `other` for good. */
  get base(): { readonly sentBytes: number; readonly receivedBytes: number } {
    return this.#base;
  }

  /** Not `other`, and not cleared since the table was read. */
  #isFlow(row: number): boolean {
    return row !== OTHER && this.#flows.state[row] !== FlowState.free;
  }

  /** Brings a row to the pair of its name, unless the name may come in a moment. */
  #settle(row: number, nowNs: number): void {
    if (!this.#pairOf[row] && this.#names.isHeld(row, nowNs)) return;
    if (this.#nameOf[row] !== this.#names.of(row)) this.#place(row);
  }

  #place(row: number): void {
    const name = this.#names.of(row);
    const key = Pair.key(name);
    const before = this.#pairOf[row];
    this.#nameOf[row] = name;
    if (before?.key === key) return;
    if (before && !before.shown) this.#keepInOther(row);
    if (before) this.#leave(row, before);
    let pair = this.pairs.get(key);
    if (!pair) {
      pair = new Pair(name);
      this.pairs.set(key, pair);
    }
    pair.rows.add(row);
    this.#pairOf[row] = pair;
    const port = this.#flows.port(row);
    const isClient = this.#flows.role(row) !== Role.ROLE_SERVER;
    if (!isClient || port === 0 || name.remoteAddress === UNKNOWN_ADDRESS) return;
    const detail = pair.detail(port);
    detail.rows++;
    this.#detailOf[row] = detail;
  }

  #leave(row: number, pair: Pair): void {
    pair.rows.delete(row);
    this.#pairOf[row] = null;
    const detail = this.#detailOf[row];
    this.#detailOf[row] = null;
    if (detail && --detail.rows === 0) pair.details.delete(detail.port);
  }

  #addRow(row: number, nowNs: number): void {
    const pair = this.#pairOf[row];
    if (!pair) return;
    this.#countUnknown(row, pair);
    const flow = this.#five(row, nowNs);
    addFive(pair.now, flow);
    const detail = this.#detailOf[row];
    if (detail) addFive(detail.now, flow);
  }

  #countUnknown(row: number, pair: Pair): void {
    const { sentBytes, receivedBytes } = this.#flows.columns;
    const bytes = (sentBytes[row] ?? 0) + (receivedBytes[row] ?? 0);
    if (pair.name.local.kind === 'unknown') {
      this.unknownOwnerBytes += Math.max(0, bytes - (this.#seen[row] ?? 0));
    }
    this.#seen[row] = bytes;
  }

  readonly #scratch: Five = zeroFive();

  #five(row: number, nowNs: number): Five {
    const flows = this.#flows;
    const five = this.#scratch;
    const recent = nowNs - (flows.activeNs[row] ?? 0) < UDP_ACTIVE_NS && flows.state[row] === FlowState.used;
    five.sentBytes = (flows.columns.sentBytes[row] ?? 0) - (this.#baseSent[row] ?? 0);
    five.receivedBytes = (flows.columns.receivedBytes[row] ?? 0) - (this.#baseReceived[row] ?? 0);
    five.sentRate = flows.sentRate[row] ?? 0;
    five.receivedRate = flows.receivedRate[row] ?? 0;
    five.active = flows.protocol(row) === Protocol.udp ? (recent ? 1 : 0) : (flows.established[row] ?? 0);
    return five;
  }

  /** The last flow of a pair is gone: its series end, and its bytes are in `other`. */
  #bury(key: string, pair: Pair): void {
    this.dead.sentBytes += pair.goneSentBytes;
    this.dead.receivedBytes += pair.goneReceivedBytes;
    this.pairs.delete(key);
  }
}

function clearPair(pair: Pair): void {
  clearFive(pair.now);
  pair.now.sentBytes = pair.goneSentBytes;
  pair.now.receivedBytes = pair.goneReceivedBytes;
  for (const detail of pair.details.values()) clearFive(detail.now);
  pair.places.clear();
}
