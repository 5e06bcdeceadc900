import { Book, BookState, Control, Distributions } from '../abi/records.gen.ts';
import type { BpfMap } from './map.ts';
import type { NativeMemory } from './native-memory.ts';

/**
 * The kernel's books from user space: their memory, and the ring by which free ones go back. The kernel takes free
 * indexes at control.free_head, we alone give them at control.free_tail.
 */
export class Books {
  readonly memory: ArrayBuffer;
  /** Of the map `distributions`: an entry a book. */
  readonly distributions: ArrayBuffer;
  readonly #flows: BpfMap;
  readonly #bytes: Uint8Array;
  readonly #times: Uint8Array;
  readonly #ring: Uint32Array;
  readonly #control: DataView;
  readonly #capacity: number;

  constructor(
    flows: BpfMap,
    books: NativeMemory,
    distributions: NativeMemory,
    ring: NativeMemory,
    control: DataView,
    capacity: number,
  ) {
    this.memory = books.buffer;
    this.distributions = distributions.buffer;
    this.#times = new Uint8Array(distributions.buffer);
    this.#flows = flows;
    this.#bytes = new Uint8Array(books.buffer);
    this.#ring = new Uint32Array(ring.buffer);
    this.#control = control;
    this.#capacity = capacity;
    this.#fill();
  }

  /** Takes a flow's key out of the kernel's hash. The book stays; nothing that is being added is lost. Throws E_BPF. */
  forget(key: Uint8Array): void {
    this.#flows.delete(key);
  }

  /** Empties a book and gives it back. Only for a row whose key was forgotten more than a moment ago, or an orphan. */
  release(row: number): void {
    this.#bytes.fill(0, row * Book.size, (row + 1) * Book.size);
    this.#times.fill(0, row * Distributions.size, (row + 1) * Distributions.size);
    const tail = this.#control.getBigUint64(Control.freeTail, true);
    this.#ring[this.#ringAt(Number(tail % BigInt(this.#capacity)))] = row;
    this.#control.setBigUint64(Control.freeTail, tail + 1n, true);
  }

  /** Books that are neither free nor `other`. */
  get used(): number {
    const head = this.#control.getBigUint64(Control.freeHead, true);
    const tail = this.#control.getBigUint64(Control.freeTail, true);
    return this.#capacity - 1 - Number(tail - head);
  }

  /** Every book but 0, which is `other` and always in use. */
  #fill(): void {
    for (let row = 1; row < this.#capacity; row++) this.#ring[this.#ringAt(row - 1)] = row;
    new Uint32Array(this.memory)[Book.state >>> 2] = BookState.BOOK_USED;
    this.#control.setBigUint64(Control.freeTail, BigInt(this.#capacity - 1), true);
  }

  /** Values of an array lie 8 bytes apart, whatever their size. */
  #ringAt(index: number): number {
    return index * 2;
  }
}
