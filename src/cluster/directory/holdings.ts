import { type Claim, type Claimant, latestMs } from './claim.ts';
import type { Coverage } from './coverage.ts';
import type { Timeline } from './timeline.ts';

/** Claims of one object that have ended while it lives on. Over it the oldest is forgotten. */
const MAX_PAST = 64;

/** One key of a holder. It ends by itself or with its holder. */
class HeldClaim<O extends Claimant<O>> implements Claim<O> {
  readonly holder: O;
  readonly seenMs: number;
  readonly surelyTold: boolean;
  /** Both null until the holder gives up this key alone. */
  ownSignMs: number | null = null;
  ownGoneMs: number | null = null;

  constructor(holder: O, seenMs: number, surelyTold: boolean) {
    this.holder = holder;
    this.seenMs = seenMs;
    this.surelyTold = surelyTold;
  }

  get signMs(): number | null {
    const { signMs } = this.holder;
    if (this.ownSignMs === null || signMs === null) return this.ownSignMs ?? signMs;
    return Math.min(this.ownSignMs, signMs);
  }

  get goneMs(): number | null {
    return this.ownGoneMs ?? this.holder.goneMs;
  }
}

/** What one object holds and held on a timeline, where that changes in its life. */
export class Holdings<O extends Claimant<O>> {
  readonly #holder: O;
  readonly #timeline: Timeline<O>;
  readonly #coverage: Coverage;
  readonly #live = new Map<string, HeldClaim<O>>();
  #past: { key: string; claim: HeldClaim<O> }[] | null = null;

  constructor(holder: O, timeline: Timeline<O>, coverage: Coverage) {
    this.#holder = holder;
    this.#timeline = timeline;
    this.#coverage = coverage;
  }

  /**
   * It holds the key, as we know since seenMs. `surelyTold`: holder.surelyFromMs is true of this key too. A key that it gave
   * up before and has again is a claim of its own: another may have held it in between.
   */
  hold(key: string, seenMs: number, surelyTold: boolean): void {
    if (this.#live.has(key)) return;
    const claim = new HeldClaim(this.#holder, seenMs, surelyTold);
    this.#timeline.add(key, claim);
    this.#live.set(key, claim);
  }

  /** It does not hold the key any more, though it lives on. */
  giveUp(key: string, nowMs: number, offsetMs: number): void {
    const claim = this.#live.get(key);
    if (claim === undefined) return;
    this.#live.delete(key);
    claim.ownSignMs = this.#coverage.asOfMs(nowMs);
    claim.ownGoneMs = nowMs;
    this.#past ??= [];
    this.#past.push({ key, claim });
    if (this.#past.length <= MAX_PAST) return;
    const oldest = this.#past.shift();
    if (oldest === undefined) return;
    this.#timeline.drop(oldest.key, oldest.claim);
    this.#coverage.forgot(latestMs(oldest.claim, offsetMs, this.#coverage.margins) - offsetMs);
  }

  /** Holds these keys and no others. Answers those that changed. */
  set(keys: ReadonlyMap<string, boolean>, nowMs: number, offsetMs: number): string[] {
    const changed: string[] = [];
    for (const key of this.#live.keys()) {
      if (keys.has(key)) continue;
      this.giveUp(key, nowMs, offsetMs);
      changed.push(key);
    }
    for (const [key, surelyTold] of keys) {
      if (this.#live.has(key)) continue;
      this.hold(key, nowMs, surelyTold);
      changed.push(key);
    }
    return changed;
  }

  /** The holder is forgotten: so are its claims. */
  forget(): void {
    for (const [key, claim] of this.#live) this.#timeline.drop(key, claim);
    for (const { key, claim } of this.#past ?? []) this.#timeline.drop(key, claim);
    this.#live.clear();
    this.#past = null;
  }
}
