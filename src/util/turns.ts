/** How long the event loop may be held between two of its turns. */
const SLICE_MS = 2;

/**
 * Shares the event loop among all work that is long: together it holds the loop for a few milliseconds a turn, however
 * much of it there is. Who has used the slice up waits in a queue; one of it goes on each turn.
 *
 * A single piece of work is never cut: an object of 3 MiB, the longest that is read, takes JSON.parse some 15 ms.
 */
export class Turns {
  /** As many as there are pieces of work: each waits at one place. */
  readonly #waiting: (() => void)[] = [];
  #usedMs = 0;
  #scheduled = false;

  /**
   * Says how long the caller has held the loop since it last said so, or waited.
   * Null: go on at once. Else wait for it, then go on.
   */
  used(ms: number): Promise<void> | null {
    this.#usedMs += ms;
    if (this.#usedMs >= SLICE_MS) return this.next();
    this.#schedule(); // the next turn is a new slice
    return null;
  }

  /** A turn in which nobody of the queue has done anything yet: before a piece of work that is long by itself. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#usedMs = 0;
      this.#waiting.shift()?.();
      if (this.#waiting.length > 0) this.#schedule();
    });
  }
}

/** The event loop of this process: there is one. */
export const eventLoop = new Turns();
