/** Lets through so many at once, and so many a second after that. */
export class TokenBucket {
  readonly #perSecond: number;
  readonly #burst: number;
  #tokens: number;
  #atMs: number;

  constructor(perSecond: number, burst: number, nowMs: number) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#tokens = burst;
    this.#atMs = nowMs;
  }

  /** Takes one. Answers how many milliseconds to wait before it may be used; 0: none. `nowMs` never goes back. */
  take(nowMs: number): number {
    this.#tokens = Math.min(this.#burst, this.#tokens + ((nowMs - this.#atMs) * this.#perSecond) / 1000) - 1;
    this.#atMs = nowMs;
    return Math.max(0, (-this.#tokens * 1000) / this.#perSecond);
  }
}
