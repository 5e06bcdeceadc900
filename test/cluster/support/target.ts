import type { Labels } from './label-ledger.ts';

/** Addresses of both families. */
export type Pair = readonly [v4: string, v6: string];

/** Somebody whom a pod of our node connects to, at an address of each family. */
export interface Target {
  /** The case, as a sentence about it. */
  readonly what: string;
  readonly protocol: 'tcp' | 'udp';
  readonly addresses: Pair;
  readonly port: number;
  /** Its labels of the sixteen, but for addresses. */
  readonly seed: Labels;
  /** Its labels of the edge, with the scope. */
  readonly edge: Labels;
}

/** Somebody beyond our node, and their addresses on `far`. */
export interface FarPod {
  readonly name: string;
  readonly namespace: string;
  readonly node: string;
  readonly uid: string;
  readonly addresses: Pair;
}

/** The first two. */
export function pair(addresses: readonly string[]): Pair {
  const [v4 = '', v6 = ''] = addresses;
  return [v4, v6];
}

/** Labels of an edge whose server is of this workload. */
export function workload(name: string, kind: string, namespace: string): Labels {
  return { destination_workload: name, destination_kind: kind, destination_namespace: namespace };
}

/** Labels of the sixteen where the destination is a Service. */
export function ofService(name: string, namespace: string): Labels {
  return { destination_name: name, destination_kind: 'service', destination_namespace: namespace };
}

/** What is the same of every target that is a pod by its own address. */
export function toPod(of: FarPod, port: number): Pick<Target, 'addresses' | 'port' | 'seed'> {
  const seed = {
    destination_name: of.name,
    destination_kind: 'pod',
    destination_namespace: of.namespace,
    destination_node: of.node,
  };
  return { addresses: of.addresses, port, seed };
}
