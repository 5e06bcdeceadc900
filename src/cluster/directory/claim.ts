import type { Coverage } from './coverage.ts';
import type { Margins } from './margins.ts';

/** API times are whole seconds, cut off: what happened at T.9 is told as T. */
const API_SECOND_MS = 1000;

/** Whose the addresses and ports are: a pod, a Service, a node. API times in milliseconds, by the writers' clocks. */
export interface Claimant<O> {
  /** It cannot have held anything before. 0: not told. */
  readonly fromMs: number;
  /** From then on it surely held what it was made with; null: not told. */
  readonly surelyFromMs: number | null;
  /** When it ended, as its node says; null: not told. */
  readonly endedMs: number | null;
  /** See Claim: its end ends all its claims. */
  readonly signMs: number | null;
  readonly goneMs: number | null;
  /** Whether it makes no difference to the answer which of the two it is. */
  sameAs(other: O): boolean;
}

/**
 * That an owner holds an address or a port. Times are ours, of the monotonic clock: they are arrival times, a jump of the
 * wall clock does not move them, and a peer's moment is measured by the same machine.
 */
export interface Claim<O extends Claimant<O>> {
  readonly holder: O;
  /** We were told of it: the holder had it before. */
  readonly seenMs: number;
  /** Whether holder.surelyFromMs is of this claim, and not of what it held before. */
  readonly surelyTold: boolean;
  /** The first sign of an end (being deleted, done, gone) cannot be older than this less settleMs; null: none. */
  readonly signMs: number | null;
  /** We were told of the end; null: it holds on. */
  readonly goneMs: number | null;
}

/** A moment that is asked for. */
export interface Moment {
  /** By our wall clock. */
  readonly atMs: number;
  /** Our wall clock less our monotonic clock, now. */
  readonly offsetMs: number;
}

/** More than one may have held it. */
export const AMBIGUOUS = Symbol('ambiguous');

/** The last moment at which the claim may still have been good, by our wall clock. */
export function latestMs<O extends Claimant<O>>(claim: Claim<O>, offsetMs: number, margins: Margins): number {
  if (claim.goneMs === null) return Infinity;
  const goneMs = claim.goneMs + offsetMs;
  const { endedMs } = claim.holder;
  // where its node says when the last container ended, nobody has spoken there later, whenever we heard of it
  const silentMs = endedMs === null ? Infinity : endedMs + API_SECOND_MS + margins.skewMs;
  return Math.min(goneMs + margins.lingerMs, silentMs);
}

/** Whether the claim may have been good: nothing that is known excludes it. */
function possible<O extends Claimant<O>>(
  claim: Claim<O>,
  { atMs, offsetMs }: Moment,
  margins: Margins,
): boolean {
  return atMs >= claim.holder.fromMs - margins.skewMs && atMs <= latestMs(claim, offsetMs, margins);
}

/** Whether the claim was good, for all that the margins allow. */
function sure<O extends Claimant<O>>(claim: Claim<O>, { atMs, offsetMs }: Moment, margins: Margins): boolean {
  const { surelyFromMs, endedMs, goneMs } = claim.holder;
  const toldFromMs =
    claim.surelyTold && surelyFromMs !== null ? surelyFromMs + API_SECOND_MS + margins.skewMs : Infinity;
  if (atMs < Math.min(claim.seenMs + offsetMs, toldFromMs)) return false;
  if (claim.signMs === null) return true;
  // until its last container ended it had what it did not give up before
  if (endedMs !== null && goneMs !== null && claim.goneMs === goneMs) return atMs <= endedMs - margins.skewMs;
  return atMs <= claim.signMs + offsetMs - margins.settleMs;
}

/** Whether the claim, which is possible, may be named: after its end it only keeps others from being named. */
function nameable<O extends Claimant<O>>(claim: Claim<O>, { atMs, offsetMs }: Moment): boolean {
  return claim.goneMs === null || atMs <= claim.goneMs + offsetMs;
}

/**
 * Whose it was at a moment that is settled: the one claim that is sure then; else the one that is possible, if the
 * index knows all of that moment so that there is no other; AMBIGUOUS where two are; null where none is.
 */
export function holderAt<O extends Claimant<O>>(
  claims: readonly Claim<O>[],
  moment: Moment,
  coverage: Coverage,
  nowMs: number,
): O | null | typeof AMBIGUOUS {
  const { margins } = coverage;
  let surely: O | null = null;
  let perhaps: O | null = null;
  let named = false;
  let rivals = false;
  for (const claim of claims) {
    if (!possible(claim, moment, margins)) continue;
    const { holder } = claim;
    if (sure(claim, moment, margins)) {
      if (surely !== null && !surely.sameAs(holder)) return AMBIGUOUS;
      surely = holder;
    }
    if (perhaps !== null && !perhaps.sameAs(holder)) rivals = true;
    perhaps = holder;
    named ||= nameable(claim, moment);
  }
  if (surely !== null) return surely;
  if (rivals) return AMBIGUOUS;
  return named && coverage.knowsAll(moment.atMs - moment.offsetMs, nowMs) ? perhaps : null;
}
