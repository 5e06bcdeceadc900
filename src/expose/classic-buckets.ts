// hot: one call per series of a histogram.
import type { HistogramShape } from './metric.ts';

/** The few buckets that every scraper understands, summed up from the many of a histogram. */
export class ClassicBuckets {
  /** Upper bounds, in seconds, without +Inf. */
  readonly bounds: readonly number[];
  /** Counts up to each bound, then all: of the series last summed up. */
  readonly cumulative: Float64Array;
  readonly #buckets: number;
  /** The last bucket below each bound; then the last of all. */
  readonly #ends: Int32Array;

  constructor({ schema, lowestPower, buckets, classicPowers }: HistogramShape) {
    this.bounds = classicPowers.map((power) => 2 ** power);
    this.#buckets = buckets;
    this.#ends = Int32Array.from([
      ...classicPowers.map((power) => (power - lowestPower) * 2 ** schema),
      buckets - 1,
    ]);
    this.cumulative = new Float64Array(this.#ends.length);
  }

  /**
   * Fills `cumulative` from the counts of one series, and returns their sum.
   * Errors: RangeError for counts that are not of this shape, or not whole numbers.
   */
  sumUp(counts: Float64Array): number {
    if (counts.length !== this.#buckets) {
      throw new RangeError(`a histogram has ${counts.length} counts, not ${this.#buckets}`);
    }
    let total = 0;
    let i = 0;
    for (let k = 0; k < this.#ends.length; k++) {
      for (const end = this.#ends[k] ?? 0; i <= end; i++) total += counts[i] ?? 0;
      this.cumulative[k] = total;
    }
    if (!(total >= 0 && Number.isSafeInteger(total))) throw new RangeError(`a histogram counts ${total}`);
    return total;
  }
}
