export interface RemovedOptions {
  readonly limit: number;
  readonly keepMs: number;
}

/**
 * Objects that the API server does not have any more, in the order in which they went. They are still asked for, by
 * the time when a connection began; over the limit, or after the time, the longest gone are forgotten.
 */
export class Removed<E> {
  readonly #limit: number;
  readonly #keepMs: number;
  readonly #sinceMs = new Map<E, number>();

  constructor({ limit, keepMs }: RemovedOptions) {
    this.#limit = limit;
    this.#keepMs = keepMs;
  }

  get size(): number {
    return this.#sinceMs.size;
  }

  add(entry: E, nowMs: number): void {
    this.#sinceMs.set(entry, nowMs);
  }

  /** It is there after all. */
  restore(entry: E): void {
    this.#sinceMs.delete(entry);
  }

  /** Takes out those that are to be forgotten. */
  *due(nowMs: number): Generator<E, void> {
    for (const [entry, sinceMs] of this.#sinceMs) {
      if (this.#sinceMs.size <= this.#limit && nowMs - sinceMs < this.#keepMs) return;
      this.#sinceMs.delete(entry);
      yield entry;
    }
  }
}
