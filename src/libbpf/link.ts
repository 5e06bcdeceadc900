import { capture } from './messages.ts';
import { BpfError } from './bpf-error.ts';
import { Handle } from './handle.ts';
import { BpfIterator } from './iterator.ts';
import { native, type Pointer } from './native.ts';

/** A program hung on its hook. close() takes it off; so does the end of the process. */
export class Link extends Handle {
  readonly #pointer: Pointer;
  readonly #program: string;

  /** Made by BpfProgram.attach*(). */
  constructor(owner: Handle, pointer: Pointer, program: string) {
    super(`link of program '${program}'`, owner);
    this.#pointer = pointer;
    this.#program = program;
  }

  get fd(): number {
    this.assertOpen();
    return native().linkFd(this.#pointer);
  }

  /** One walk over what the program iterates; only for a link of an iter/ program. Needs: Linux >= 5.8. Throws E_BPF. */
  iterator(): BpfIterator {
    const fd = this.fd;
    const { result, lines } = capture((lib) => lib.iterCreate(fd));
    if (result < 0) throw new BpfError(`start of iterator '${this.#program}'`, result, lines);
    return new BpfIterator(this, result, this.#program);
  }

  protected release(): void {
    native().linkDestroy(this.#pointer); // its result is that of close(2): the link is gone either way
  }
}
