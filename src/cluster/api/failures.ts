import type { ApiError, ApiErrorKind } from './api-error.ts';
import { Backoff } from './backoff.ts';
import type { ReflectorTimings } from './reflector-timings.ts';

/** Retry-After is when the server wants us back, all of us: spread over this much more. */
const RETRY_SPREAD_MS = 1_000;

/** Counts what fails, says what is wrong now, and how long to wait. */
export class Failures {
  /** One count a kind. */
  readonly byKind = new Map<ApiErrorKind, number>();
  readonly #backoff: Backoff;
  readonly #random: () => number;
  #problem: ApiError | null = null;

  constructor(timings: ReflectorTimings, random: () => number) {
    const { backoffBaseMs: baseMs, backoffCapMs: capMs } = timings;
    this.#backoff = new Backoff({ baseMs, capMs, random });
    this.#random = random;
  }

  /** What is wrong now; null: nothing. */
  get problem(): ApiError | null {
    return this.#problem;
  }

  /** One more failure. Answers how many milliseconds to wait. */
  add(error: ApiError): number {
    this.byKind.set(error.kind, (this.byKind.get(error.kind) ?? 0) + 1);
    this.#problem = error;
    const waitMs = this.#backoff.nextMs();
    if (error.retryAfterMs === null) return waitMs;
    return Math.max(waitMs, error.retryAfterMs + this.#random() * RETRY_SPREAD_MS);
  }

  /** What failed goes well again. */
  healed(): void {
    this.#problem = null;
  }

  /** It has gone well for some time: the next failure is the first again. */
  stable(): void {
    this.#backoff.reset();
  }
}
