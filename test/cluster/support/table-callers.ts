import type { Labels } from './label-ledger.ts';
import type { Caller } from './label-table.ts';
import { service, slice } from './objects.ts';
import { OWN_NODE, type PodLab } from './pod-lab.ts';
import type { Local } from './table-locals.ts';
import type { Targets } from './table-targets.ts';
import type { FarPod } from './target.ts';

/** The Service that a local is the endpoint of. */
export async function makeFront({ api: { admin } }: PodLab, web: Local): Promise<void> {
  const { source_name: pod = '', source_namespace: namespace = '' } = web.seed;
  await admin.create(service({ name: 'front', namespace, port: 80 }));
  for (const [family, address] of [
    ['IPv4', web.host.v4],
    ['IPv6', web.host.v6],
  ] as const) {
    const endpoints = [{ address, node: OWN_NODE, pod, podUid: web.uid }];
    await admin.create(slice({ service: 'front', namespace, family, port: 8080, endpoints }));
  }
}

/** Who calls a local: everybody whom a server sees by an address without a port that says something. */
export function callersOf(targets: Targets, locals: readonly Local[], db: FarPod): Caller[] {
  const cart = locals.find(({ host }) => host.name === 'cart');
  if (cart === undefined) throw new Error('there is no cart');
  const [name, kind, namespace] = cart.workload;
  const ofDb = { ...source('db', 'StatefulSet', 'data'), scope: 'cross_zone' };
  const seed = {
    destination_name: db.name,
    destination_kind: 'pod',
    destination_namespace: db.namespace,
    destination_node: db.node,
  };
  const [internet = '', nodeB = ''] = ['an address of the internet', 'another port of that node'].map(
    (what) => targets.all.find((target) => target.what.startsWith(what))?.addresses[0],
  );
  return [
    { what: 'a pod of another node', address: db.addresses[0], seed, edge: ofDb },
    { what: 'that pod by IPv6', address: db.addresses[1], seed, edge: ofDb },
    {
      what: 'a pod of our own node',
      address: cart.host.v4,
      local: cart,
      seed: {
        destination_name: cart.seed['source_name'] ?? '',
        destination_kind: 'pod',
        destination_namespace: namespace,
        destination_node: OWN_NODE,
      },
      edge: { ...source(name, kind, namespace), scope: 'same_node' },
    },
    {
      what: 'another node, or a pod of its network',
      address: nodeB,
      seed: { destination_name: 'node-b', destination_kind: 'node', destination_node: 'node-b' },
      edge: { ...source('node-b', 'node', ''), scope: 'cross_zone' },
    },
    { what: 'somebody of the internet', address: internet, seed: {}, edge: { scope: 'internet' } },
  ];
}

function source(name: string, kind: string, namespace: string): Labels {
  return { source_workload: name, source_kind: kind, source_namespace: namespace };
}
