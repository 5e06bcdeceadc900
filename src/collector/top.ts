// hot

/** Which of many are the largest: all that are greater than a size, and so many of those that are just as large. */
export class Choice {
  readonly #least: number;
  #leftOfLeast: number;

  constructor(least: number, ofLeast: number) {
    this.#least = least;
    this.#leftOfLeast = ofLeast;
  }

  /** Whether one of this size is among them: asked once of each, the first of those that are as large as the least are. */
  take(size: number): boolean {
    return size > this.#least || (size === this.#least && this.#leftOfLeast-- > 0);
  }
}

const STEPS = 16_384; // values looked at between two places to pause: 0.1 ms

/**
 * Chooses the `count` largest of `values[0..length)`, without NaN. Yields where it may pause, after STEPS values each time.
 * Quickselect in place: nobody else may write to the values until it ends, and then they are in another order.
 */
export function* choose(values: Float64Array, length: number, count: number): Generator<void, Choice> {
  if (count <= 0) return new Choice(Infinity, 0);
  if (count >= length) return new Choice(-Infinity, length);
  const want = length - count; // where the least of them is in ascending order
  let low = 0;
  let high = length - 1;
  let left = STEPS;
  while (low < high) {
    const pivot = values[(low + high) >>> 1] ?? 0;
    let i = low;
    let j = high;
    while (i <= j) {
      if (--left === 0) {
        yield;
        left = STEPS;
      }
      const a = values[i] ?? 0;
      if (a < pivot) {
        i++;
        continue;
      }
      const b = values[j] ?? 0;
      if (b <= pivot) {
        values[i++] = b;
        values[j] = a;
      }
      j--;
    }
    if (want <= j) high = j;
    else if (want >= i) low = i;
    else break;
  }
  const least = values[want] ?? 0;
  return new Choice(least, count - (yield* greater(values, want + 1, length, least)));
}

/** How many of `values[from..to)` are greater. */
function* greater(values: Float64Array, from: number, to: number, than: number): Generator<void, number> {
  let found = 0;
  for (let i = from; i < to; i++) {
    if ((values[i] ?? 0) > than) found++;
    if ((i - from) % STEPS === STEPS - 1) yield;
  }
  return found;
}
