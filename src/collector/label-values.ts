import type { AppLabels, Party } from '../cluster/identity.ts';
import { type LabelSet, labelSet } from '../expose/page.ts';

const NO_LABELS: AppLabels = {
  name: '',
  component: '',
  instance: '',
  version: '',
  partOf: '',
  managedBy: '',
};

/** What a series of the seed's five metrics is about. */
export interface ConnectionEnds {
  readonly local: Party;
  readonly remote: Party;
  readonly localAddress: string;
  /** With a port, or without one. */
  readonly remoteAddress: string;
}

/** The sixteen labels of the seed, in the order of the metric table. Those that Kubernetes alone knows are empty elsewhere. */
export function connectionLabels({ local, remote, localAddress, remoteAddress }: ConnectionEnds): LabelSet {
  const app = local.app ?? NO_LABELS;
  const values = [
    app.name,
    app.component,
    app.instance,
    app.version,
    app.partOf,
    app.managedBy,
    localAddress,
    remoteAddress,
    local.name,
    remote.name,
    kindLabel(local),
    kindLabel(remote),
    local.namespace,
    remote.namespace,
    local.node,
    remote.node,
  ];
  return labelSet(values);
}

/** A kind as a label: empty where it is not known. */
export function kindLabel(of: Party): string {
  return of.kind === 'unknown' ? '' : of.kind;
}
