/** What comes after a piece of work goes on for about so long: a page after its snapshot. */
const REST_MS = 2_000;
/** Between two times, however much work there is. */
const LEAST_MS = 10_000;

/** Does something a moment after work is done, when nobody waits for it: not during it, and not after each of many. */
export class AfterWork {
  readonly #action: () => void;
  #timer: NodeJS.Timeout | null = null;
  #lastMs = -Infinity;

  constructor(action: () => void) {
    this.#action = action;
  }

  /** Work has been done. */
  worked(): void {
    this.#timer ??= setTimeout(
      () => {
        this.#timer = null;
        this.#lastMs = performance.now();
        this.#action();
      },
      Math.max(REST_MS, this.#lastMs + LEAST_MS - performance.now()),
    ).unref();
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
  }
}
