import { type AMBIGUOUS, type Claim, type Claimant, holderAt, type Moment } from './claim.ts';
import type { Coverage } from './coverage.ts';

/** The holder, AMBIGUOUS, or null: nobody is known to have held it. undefined: the moment is too young to be answered. */
export type Answer<O> = O | null | undefined | typeof AMBIGUOUS;

/**
 * Who holds and who held a key: an address, an address and port. Claims live as long as their holders are kept, so their
 * number is bounded by that of the objects; most keys have one, which then stands in the map without a list around it.
 */
export class Timeline<O extends Claimant<O>> {
  readonly #coverage: Coverage;
  readonly #claims = new Map<string, Claim<O> | Claim<O>[]>();

  constructor(coverage: Coverage) {
    this.#coverage = coverage;
  }

  /** Keys that somebody holds or held. */
  get size(): number {
    return this.#claims.size;
  }

  has(key: string): boolean {
    return this.#claims.has(key);
  }

  add(key: string, claim: Claim<O>): void {
    const there = this.#claims.get(key);
    if (there === undefined) this.#claims.set(key, claim);
    else if (Array.isArray(there)) there.push(claim);
    else this.#claims.set(key, [there, claim]);
  }

  drop(key: string, claim: Claim<O>): void {
    const there = this.#claims.get(key);
    if (there === claim) this.#claims.delete(key);
    if (!Array.isArray(there)) return;
    const left = there.filter((other) => other !== claim);
    if (left.length === 1 && left[0] !== undefined) this.#claims.set(key, left[0]);
    else this.#claims.set(key, left);
  }

  /** Who holds the key by the latest news, and has not ended; of several who came last. Null: nobody. */
  latest(key: string): O | null {
    const there = this.#claims.get(key);
    if (there === undefined) return null;
    const claims = Array.isArray(there) ? there : [there];
    const held = claims.filter((claim) => (claim.goneMs ?? claim.holder.goneMs) === null);
    return (
      held.reduce<Claim<O> | null>((a, b) => (a !== null && a.seenMs > b.seenMs ? a : b), null)?.holder ??
      null
    );
  }

  /** Whose the key was at that moment. */
  at(key: string, moment: Moment, nowMs: number): Answer<O> {
    if (moment.atMs - moment.offsetMs > this.#coverage.settledMs(nowMs)) return undefined;
    const there = this.#claims.get(key);
    if (there === undefined) return null;
    return holderAt(Array.isArray(there) ? there : [there], moment, this.#coverage, nowMs);
  }
}
