/** One value of a quantity, by seconds since the begin. */
export interface Point {
  readonly second: number;
  readonly value: number;
}

/**
 * The first part of a run is not judged: caches fill, code is compiled, the first series age, and the collector makes the heap
 * a little larger each time, for a quarter of an hour.
 */
export const WARM_UP_SHARE = 1 / 2;
/** Spans of the rest, each with one median: a single high value weighs nothing, and neighbours depend less on each other. */
const SPANS = 60;

/**
 * By how much a quantity has grown over all points: the median of the slopes of all pairs (Theil and Sen), times the time.
 * Up to 29 % of the points may be anything. 0 for fewer than three points. Falls are negative.
 */
export function growthOf(points: readonly Point[]): number {
  const [first, last] = [points.at(0), points.at(-1)];
  if (first === undefined || last === undefined || points.length < 3) return 0;
  const slopes: number[] = [];
  for (const [i, a] of points.entries())
    for (const b of points.slice(i + 1))
      if (b.second > a.second) slopes.push((b.value - a.value) / (b.second - a.second));
  return slopes.length === 0 ? 0 : median(slopes) * (last.second - first.second);
}

/** What of a run is judged: medians of equal spans of time after the warm-up. */
export function judged(points: readonly Point[]): Point[] {
  const from = (points.at(-1)?.second ?? 0) * WARM_UP_SHARE;
  return spans(
    points.filter(({ second }) => second >= from),
    SPANS,
  );
}

/** The medians of equal spans of time, at their middles. Spans without a point are left out. */
export function spans(points: readonly Point[], count: number): Point[] {
  const [first, last] = [points.at(0), points.at(-1)];
  if (first === undefined || last === undefined) return [];
  const seconds = (last.second - first.second) / count || 1;
  const groups = Map.groupBy(points, ({ second }) =>
    Math.min(count - 1, Math.floor((second - first.second) / seconds)),
  );
  return [...groups].map(([i, group]) => {
    return {
      second: first.second + (i + 0.5) * seconds,
      value: median(group.map(({ value }) => value)),
    };
  });
}

/** The value in the middle; the mean of the two that are, of an even number. NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const [below = NaN, above = NaN] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  return (below + above) / 2;
}
