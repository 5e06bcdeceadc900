// hot
import { ArrayLength, LiveRecord, Role } from '../abi/records.gen.ts';
import type { FlowTable } from './flow-table.ts';
import { rate, readU64, secondsBetween } from './words.ts';

/** include/net/tcp_states.h */
export const TcpState = {
  established: 1,
  synSent: 2,
  synRecv: 3,
  finWait1: 4,
  finWait2: 5,
  timeWait: 6,
  close: 7,
  closeWait: 8,
  lastAck: 9,
  listen: 10,
  closing: 11,
} as const;

/** Of a process name, TASK_COMM_LEN; in a flow's key as in a record. */
export const COMM_BYTES = ArrayLength.LiveRecord.comm;
const COMM_WORDS = COMM_BYTES >>> 2;
const RECORD_WORDS = LiveRecord.size >>> 2;

/** What a rate is made of, by row of one snapshot. */
class Reading {
  readonly cookie: Float64Array;
  readonly sentBytes: Float64Array;
  readonly receivedBytes: Float64Array;
  /** When it was read, on the clock of bornNs. */
  readonly readNs: Float64Array;

  constructor(slots: number) {
    this.cookie = new Float64Array(slots);
    this.sentBytes = new Float64Array(slots);
    this.receivedBytes = new Float64Array(slots);
    this.readNs = new Float64Array(slots);
  }
}

/**
 * The sockets that are alive: columns by row, dense in the order of the walk, which hold for one snapshot. What the last
 * one read is kept for rates. Bounded by the number of slots, which is chosen at start.
 */
export class LiveTable {
  readonly slots: number;
  count = 0;
  listeners = 0;
  readonly slot: Uint32Array;
  readonly book: Uint32Array;
  readonly remotePort: Uint16Array;
  readonly role: Uint8Array;
  readonly state: Uint8Array;
  readonly bornNs: Float64Array;
  readonly srttUs: Uint32Array;
  readonly netns: Uint32Array;
  /** 0: unknown. */
  readonly pid: Uint32Array;
  /** Rows of listeners, `listeners` of them. The columns that follow are theirs: of other rows they mean nothing. */
  readonly listenerRows: Uint32Array;
  readonly localPort: Uint16Array;
  readonly cgroupId: Float64Array;
  /** Connections that wait for accept(), their limit, and packets dropped since its birth, modulo 2^32. */
  readonly backlog: Uint32Array;
  readonly backlogMax: Uint32Array;
  readonly drops: Uint32Array;
  /** Name of the process, COMM_BYTES from row * COMM_BYTES. */
  readonly comms: Uint8Array;
  readonly #commWords: Uint32Array;
  /** Raw records, if the table was made to keep them: row * LiveRecord.size. */
  records: Uint8Array;
  readonly #keep: boolean;
  #now: Reading;
  #last: Reading;
  /** By slot: the row in which its socket was read last. By row: the one before, if it was the same socket's. */
  readonly #rowOf: Uint32Array;
  readonly #rowBefore: Uint32Array;

  /** @param slots of the kernel's table @param keepRecords true: whole records stay readable after the walk */
  constructor(slots: number, keepRecords = false) {
    this.slots = slots;
    this.#keep = keepRecords;
    this.records = new Uint8Array(keepRecords ? 1024 * LiveRecord.size : 0);
    this.slot = new Uint32Array(slots);
    this.book = new Uint32Array(slots);
    this.remotePort = new Uint16Array(slots);
    this.role = new Uint8Array(slots);
    this.state = new Uint8Array(slots);
    this.bornNs = new Float64Array(slots);
    this.srttUs = new Uint32Array(slots);
    this.netns = new Uint32Array(slots);
    this.pid = new Uint32Array(slots);
    this.listenerRows = new Uint32Array(slots);
    this.localPort = new Uint16Array(slots);
    this.cgroupId = new Float64Array(slots);
    this.backlog = new Uint32Array(slots);
    this.backlogMax = new Uint32Array(slots);
    this.drops = new Uint32Array(slots);
    this.comms = new Uint8Array(slots * COMM_BYTES);
    this.#commWords = new Uint32Array(this.comms.buffer);
    this.#now = new Reading(slots);
    this.#last = new Reading(slots);
    this.#rowOf = new Uint32Array(slots);
    this.#rowBefore = new Uint32Array(slots);
  }

  get cookie(): Float64Array {
    return this.#now.cookie;
  }

  get sentBytes(): Float64Array {
    return this.#now.sentBytes;
  }

  get receivedBytes(): Float64Array {
    return this.#now.receivedBytes;
  }

