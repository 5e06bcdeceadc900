import { Book, BookState, FlowKey, Role } from '../../../src/abi/records.gen.ts';

/** What a flow is, as a program of the kernel writes it. */
export interface KeyFields {
  readonly cgroupId?: number;
  readonly netns?: number;
  readonly port?: number;
  readonly role?: number;
  readonly protocol?: number;
  readonly localAddr?: readonly number[];
  readonly remoteAddr?: readonly number[];
  readonly comm?: string;
}

type Counter = Exclude<keyof typeof Book, 'size' | 'key' | 'failed' | 'state' | 'reserved' | 'reserved2'>;

/** An IPv4 address in its v4-mapped form. */
export function v4(a: number, b: number, c: number, d: number): number[] {
  return [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d];
}

/** The memory of the map `books`, written by hand instead of by the kernel. Row 0 is in use from the beginning. */
export class BookMemory {
  readonly buffer: ArrayBuffer;
  readonly capacity: number;
  readonly #view: DataView;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.buffer = new ArrayBuffer(capacity * Book.size);
    this.#view = new DataView(this.buffer);
    this.setState(0, BookState.BOOK_USED);
  }

  /** A new flow in this book. */
  open(row: number, key: KeyFields = {}): void {
    const at = row * Book.size + Book.key;
    const bytes = new Uint8Array(this.buffer);
    this.#view.setBigUint64(at + FlowKey.cgroupId, BigInt(key.cgroupId ?? 1), true);
    this.#view.setUint32(at + FlowKey.netns, key.netns ?? 4_026_531_840, true);
    this.#view.setUint16(at + FlowKey.port, key.port ?? 80, true);
    this.#view.setUint8(at + FlowKey.role, key.role ?? Role.ROLE_CLIENT);
    this.#view.setUint8(at + FlowKey.protocol, key.protocol ?? 6);
    bytes.set(key.localAddr ?? v4(10, 0, 0, 1), at + FlowKey.localAddr);
    bytes.set(key.remoteAddr ?? v4(10, 0, 0, 2), at + FlowKey.remoteAddr);
    bytes.fill(0, at + FlowKey.comm, at + FlowKey.comm + 16);
    bytes.set(Buffer.from(key.comm ?? '').subarray(0, 16), at + FlowKey.comm);
    this.setState(row, BookState.BOOK_USED);
  }

  setState(row: number, state: number): void {
    this.#view.setUint32(row * Book.size + Book.state, state, true);
  }

  set(row: number, counter: Counter, value: number | bigint): void {
    this.#view.setBigUint64(row * Book.size + Book[counter], BigInt(value), true);
  }

  add(row: number, counter: Counter, value: number): void {
    const at = row * Book.size + Book[counter];
    this.#view.setBigUint64(at, this.#view.getBigUint64(at, true) + BigInt(value), true);
  }

  addFailed(row: number, failure: number, value: number): void {
    const at = row * Book.size + Book.failed + failure * 8;
    this.#view.setBigUint64(at, this.#view.getBigUint64(at, true) + BigInt(value), true);
  }

  /** Empties the book and gives it back, as user space does when a flow is over. */
  release(row: number): void {
    new Uint8Array(this.buffer).fill(0, row * Book.size, (row + 1) * Book.size);
  }
}
