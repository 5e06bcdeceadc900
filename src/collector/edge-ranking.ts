import type { Edge } from './edge.ts';
import { threshold } from './top.ts';

/** An edge that has been given series keeps them for so long, whatever comes, */
export const STAY_NS = 60e9;
/** and after that until one that is larger by this factor wants its place. */
export const MUST_EXCEED = 2;
/** After so long bytes count half as much. */
export const HALF_LIFE_NS = 600e9;
/** A connection that could not be made counts as much: so failing edges are seen, and a port scan is not all that is. */
export const FAILURE_BYTES = 2 ** 20;
/** Edges that may give way to others in a snapshot. */
const SWAPS_AT_ONCE = 64;

/** What a size that was true `ns` ago is worth now. */
export function decay(ns: number): number {
  return 2 ** (-Math.max(0, ns) / HALF_LIFE_NS);
}

/** Which edges are to change their state. */
export interface Choice {
  readonly show: readonly Edge[];
  readonly hide: readonly Edge[];
}

/**
 * Says which edges get series, the largest first, and which give them up: few and reluctantly, as each change ends a
 * series and begins another.
 */
export class EdgeRanking {
  #waiting: Edge[] = [];
  #leaving: Edge[] = [];
  #sizes = new Float64Array(0);
  #scratch = new Float64Array(0);

  /** Begins to look at edges. */
  begin(): void {
    this.#waiting = [];
    this.#leaving = [];
  }

  /** Looks at an edge: bounded by the edges there are. */
  add(edge: Edge, nowNs: number): void {
    if (edge.account === null) this.#waiting.push(edge);
    else if (nowNs - edge.shownNs >= STAY_NS) this.#leaving.push(edge);
  }

  /** Edges looked at that have no series. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** @param free places that nobody has */
  choose(free: number): Choice {
    const wanted = this.#largest(this.#waiting, free + SWAPS_AT_ONCE);
    const show = wanted.slice(0, free);
    const hide: Edge[] = [];
    const candidates = wanted.slice(free);
    const victims = candidates.length > 0 ? this.#smallest(this.#leaving, candidates.length) : [];
    candidates.forEach((edge, i) => {
      const victim = victims[i];
      if (!victim || edge.size <= victim.size * MUST_EXCEED) return;
      show.push(edge);
      hide.push(victim);
    });
    return { show, hide };
  }

  /** The `count` largest, in order. */
  #largest(of: readonly Edge[], count: number): Edge[] {
    return this.#first(of, count, 1);
  }

  #smallest(of: readonly Edge[], count: number): Edge[] {
    return this.#first(of, count, -1);
  }

  #first(of: readonly Edge[], count: number, sign: 1 | -1): Edge[] {
    const order = (a: Edge, b: Edge): number => sign * (b.size - a.size);
    if (of.length <= count) return of.toSorted(order);
    this.#grow(of.length);
    for (let i = 0; i < of.length; i++) this.#sizes[i] = sign * (of[i]?.size ?? 0);
    const least = threshold(this.#sizes, of.length, count, this.#scratch);
    const [above, equal]: [Edge[], Edge[]] = [[], []];
    for (const edge of of) {
      if (sign * edge.size > least) above.push(edge);
      else if (sign * edge.size === least && equal.length < count) equal.push(edge);
    }
    return [...above.toSorted(order), ...equal].slice(0, count);
  }

  #grow(length: number): void {
    if (this.#sizes.length >= length) return;
    this.#sizes = new Float64Array(length * 2);
    this.#scratch = new Float64Array(length * 2);
  }
}
