import { monitorEventLoopDelay } from 'node:perf_hooks';

/** Of the timer that tells it where Node cannot look at each turn of the loop by itself (before 26). */
const RESOLUTION_MS = 20;

/** How long the event loop was held at most between two of its turns. */
export class LoopLag {
  readonly #perTurn = looksAtEachTurn();
  readonly #delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS, samplePerIteration: this.#perTurn });

  start(): void {
    this.#delay.enable();
  }

  stop(): void {
    this.#delay.disable();
  }

  /** Seconds, since start() or the last call. */
  takeMaxSeconds(): number {
    const { max, count } = this.#delay;
    this.#delay.reset();
    if (count === 0) return 0;
    return Math.max(0, max / 1e9 - (this.#perTurn ? 0 : RESOLUTION_MS / 1_000));
  }
}

/** A Node that knows the option refuses a value of another type; one that does not looks at it no further. */
function looksAtEachTurn(): boolean {
  try {
    monitorEventLoopDelay({ samplePerIteration: 0 as unknown as boolean });
    return false;
  } catch {
    return true;
  }
}
