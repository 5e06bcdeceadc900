import type { Edge } from './edge.ts';
import { choose } from './top.ts';

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
const PAUSE_MASK = 0xfff; // edges that are only looked at between two places to pause, less one

/** What a size that was true `ns` ago is worth now. */
export function decay(ns: number): number {
  return 2 ** (-Math.max(0, ns) / HALF_LIFE_NS);
}

/** Which edges are to change their state. */
export interface Changes {
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

  /** Yields where it may pause. @param free places that nobody has */
  *choose(free: number): Generator<void, Changes> {
    const [show, rest] = yield* this.#largest(this.#waiting, free, 1);
    const hide: Edge[] = [];
    const [candidates] = yield* this.#largest(rest, SWAPS_AT_ONCE, 1);
    const [victims] = yield* this.#largest(this.#leaving, candidates.length, -1);
    candidates.sort((a, b) => b.size - a.size);
    victims.sort((a, b) => a.size - b.size);
    candidates.forEach((edge, i) => {
      const victim = victims[i];
      if (!victim || edge.size <= victim.size * MUST_EXCEED) return;
      show.push(edge);
      hide.push(victim);
    });
    return { show, hide };
  }

  /** The `count` largest, or with sign -1 the smallest, and the others. */
  *#largest(
    of: readonly Edge[],
    count: number,
    sign: 1 | -1,
  ): Generator<void, [chosen: Edge[], others: Edge[]]> {
    const [chosen, others]: [Edge[], Edge[]] = [[], []];
    this.#grow(of.length);
    for (let i = 0; i < of.length; i++) {
      if ((i & PAUSE_MASK) === 0) yield;
      this.#sizes[i] = sign * (of[i]?.size ?? 0);
    }
    const choice = yield* choose(this.#sizes, of.length, count);
    for (let i = 0; i < of.length; i++) {
      if ((i & PAUSE_MASK) === 0) yield;
      const edge = of[i];
      if (edge) (choice.take(sign * edge.size) ? chosen : others).push(edge);
    }
    return [chosen, others];
  }

  #grow(length: number): void {
    if (this.#sizes.length >= length) return;
    this.#sizes = new Float64Array(length * 2);
  }
}
