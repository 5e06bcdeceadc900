import { closeSync } from 'node:fs';
import { constants } from 'node:os';
import { BpfError, misuse } from './bpf-error.ts';
import { Handle } from './handle.ts';
import { native } from './native.ts';

const { EAGAIN, EINTR } = constants.errno;
const AGAIN_MAX = 100_000; // reads in a row without a byte: a program that asks for ever is a fault

/** Where bytes go that nobody wants. The kernel's own buffer is as large: no read returns more. */
const scratch = new Uint8Array(32 * 1024);

/**
 * One walk. Each read(2) runs the program in the calling thread until it wrote a buffer full, it asked to be called
 * again (its return value 1), or the walk is over; nothing else runs in this thread meanwhile.
 */
export class BpfIterator extends Handle {
  /** read() gives this when the program asked to be called again: give it a new budget, then read on. */
  static readonly AGAIN = -1;
  readonly #fd: number;
  readonly #name: string;

  /** Made by Link.iterator(). */
  constructor(owner: Handle, fd: number, name: string) {
    super(`iterator '${name}'`, owner);
    this.#fd = fd;
    this.#name = name;
  }

  /** One read(2) into `buffer`: bytes got, 0 at the end of the walk, or AGAIN. Throws E_BPF. */
  read(buffer: Uint8Array): number {
    this.assertOpen();
    const lib = native();
    for (;;) {
      const bytes = lib.read(this.#fd, buffer, buffer.length);
      if (bytes >= 0) return bytes;
      const errno = lib.errno();
      if (errno === EAGAIN) return BpfIterator.AGAIN;
      if (errno !== EINTR) throw new BpfError(`read of iterator '${this.#name}'`, errno);
    }
  }

  /**
   * Walks to the end. @param buffer gets what the program writes; without it that is counted and dropped (for programs
   * that write to maps). @returns bytes written. Throws E_BPF, also when the buffer is too small.
   */
  run(buffer?: Uint8Array): number {
    let total = 0;
    let again = 0;
    for (;;) {
      const bytes = this.read(this.#target(buffer, total));
      if (bytes === 0) return total;
      again = bytes === BpfIterator.AGAIN ? again + 1 : 0;
      if (again > AGAIN_MAX)
        throw misuse(`walk of iterator '${this.#name}'`, 'the program makes no progress');
      if (bytes > 0) total += bytes;
    }
  }

  protected release(): void {
    closeSync(this.#fd);
  }

  /** Where the next bytes go. Past the end of the caller's buffer: the scratch, where any byte is one too many. */
  #target(buffer: Uint8Array | undefined, filled: number): Uint8Array {
    if (buffer && filled < buffer.length) return filled === 0 ? buffer : buffer.subarray(filled);
    if (buffer && filled > buffer.length) {
      throw misuse(
        `walk of iterator '${this.#name}'`,
        `it wrote more than the ${buffer.length} bytes there is room for`,
      );
    }
    return scratch;
  }
}
