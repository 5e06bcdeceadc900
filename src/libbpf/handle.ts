import { misuse } from './bpf-error.ts';

/**
 * Something of the kernel or of native memory that must be given back.
 * A handle owns the handles made from it and closes them first, newest first: closing the object closes its links,
 * and those their iterators. Not safe to share between worker threads.
 */
export abstract class Handle {
  readonly #label: string;
  readonly #owner: Handle | null;
  readonly #children = new Set<Handle>(); // bounded by what the owner opens; a child leaves on its own close()
  #closed = false;

  /** @param label what this is, for messages: "link of program 'walk'" */
  protected constructor(label: string, owner: Handle | null = null) {
    this.#label = label;
    this.#owner = owner;
    if (owner) owner.#children.add(this);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Throws E_BPF after close(). Every use of the native side asks here first. */
  assertOpen(): void {
    if (this.#closed) throw misuse(`use of ${this.#label}`, 'it is closed');
  }

  /** Gives everything back. The second and later calls do nothing. */
  close(): void {
    if (this.#closed) return;
    this.closeChildren();
    this.#closed = true;
    if (this.#owner) this.#owner.#children.delete(this);
    this.release();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Closes what was made from this handle, and keeps the handle itself open. */
  protected closeChildren(): void {
    for (const child of [...this.#children].reverse()) child.close();
  }

  /** Called once, by close(). Must not throw: there is nobody left who could give it back. */
  protected abstract release(): void;
}
