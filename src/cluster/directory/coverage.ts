import type { Margins } from './margins.ts';

/** Times without news that are remembered; over it the older ones become one with everything before them. */
const MAX_GAPS = 16;

/**
 * For which moments the index knows all objects of one kind. Times are of our monotonic clock.
 *
 * Until the first list is complete it knows nothing for sure. Where the watch was lost, objects may have come and gone
 * without a trace: for moments in such a gap, and before the first list, only what is sure by itself is answered.
 */
export class Coverage {
  readonly margins: Margins;
  #synced = false;
  /** Complete from here on, gaps apart. */
  #sinceMs = Infinity;
  /** The watch was whole until here; Infinity: it is. */
  #wholeUntilMs = -Infinity;
  /** It is whole again, and has had the time to say what it held back. */
  #wholeFromMs = Infinity;
  readonly #gaps: { fromMs: number; untilMs: number }[] = [];

  constructor(margins: Margins) {
    this.margins = margins;
  }

  /** A first list has been complete. */
  get synced(): boolean {
    return this.#synced;
  }

  /** The watch said its last at `heardMs`. */
  lost(heardMs: number, nowMs: number): void {
    const untilMs = Math.min(heardMs, nowMs);
    this.#wholeUntilMs = nowMs >= this.#wholeFromMs ? untilMs : Math.min(untilMs, this.#wholeUntilMs);
    this.#wholeFromMs = Infinity;
  }

  /** The watch goes on where it was, or a list is complete. Does nothing where it was not lost. */
  whole(nowMs: number): void {
    const { settleMs, tellMs, lingerMs } = this.margins;
    if (!this.#synced || this.#wholeFromMs !== Infinity) return;
    this.#gap(this.#wholeUntilMs - tellMs, nowMs + lingerMs);
    this.#wholeFromMs = nowMs + settleMs;
  }

  /** A list is complete. How old it was when it came is not known: what has happened since is told right after it. */
  listed(nowMs: number): void {
    if (this.#synced && this.#wholeFromMs === Infinity) return this.whole(nowMs);
    // the first, or one after a loss that nobody told of
    const { settleMs, lingerMs } = this.margins;
    this.#synced = true;
    this.#sinceMs = nowMs + lingerMs;
    this.#wholeUntilMs = -Infinity;
    this.#wholeFromMs = nowMs + settleMs;
  }

  /** What held until `untilMs` has been forgotten. */
  forgot(untilMs: number): void {
    this.#sinceMs = Math.max(this.#sinceMs, untilMs);
  }

  /** Moments up to this one can be answered: later news of them is not to be expected. -Infinity before the first list. */
  settledMs(nowMs: number): number {
    if (!this.#synced) return -Infinity;
    return this.asOfMs(nowMs) - this.margins.settleMs;
  }

  /** How old news that arrives now may be at most: now, or when the watch was lost. */
  asOfMs(nowMs: number): number {
    return nowMs >= this.#wholeFromMs ? nowMs : Math.min(nowMs, this.#wholeUntilMs);
  }

  /** Whether everybody who existed at that moment is known, where each is told within tellMs. */
  knowsAll(atMs: number, nowMs: number): boolean {
    if (atMs <= this.#sinceMs || atMs > this.asOfMs(nowMs) - this.margins.tellMs) return false;
    return this.#gaps.every(({ fromMs, untilMs }) => atMs < fromMs || atMs > untilMs);
  }

  #gap(fromMs: number, untilMs: number): void {
    const last = this.#gaps.at(-1);
    if (last !== undefined && fromMs <= last.untilMs) last.untilMs = untilMs;
    else this.#gaps.push({ fromMs, untilMs });
    if (this.#gaps.length > MAX_GAPS) this.forgot(this.#gaps.shift()?.untilMs ?? untilMs);
  }
}