  /** Begins a snapshot. */
  begin(flows: FlowTable): void {
    this.count = 0;
    this.listeners = 0;
    [this.#now, this.#last] = [this.#last, this.#now];
    flows.live.fill(0);
    flows.established.fill(0);
  }

  /**
   * Takes the records of one step of the walk. @param records the mapped memory of the map `records`
   * @param count records in it @param nowNs when the step ran, on the clock of bornNs (CLOCK_MONOTONIC)
   */
  add(records: Uint32Array, count: number, nowNs: number, flows: FlowTable): void {
    if (this.#keep) this.#keepRecords(records, count);
    const fitting = Math.min(count, this.slots - this.count);
    for (let i = 0; i < fitting; i++) this.#addOne(records, i * RECORD_WORDS, nowNs, flows);
  }

  #addOne(words: Uint32Array, at: number, nowNs: number, flows: FlowTable): void {
    const row = this.count++;
    const slot = within(words[at + (LiveRecord.slot >>> 2)] ?? 0, this.slots);
    const book = within(words[at + (LiveRecord.book >>> 2)] ?? 0, flows.capacity);
    const flags = words[at + (LiveRecord.state >>> 2)] ?? 0;
    const state = flags & 0xff;
    this.slot[row] = slot;
    this.book[row] = book;
    this.remotePort[row] = (words[at + (LiveRecord.remotePort >>> 2)] ?? 0) >>> 16;
    this.state[row] = state;
    this.role[row] = (flags >>> 8) & 0xff;
    this.bornNs[row] = readU64(words, at * 4 + LiveRecord.bornNs);
    this.srttUs[row] = words[at + (LiveRecord.srttUs >>> 2)] ?? 0;
    this.netns[row] = words[at + (LiveRecord.netns >>> 2)] ?? 0;
    this.pid[row] = words[at + (LiveRecord.pid >>> 2)] ?? 0;
    this.#read(words, at * 4, row, nowNs);
    this.#rowBefore[row] = this.#rowOf[slot] ?? 0;
    this.#rowOf[slot] = row;
    if (state === TcpState.listen) return this.#addListener(words, at, row);
    flows.live[book] = (flows.live[book] ?? 0) + 1;
    if (state !== TcpState.synSent && state !== TcpState.synRecv) {
      flows.established[book] = (flows.established[book] ?? 0) + 1;
    }
  }

  #read(words: Uint32Array, base: number, row: number, nowNs: number): void {
    const now = this.#now;
    now.cookie[row] = readU64(words, base + LiveRecord.cookie);
    now.sentBytes[row] = readU64(words, base + LiveRecord.sentBytes);
    now.receivedBytes[row] = readU64(words, base + LiveRecord.receivedBytes);
    now.readNs[row] = nowNs;
  }

  #addListener(words: Uint32Array, at: number, row: number): void {
    this.listenerRows[this.listeners++] = row;
    this.localPort[row] = (words[at + (LiveRecord.localPort >>> 2)] ?? 0) & 0xffff;
    this.cgroupId[row] = readU64(words, at * 4 + LiveRecord.cgroupId);
    this.backlog[row] = words[at + (LiveRecord.backlog >>> 2)] ?? 0;
    this.backlogMax[row] = words[at + (LiveRecord.backlogMax >>> 2)] ?? 0;
    this.drops[row] = words[at + (LiveRecord.drops >>> 2)] ?? 0;
    const from = at + (LiveRecord.comm >>> 2);
    for (let i = 0; i < COMM_WORDS; i++) this.#commWords[row * COMM_WORDS + i] = words[from + i] ?? 0;
  }

  /** Bytes a second that the socket of a row has sent, see #rate. */
  sentRate(row: number): number {
    return this.#rate(row, this.#now.sentBytes, this.#last.sentBytes);
  }

  receivedRate(row: number): number {
    return this.#rate(row, this.#now.receivedBytes, this.#last.receivedBytes);
  }

  /** Since the last snapshot; a socket that was not in that: since its birth; one older than the agent: not yet. */
  #rate(row: number, now: Float64Array, last: Float64Array): number {
    const before = this.#rowBefore[row] ?? 0;
    const known = this.#last.cookie[before] === this.#now.cookie[row];
    const fromNs = (known ? this.#last.readNs[before] : this.bornNs[row]) ?? 0;
    const seconds = fromNs === 0 ? 0 : secondsBetween(fromNs, this.#now.readNs[row] ?? 0);
    return rate(known ? (last[before] ?? 0) : 0, now[row] ?? 0, seconds);
  }

  /** True for a row that is the server's end of a connection: those have series of their own. */
  isServed(row: number): boolean {
    return this.role[row] === Role.ROLE_SERVER;
  }

  #keepRecords(words: Uint32Array, count: number): void {
    const from = this.count * LiveRecord.size;
    const bytes = count * LiveRecord.size;
    if (from + bytes > this.records.length) {
      const grown = new Uint8Array(Math.max(this.records.length * 2, from + bytes));
      grown.set(this.records.subarray(0, from));
      this.records = grown;
    }
    this.records.set(new Uint8Array(words.buffer, words.byteOffset, bytes), from);
  }
}

/** An index that the kernel has told, made to fit: a remainder alone would take the time of three of the columns. */
function within(index: number, size: number): number {
  return index < size ? index : index % size;
}
