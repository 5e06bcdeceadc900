import type { Party } from '../cluster/identity.ts';
import { OTHERS } from '../cluster/identity.ts';
import { EDGE_LABELS } from '../expose/metrics.ts';
import { kindLabel } from './label-values.ts';

export type EdgeLabel = (typeof EDGE_LABELS)[number];
export const EDGE_LEVELS = ['workload', 'namespace', 'pod'] as const;
/** As what the ends of an edge are told. */
export type EdgeLevel = (typeof EDGE_LEVELS)[number];
/** The end that tells of a flow: this machine's socket is the client's, or the server's. */
export type Reporter = 'source' | 'destination';
/** The workload, its kind, its namespace. */
export type WorkloadLabels = readonly [workload: string, kind: string, namespace: string];

/** What an edge is between, told by one end of it. */
export interface EdgeIdentity {
  readonly reporter: Reporter;
  readonly local: Party;
  readonly remote: Party;
  readonly port: number;
  readonly protocol: 'tcp' | 'udp';
  readonly scope: string;
}

/** What the operator wants to see of edges. */
export interface EdgeView {
  readonly level: EdgeLevel;
  /** Labels that are empty on every edge. Not the reporter: without it bytes that both ends tell would be one sum. */
  readonly dropped: ReadonlySet<EdgeLabel>;
}

export const WHOLE_VIEW: EdgeView = { level: 'workload', dropped: new Set() };

/** The values of EDGE_LABELS. Edges are told apart by these alone, so sums are exact whatever is not shown. */
export function edgeLabels(of: EdgeIdentity, view: EdgeView): readonly string[] {
  const [source, destination] = of.reporter === 'source' ? [of.local, of.remote] : [of.remote, of.local];
  const values = [
    of.reporter,
    ...workloadLabels(source, view.level),
    ...workloadLabels(destination, view.level),
    view.level === 'namespace' ? '' : destination.service,
    String(of.port),
    of.protocol,
    of.scope,
  ];
  return without(values, view);
}

/** The labels of the edge in which all are that have no series of their own, of one kind of end and one scope. */
export function otherLabels(reporter: Reporter, scope: string, view: EdgeView): readonly string[] {
  const { name, kind } = OTHERS;
  return without([reporter, name, kind, '', name, kind, '', '', '', '', scope], view);
}

/**
 * Workload, kind and namespace: the top of the owner chain, else the party itself. A Service is no workload: where its
 * backends are not of one, only its namespace is told.
 */
export function workloadLabels(of: Party, level: EdgeLevel): WorkloadLabels {
  if (level === 'namespace') return ['', '', of.workload?.namespace ?? of.namespace];
  if (level === 'pod' && of.kind === 'pod') return [of.name, of.kind, of.namespace];
  if (of.workload) return [of.workload.name, of.workload.kind, of.workload.namespace];
  return of.kind === 'service' ? ['', '', of.namespace] : [of.name, kindLabel(of), of.namespace];
}

function without(values: readonly string[], { dropped }: EdgeView): readonly string[] {
  return dropped.size === 0
    ? values
    : values.map((value, i) => (dropped.has(EDGE_LABELS[i] ?? 'reporter') ? '' : value));
}
