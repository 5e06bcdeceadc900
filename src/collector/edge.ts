import { ConnectFailure } from '../abi/records.gen.ts';
import type { Party } from '../cluster/identity.ts';
import { type LabelSet, labelSet } from '../expose/page.ts';
import { kindLabel } from './label-values.ts';

export const FAILURE_REASONS = ['refused', 'timed_out', 'unreachable', 'aborted', 'other', 'reset'] as const;

/** What an edge is between, told by one end of it. */
export interface EdgeIdentity {
  /** The end that tells: this machine's socket. */
  readonly reporter: 'source' | 'destination';
  readonly local: Party;
  readonly remote: Party;
  readonly port: number;
  readonly protocol: 'tcp' | 'udp';
  readonly scope: string;
}

export const EDGE_COUNTERS = [
  'sentBytes',
  'receivedBytes',
  'opened',
  'closed',
  'reset',
  'retransSegs',
  'retransBytes',
] as const;
export type EdgeCounter = (typeof EDGE_COUNTERS)[number];

/** The account of an edge. Counters never fall: what flows leave behind when they end stays. */
export class Edge {
  readonly reporter: EdgeIdentity['reporter'];
  /** The labels as one string. */
  readonly key: string;
  readonly labels: LabelSet;
  readonly failureLabels: readonly LabelSet[];
  readonly now: Record<EdgeCounter, number> = zero();
  readonly gone: Record<EdgeCounter, number> = zero();
  readonly failed = new Float64Array(ConnectFailure.FAILED_CLASSES);
  readonly failedGone = new Float64Array(ConnectFailure.FAILED_CLASSES);
  active = 0;
  /** Sums for the mean round-trip time of the open connections, weighted by their bytes. */
  rttWeight = 0;
  rttWeighted = 0;
  rows = 0;
  /** When its last flow ended, ns; its series end some time later. */
  endedNs = 0;

  constructor(of: EdgeIdentity) {
    const values = labelValues(of);
    this.reporter = of.reporter;
    this.key = values.join('\0');
    this.labels = labelSet(values);
    this.failureLabels = FAILURE_REASONS.map((reason) => labelSet([...values, reason]));
  }

  /** @returns the key of the edge that flows of this identity belong to */
  static key(of: EdgeIdentity): string {
    return labelValues(of).join('\0');
  }

  /** Begins a snapshot. */
  clear(): void {
    for (const counter of EDGE_COUNTERS) this.now[counter] = this.gone[counter];
    this.failed.set(this.failedGone);
    this.active = 0;
    this.rttWeight = 0;
    this.rttWeighted = 0;
  }

  /** Whether anything of it is not 0. Once true it stays so, but for what is open. */
  get hasCounted(): boolean {
    return (
      this.active > 0 ||
      EDGE_COUNTERS.some((counter) => this.now[counter] > 0) ||
      this.failed.some((failures) => failures > 0)
    );
  }

  /** Takes over what an edge has left that ends in this snapshot, which shows it no more. */
  inherit(edge: Edge): void {
    for (const counter of EDGE_COUNTERS) {
      this.gone[counter] += edge.gone[counter];
      this.now[counter] += edge.gone[counter];
    }
    edge.failedGone.forEach((failures, i) => {
      this.failedGone[i] = (this.failedGone[i] ?? 0) + failures;
      this.failed[i] = (this.failed[i] ?? 0) + failures;
    });
  }
}

function zero(): Record<EdgeCounter, number> {
  return { sentBytes: 0, receivedBytes: 0, opened: 0, closed: 0, reset: 0, retransSegs: 0, retransBytes: 0 };
}

/** In the order of the metric table. The client is the source, whichever end tells. */
function labelValues(of: EdgeIdentity): string[] {
  const [source, destination] = of.reporter === 'source' ? [of.local, of.remote] : [of.remote, of.local];
  return [
    of.reporter,
    ...workloadLabels(source),
    ...workloadLabels(destination),
    destination.service,
    String(of.port),
    of.protocol,
    of.scope,
  ];
}

/**
 * Workload, kind and namespace: the top of the owner chain, else the party itself. A Service is no workload: where its
 * backends are not of one, only its namespace is told.
 */
function workloadLabels(of: Party): [string, string, string] {
  if (of.workload) return [of.workload.name, of.workload.kind, of.workload.namespace];
  return of.kind === 'service' ? ['', '', of.namespace] : [of.name, kindLabel(of), of.namespace];
}
