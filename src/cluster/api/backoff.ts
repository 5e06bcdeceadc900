export interface BackoffOptions {
  /** The first wait is shorter than this; each next one may be twice as long. */
  readonly baseMs: number;
  /** No wait is longer. */
  readonly capMs: number;
  /** From 0 to below 1. */
  readonly random: () => number;
}

/**
 * How long to wait before the next attempt: full jitter (anything from nothing to the limit, which doubles), so that
 * the agents of a thousand nodes do not come back together. Never below a tenth of the base: no attempt is a busy loop.
 */
export class Backoff {
  readonly #options: BackoffOptions;
  #failures = 0;

  constructor(options: BackoffOptions) {
    this.#options = options;
  }

  /** Milliseconds to wait after one more failure. */
  nextMs(): number {
    const { baseMs, capMs, random } = this.#options;
    const limitMs = Math.min(capMs, baseMs * 2 ** this.#failures);
    this.#failures = Math.min(this.#failures + 1, 30);
    return Math.max(baseMs / 10, random() * limitMs);
  }

  /** All is well: the next failure is the first again. */
  reset(): void {
    this.#failures = 0;
  }
}
