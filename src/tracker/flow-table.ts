// hot
import { Book, BookState, ConnectFailure, FlowKey } from '../abi/records.gen.ts';
import { atOnce } from '../util/slices.ts';
import { rate, readU64Live, secondsBetween } from './words.ts';

/** Index of `other`: the book of what found no book of its own. */
export const OTHER = 0;

/** What user space does with a book. The kernel knows only free and used. */
export const FlowState = { free: 0, used: 1, retiring: 2 } as const;

/** As IP numbers them. */
export const Protocol = { tcp: 6, udp: 17 } as const;

/** Classes of failed connects, each with a counter of its own in `failed`. */
export const FAILURES = ConnectFailure.FAILED_CLASSES;
const STATE_WORD = Book.state >>> 2;
const BOOK_WORDS = Book.size >>> 2;
const PAUSE_MASK = 0x3ff; // books between two places to pause, less one

/** The counters of a flow, each a column over book indexes. Cumulative since the agent's start. */
export interface FlowColumns {
  readonly sentBytes: Float64Array;
  readonly receivedBytes: Float64Array;
  readonly sentSegs: Float64Array;
  readonly receivedSegs: Float64Array;
  readonly retransSegs: Float64Array;
  readonly retransBytes: Float64Array;
  readonly opened: Float64Array;
  readonly closed: Float64Array;
  readonly reset: Float64Array;
  /** Connections that closed before the peer's FIN came. */
  readonly finsDue: Float64Array;
  /** Time with data in flight or queued, in jiffies (jiffiesPerSecond); of it, held up by the two below. */
  readonly busyJiffies: Float64Array;
  readonly receiverLimitedJiffies: Float64Array;
  readonly sndbufLimitedJiffies: Float64Array;
}

const COUNTERS: readonly (readonly [keyof FlowColumns, number])[] = [
  ['sentBytes', Book.sentBytes],
  ['receivedBytes', Book.receivedBytes],
  ['sentSegs', Book.sentSegs],
  ['receivedSegs', Book.receivedSegs],
  ['retransSegs', Book.retransSegs],
  ['retransBytes', Book.retransBytes],
  ['opened', Book.opened],
  ['closed', Book.closed],
  ['reset', Book.reset],
  ['finsDue', Book.finsDue],
  ['busyJiffies', Book.busyJiffies],
  ['receiverLimitedJiffies', Book.receiverLimitedJiffies],
  ['sndbufLimitedJiffies', Book.sndbufLimitedJiffies],
];

const OFFSETS = Uint32Array.from(COUNTERS, ([, offset]) => offset);

/**
 * The flows of this machine, read in place from the kernel's books. One row an index of a book; row 0 is `other`.
 * Bounded by the number of books, which is chosen at start.
 */
export class FlowTable {
  readonly capacity: number;
  readonly columns: FlowColumns;
  /** Failed connects by class of ConnectFailure: row * FAILED_CLASSES + class. */
  readonly failed: Float64Array;
  readonly state: Uint8Array;
  /** 1: its key is not in the kernel's hash any more, or is another row's; sockets that are bound to it go on with it. */
  readonly detached: Uint8Array;
  readonly sentRate: Float64Array;
  readonly receivedRate: Float64Array;
  /** When the row's bytes, connections or live sockets last changed, in ns of the given clock. */
  readonly activeNs: Float64Array;
  readonly firstNs: Float64Array;
  /** Set by the live table: sockets of the row that are alive, and of those the established. */
  readonly live: Uint32Array;
  readonly established: Uint32Array;
  /** Rows in use, ascending, as of the last update. */
  rows: Uint32Array;
  rowCount = 0;
  #spareRows: Uint32Array;
  /** Books that two CPUs took for one flow, found by the last update: they can be given back. */
  orphans: readonly number[] = [];
  readonly #words: Uint32Array;
  readonly #bytes: Uint8Array;
  /** In the order of COUNTERS. */
  readonly #counted: readonly Float64Array[];
  #updatedNs = 0;

  /** @param books the mapped memory of the map `books`; its length says how many there are */
  constructor(books: ArrayBuffer) {
    this.#words = new Uint32Array(books);
    this.#bytes = new Uint8Array(books);
    this.capacity = Math.floor(books.byteLength / Book.size);
    const column = (): Float64Array => new Float64Array(this.capacity);
    this.columns = {
      sentBytes: column(),
      receivedBytes: column(),
      sentSegs: column(),
      receivedSegs: column(),
      retransSegs: column(),
      retransBytes: column(),
      opened: column(),
      closed: column(),
      reset: column(),
      finsDue: column(),
      busyJiffies: column(),
      receiverLimitedJiffies: column(),
      sndbufLimitedJiffies: column(),
    };
    this.#counted = COUNTERS.map(([name]) => this.columns[name]);
    this.failed = new Float64Array(this.capacity * FAILURES);
    this.state = new Uint8Array(this.capacity);
    this.detached = new Uint8Array(this.capacity);
    this.sentRate = column();
    this.receivedRate = column();
    this.activeNs = column();
    this.firstNs = column();
    this.live = new Uint32Array(this.capacity);
    this.established = new Uint32Array(this.capacity);
    this.rows = new Uint32Array(this.capacity);
    this.#spareRows = new Uint32Array(this.capacity);
  }

  /** When the books were read last, in ns of the given clock; 0: never. */
  get updatedNs(): number {
    return this.#updatedNs;
  }

  /** Reads every book at once, see read(). */
  update(nowNs: number): void {
    atOnce(this.read(nowNs));
  }

