import type { LabelSet } from '../expose/page.ts';

/** What a series of the seed's five metrics is about; an absent field is an empty label. */
export interface ConnectionLabels {
  readonly sourceAddress: string;
  readonly destinationAddress: string;
  readonly sourceName: string;
  readonly sourceKind: string;
}

/** The sixteen labels of the seed, in the order of the metric table. On a plain host the Kubernetes ones are empty. */
export function connectionLabels(of: ConnectionLabels): LabelSet {
  const values = [
    '', // name
    '', // component
    '', // instance
    '', // version
    '', // part_of
    '', // managed_by
    of.sourceAddress,
    of.destinationAddress,
    of.sourceName,
    '', // destination_name
    of.sourceKind,
    '', // destination_kind
    '', // source_namespace
    '', // destination_namespace
    '', // source_node
    '', // destination_node
  ];
  return { values, bytes: null };
}
