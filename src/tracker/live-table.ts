// hot
import { LiveRecord, Role } from '../abi/records.gen.ts';
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

/** Of a process name, TASK_COMM_LEN. */
export const COMM_BYTES = 16;
const COMM_WORDS = COMM_BYTES >>> 2;
const RECORD_WORDS = LiveRecord.size >>> 2;

/**
 * The sockets that are alive. Two kinds of columns: by slot, which outlive a snapshot and give rates; and by row, dense
 * in the order of the walk, which hold for one snapshot. Bounded by the number of slots, which is chosen at start.
 */
export class LiveTable {
  readonly slots: number;
  count = 0;
  listeners = 0;
  readonly slot: Uint32Array;
  readonly book: Uint32Array;
  readonly localPort: Uint16Array;
  readonly remotePort: Uint16Array;
  readonly role: Uint8Array;
  readonly state: Uint8Array;
  readonly bornNs: Float64Array;
  readonly sentBytes: Float64Array;
  readonly receivedBytes: Float64Array;
  readonly sentRate: Float64Array;
  readonly receivedRate: Float64Array;
  readonly cookie: Float64Array;
  readonly srttUs: Uint32Array;
  readonly netns: Uint32Array;
  /** 0: unknown. */
  readonly pid: Uint32Array;
  readonly cgroupId: Float64Array;
  /** Listeners: connections that wait for accept(), their limit, and packets dropped since its birth, modulo 2^32; else 0. */
  readonly backlog: Uint32Array;
  readonly backlogMax: Uint32Array;
  readonly drops: Uint32Array;
  /** Listeners: name of the process, COMM_BYTES from row * COMM_BYTES; of other rows it means nothing. */
  readonly comms: Uint8Array;
  readonly #commWords: Uint32Array;
  /** Raw records, if the table was made to keep them: row * LiveRecord.size. */
  records: Uint8Array;
  readonly #keep: boolean;
  readonly #lastCookie: Float64Array;
  readonly #lastSent: Float64Array;
  readonly #lastReceived: Float64Array;
  readonly #lastNs: Float64Array;

  /** @param slots of the kernel's table @param keepRecords true: whole records stay readable after the walk */
  constructor(slots: number, keepRecords = false) {
    this.slots = slots;
    this.#keep = keepRecords;
    this.records = new Uint8Array(keepRecords ? 1024 * LiveRecord.size : 0);
    this.slot = new Uint32Array(slots);
    this.book = new Uint32Array(slots);
    this.localPort = new Uint16Array(slots);
    this.remotePort = new Uint16Array(slots);
    this.role = new Uint8Array(slots);
    this.state = new Uint8Array(slots);
    this.srttUs = new Uint32Array(slots);
    this.netns = new Uint32Array(slots);
    this.pid = new Uint32Array(slots);
    this.backlog = new Uint32Array(slots);
    this.backlogMax = new Uint32Array(slots);
    this.drops = new Uint32Array(slots);
    this.comms = new Uint8Array(slots * COMM_BYTES);
    this.#commWords = new Uint32Array(this.comms.buffer);
    const column = (): Float64Array => new Float64Array(slots);
    this.bornNs = column();
    this.sentBytes = column();
    this.receivedBytes = column();
    this.sentRate = column();
    this.receivedRate = column();
    this.cookie = column();
    this.cgroupId = column();
    this.#lastCookie = column();
    this.#lastSent = column();
    this.#lastReceived = column();
    this.#lastNs = column();
  }

  /** Begins a snapshot. */
  begin(flows: FlowTable): void {
    this.count = 0;
    this.listeners = 0;
    flows.live.fill(0);
    flows.established.fill(0);
  }

  /**
   * Takes the records of one step of the walk. @param records the mapped memory of the map `records`
   * @param count records in it @param nowNs when the step ran, on the clock of bornNs (CLOCK_MONOTONIC)
   */
  add(records: Uint32Array, count: number, nowNs: number, flows: FlowTable): void {
    if (this.#keep) this.#keepRecords(records, count);
    for (let i = 0; i < count; i++) this.#addOne(records, i * RECORD_WORDS, nowNs, flows);
  }

  #addOne(words: Uint32Array, at: number, nowNs: number, flows: FlowTable): void {
    const row = this.count;
    if (row >= this.slots) return;
    this.count = row + 1;
    const slot = (words[at + (LiveRecord.slot >>> 2)] ?? 0) % this.slots;
    const book = (words[at + (LiveRecord.book >>> 2)] ?? 0) % flows.capacity;
    const ports = words[at + (LiveRecord.localPort >>> 2)] ?? 0;
    const flags = words[at + (LiveRecord.state >>> 2)] ?? 0;
    const state = flags & 0xff;
    this.slot[row] = slot;
    this.book[row] = book;
    this.localPort[row] = ports & 0xffff;
    this.remotePort[row] = ports >>> 16;
    this.state[row] = state;
    this.role[row] = (flags >>> 8) & 0xff;
    this.srttUs[row] = words[at + (LiveRecord.srttUs >>> 2)] ?? 0;
    this.netns[row] = words[at + (LiveRecord.netns >>> 2)] ?? 0;
    this.pid[row] = words[at + (LiveRecord.pid >>> 2)] ?? 0;
    this.cgroupId[row] = readU64(words, at * 4 + LiveRecord.cgroupId);
    this.backlog[row] = words[at + (LiveRecord.backlog >>> 2)] ?? 0;
    this.backlogMax[row] = words[at + (LiveRecord.backlogMax >>> 2)] ?? 0;
    this.drops[row] = words[at + (LiveRecord.drops >>> 2)] ?? 0;
    this.#rates(words, at, row, slot, nowNs);
    if (state === TcpState.listen) {
      this.listeners++;
      this.#copyComm(words, at + (LiveRecord.comm >>> 2), row * COMM_WORDS);
      return;
    }
    flows.live[book] = (flows.live[book] ?? 0) + 1;
    if (state !== TcpState.synSent && state !== TcpState.synRecv) {
      flows.established[book] = (flows.established[book] ?? 0) + 1;
    }
  }

  #copyComm(words: Uint32Array, from: number, to: number): void {
    for (let i = 0; i < COMM_WORDS; i++) this.#commWords[to + i] = words[from + i] ?? 0;
  }

  /** Since the last snapshot; a socket that is new since then: since its birth; one older than the agent: not yet. */
  #rates(words: Uint32Array, at: number, row: number, slot: number, nowNs: number): void {
    const base = at * 4;
    const cookie = readU64(words, base + LiveRecord.cookie);
    const sent = readU64(words, base + LiveRecord.sentBytes);
    const received = readU64(words, base + LiveRecord.receivedBytes);
    const born = readU64(words, base + LiveRecord.bornNs);
    const known = this.#lastCookie[slot] === cookie;
    const from = known ? (this.#lastNs[slot] ?? 0) : born;
    const seconds = from === 0 ? 0 : secondsBetween(from, nowNs);
    this.cookie[row] = cookie;
    this.bornNs[row] = born;
    this.sentBytes[row] = sent;
    this.receivedBytes[row] = received;
    this.sentRate[row] = rate(known ? (this.#lastSent[slot] ?? 0) : 0, sent, seconds);
    this.receivedRate[row] = rate(known ? (this.#lastReceived[slot] ?? 0) : 0, received, seconds);
    this.#lastCookie[slot] = cookie;
    this.#lastSent[slot] = sent;
    this.#lastReceived[slot] = received;
    this.#lastNs[slot] = nowNs;
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
