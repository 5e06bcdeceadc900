import type { LabelSet } from '../expose/page.ts';
import { connectionLabels } from './label-values.ts';
import type { FlowName } from './flow-names.ts';

/** One number of each of the seed's five metrics. */
export interface Five {
  sentBytes: number;
  receivedBytes: number;
  sentRate: number;
  receivedRate: number;
  active: number;
}

export function zeroFive(): Five {
  return { sentBytes: 0, receivedBytes: 0, sentRate: 0, receivedRate: 0, active: 0 };
}

export function clearBytes(five: Five): void {
  five.sentBytes = 0;
  five.receivedBytes = 0;
}

export function clearFive(five: Five): void {
  clearBytes(five);
  five.sentRate = 0;
  five.receivedRate = 0;
  five.active = 0;
}

export function addFive(to: Five, from: Five): void {
  to.sentBytes += from.sentBytes;
  to.receivedBytes += from.receivedBytes;
  to.sentRate += from.sentRate;
  to.receivedRate += from.receivedRate;
  to.active += from.active;
}

/** Takes a part out of a whole. Bytes stay exact; rates are measured over different times, so they stop at 0. */
export function subtractFive(from: Five, part: Five): void {
  from.sentBytes = Math.max(0, from.sentBytes - part.sentBytes);
  from.receivedBytes = Math.max(0, from.receivedBytes - part.receivedBytes);
  from.sentRate = Math.max(0, from.sentRate - part.sentRate);
  from.receivedRate = Math.max(0, from.receivedRate - part.receivedRate);
  from.active = Math.max(0, from.active - part.active);
}

/** A client's flows of a pair to one port: what may be a series of its own. */
export interface Detail {
  readonly port: number;
  readonly labels: LabelSet;
  readonly now: Five;
  rows: number;
}

/** Bounded by the flow table: a pair has at least one of its rows, or waits for its series to die with the last one. */
export class Pair {
  readonly name: FlowName;
  /** The labels as one string. */
  readonly key: string;
  /** Labels of the series without a port: what is in no series of its own. */
  readonly restLabels: LabelSet;
  readonly details = new Map<number, Detail>();
  readonly rows = new Set<number>();
  /** Where in this snapshot its series with a port are, by port. Bounded by the budget. */
  readonly places = new Map<number, number>();
  /** This snapshot, all of the pair that is not in `other`. */
  readonly now = zeroFive();
  /** Bytes of rows that are gone, less what of them is in `other`. */
  goneSentBytes = 0;
  goneReceivedBytes = 0;
  /** False: over the budget, and all its bytes are in `other`. */
  shown = false;
  /** True once it has been over the budget: its bytes up to then stay in `other`. */
  hiddenBefore = false;
  /** True once its series without a port has appeared. */
  hasRest = false;

  constructor(name: FlowName) {
    this.name = name;
    this.restLabels = connectionLabels(name);
    this.key = keyOf(this.restLabels);
  }

  /** @returns the key of the pair that flows of this name belong to */
  static key(of: FlowName): string {
    return keyOf(connectionLabels(of));
  }

  detail(port: number): Detail {
    let found = this.details.get(port);
    if (!found) {
      found = { port, labels: this.labelsWithPort(port), now: zeroFive(), rows: 0 };
      this.details.set(port, found);
    }
    return found;
  }

  /** "1.2.3.4:80", "[2001:db8::1]:80": a remote end with its port. */
  labelsWithPort(port: number): LabelSet {
    const { remoteAddress } = this.name;
    const withPort = remoteAddress.includes(':') ? `[${remoteAddress}]:${port}` : `${remoteAddress}:${port}`;
    return connectionLabels({ ...this.name, remoteAddress: withPort });
  }
}

function keyOf(labels: LabelSet): string {
  return labels.values.join('\0');
}