  /**
   * Reads every book. Yields where it may pause: until it has ended, some columns are still of the reading before.
   * @param nowNs a clock that does not go backwards; if it does, rates are 0.
   */
  *read(nowNs: number): Generator<void> {
    const seconds = this.#updatedNs === 0 ? 0 : secondsBetween(this.#updatedNs, nowNs);
    const orphans: number[] = [];
    let count = 0;
    for (let row = 0; row < this.capacity; row++) {
      if ((row & PAUSE_MASK) === PAUSE_MASK) yield;
      const state = this.#words[row * BOOK_WORDS + STATE_WORD];
      if (state === BookState.BOOK_ORPHAN) orphans.push(row);
      if (state !== BookState.BOOK_USED && row !== OTHER) continue;
      this.#spareRows[count++] = row;
      this.#updateRow(row, nowNs, seconds);
    }
    [this.rows, this.#spareRows] = [this.#spareRows, this.rows];
    this.rowCount = count;
    this.orphans = orphans;
    this.#updatedNs = Math.max(this.#updatedNs, nowNs);
  }

  #updateRow(row: number, nowNs: number, seconds: number): void {
    const fresh = this.state[row] === FlowState.free;
    const sent = this.columns.sentBytes[row] ?? 0;
    const received = this.columns.receivedBytes[row] ?? 0;
    if (fresh) {
      this.state[row] = FlowState.used;
      this.firstNs[row] = nowNs;
    }
    const changed = this.#readCounters(row);
    if (changed || fresh || (this.live[row] ?? 0) > 0) this.activeNs[row] = nowNs;
    this.sentRate[row] = rate(sent, this.columns.sentBytes[row] ?? 0, seconds);
    this.receivedRate[row] = rate(received, this.columns.receivedBytes[row] ?? 0, seconds);
  }

  /** True if any counter moved. */
  #readCounters(row: number): boolean {
    const base = row * Book.size;
    let changed = false;
    for (let i = 0; i < COUNTERS.length; i++) {
      const column = this.#counted[i];
      if (!column) continue;
      const value = readU64Live(this.#words, base + (OFFSETS[i] ?? 0));
      if (value !== column[row]) {
        column[row] = value;
        changed = true;
      }
    }
    for (let i = 0; i < FAILURES; i++) {
      const value = readU64Live(this.#words, base + Book.failed + i * 8);
      const at = row * FAILURES + i;
      if (value !== this.failed[at]) {
        this.failed[at] = value;
        changed = true;
      }
    }
    return changed;
  }

  /** Rows to begin forgetting: nothing alive and nothing moved for `idleNs`. At most `limit`. */
  idle(nowNs: number, idleNs: number, limit: number): number[] {
    const found: number[] = [];
    for (let i = 0; i < this.rowCount && found.length < limit; i++) {
      const row = this.rows[i] ?? 0;
      if (row === OTHER || this.state[row] !== FlowState.used || (this.live[row] ?? 0) > 0) continue;
      if (nowNs - (this.activeNs[row] ?? nowNs) >= idleNs) found.push(row);
    }
    return found;
  }

  /** The caller has taken the flow's key out of the kernel's hash: new connections get another book. */
  detach(row: number): void {
    this.detached[row] = 1;
  }

  /** Nothing of a detached row lives: it can be closed when nobody can be adding to it any more. */
  beginRetiring(row: number, nowNs: number): void {
    this.state[row] = FlowState.retiring;
    this.activeNs[row] = nowNs;
  }

  /**
   * Retiring rows that can be closed: no program that looked the key up before it went can still be adding (they run
   * for microseconds; a second has passed and the row has been read again since).
   */
  retired(nowNs: number): number[] {
    const found: number[] = [];
    for (let i = 0; i < this.rowCount; i++) {
      const row = this.rows[i] ?? 0;
      if (this.state[row] === FlowState.retiring && nowNs - (this.activeNs[row] ?? nowNs) >= 1e9)
        found.push(row);
    }
    return found;
  }

  /** Empties a row whose book the caller gives back to the kernel. */
  clear(row: number): void {
    this.state[row] = FlowState.free;
    this.detached[row] = 0;
    for (const column of this.#counted) column[row] = 0;
    this.failed.fill(0, row * FAILURES, (row + 1) * FAILURES);
    this.sentRate[row] = 0;
    this.receivedRate[row] = 0;
    this.live[row] = 0;
    this.established[row] = 0;
  }

  /** A copy of the row's key, as the kernel's hash has it. */
  key(row: number): Uint8Array {
    const at = row * Book.size + Book.key;
    return this.#bytes.slice(at, at + FlowKey.size);
  }

  cgroupId(row: number): number {
    return readU64Live(this.#words, row * Book.size + Book.key + FlowKey.cgroupId);
  }

  netns(row: number): number {
    return this.#words[(row * Book.size + Book.key + FlowKey.netns) >>> 2] ?? 0;
  }

  /** The server's port: remote for a client row, local for a server row. */
  port(row: number): number {
    const at = row * Book.size + Book.key + FlowKey.port;
    return (this.#bytes[at] ?? 0) | ((this.#bytes[at + 1] ?? 0) << 8);
  }

  /** A value of Role. */
  role(row: number): number {
    return this.#bytes[row * Book.size + Book.key + FlowKey.role] ?? 0;
  }

  /** A value of Protocol. */
  protocol(row: number): number {
    return this.#bytes[row * Book.size + Book.key + FlowKey.protocol] ?? 0;
  }

  /** Where the row's addresses and name lie in the bytes of `memory`: byte offsets. */
  localAddrOffset(row: number): number {
    return row * Book.size + Book.key + FlowKey.localAddr;
  }

  remoteAddrOffset(row: number): number {
    return row * Book.size + Book.key + FlowKey.remoteAddr;
  }

  commOffset(row: number): number {
    return row * Book.size + Book.key + FlowKey.comm;
  }

  get memory(): Uint8Array {
    return this.#bytes;
  }
}
