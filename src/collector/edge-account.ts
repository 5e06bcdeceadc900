// hot
import type { FlowColumns } from '../tracker/flow-table.ts';
import {
  DISTRIBUTIONS,
  type DistributionName,
  type Distributions,
  emptyDistributions,
} from '../tracker/flow-distributions.ts';

/** Counters of flows that an edge adds up, as they stand in its account. */
export const COUNTED = [
  'sentBytes',
  'receivedBytes',
  'sentSegs',
  'receivedSegs',
  'retransSegs',
  'retransBytes',
  'opened',
  'closed',
  'reset',
  'busyJiffies',
  'receiverLimitedJiffies',
  'sndbufLimitedJiffies',
] as const satisfies readonly (keyof FlowColumns)[];
export type Counted = (typeof COUNTED)[number];

/** By class of ConnectFailure, in its order. */
export const FAILURE_REASONS = ['refused', 'timed_out', 'unreachable', 'aborted', 'other', 'reset'] as const;

/** Where each counter is in an account; failures follow by class. */
export const AT = Object.fromEntries(COUNTED.map((name, i) => [name, i])) as Readonly<
  Record<Counted, number>
>;
export const FAILED_AT = COUNTED.length;
export const ACCOUNT_SIZE = FAILED_AT + FAILURE_REASONS.length;

const NAMES = Object.keys(DISTRIBUTIONS) as DistributionName[];

/** What an edge has counted while it has had series. Nothing in it falls but what is open. */
export class EdgeAccount {
  /** By AT and FAILED_AT. */
  readonly counters = new Float64Array(ACCOUNT_SIZE);
  /** Whether a TCP flow has ever been its. */
  hasConnections = false;
  /** Null until one has been looked at for what it has measured. */
  distributions: Distributions | null = null;
  /** Jiffies that are neither the receiver's nor the send buffer's. Kept, so that parts read at two moments do not make it fall. */
  congestedJiffies = 0;
  /** Of the snapshot: connections that are open, and sums for their mean round-trip time, weighted by their bytes. */
  active = 0;
  rttWeight = 0;
  rttWeighted = 0;

  /** Begins a snapshot. */
  begin(): void {
    this.active = 0;
    this.rttWeight = 0;
    this.rttWeighted = 0;
  }

  /** Where distributions of TCP flows are added. */
  measured(): Distributions {
    if (this.distributions === null) this.distributions = emptyDistributions();
    return this.distributions;
  }

  /** Ends a snapshot. */
  end(): void {
    const { counters } = this;
    const congested =
      (counters[AT.busyJiffies] ?? 0) -
      (counters[AT.receiverLimitedJiffies] ?? 0) -
      (counters[AT.sndbufLimitedJiffies] ?? 0);
    if (congested > this.congestedJiffies) this.congestedJiffies = congested;
  }

  /** Whether anything of it is not 0. */
  get hasCounted(): boolean {
    return this.active > 0 || this.counters.some((value) => value > 0);
  }

  get hasFailed(): boolean {
    for (let i = FAILED_AT; i < ACCOUNT_SIZE; i++) if ((this.counters[i] ?? 0) > 0) return true;
    return false;
  }

  /** Takes over all that an account has counted which ends. */
  inherit(from: EdgeAccount): void {
    addAll(this.counters, from.counters);
    this.hasConnections ||= from.hasConnections;
    if (!from.distributions) return;
    const mine = this.measured();
    for (const name of NAMES) {
      addAll(mine[name].counts, from.distributions[name].counts);
      mine[name].sumSeconds += from.distributions[name].sumSeconds;
    }
  }
}

function addAll(to: Float64Array, from: Float64Array): void {
  for (let i = 0; i < from.length; i++) to[i] = (to[i] ?? 0) + (from[i] ?? 0);
}
