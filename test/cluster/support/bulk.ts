import { inParallel, type AdminClient } from './admin-client.ts';
import { node, pod, service, slice } from './objects.ts';

const PODS_A_SERVICE = 50;
const ZONES = 3;

export interface BulkOptions {
  readonly nodes: number;
  readonly pods: number;
  readonly namespace?: string;
}

/**
 * Writes a big cluster straight into the server: dual-stack nodes and pods with status, and for each 50 pods a Service
 * with an EndpointSlice of each family. 1,000 nodes and 10,000 pods take about 20 s on two cores.
 */
export async function fill(
  admin: AdminClient,
  { nodes, pods, namespace = 'bulk' }: BulkOptions,
): Promise<void> {
  await admin.namespace(namespace);
  await inParallel(nodes, (i) => admin.create(bulkNode(i)));
  await inParallel(pods, (i) => admin.create(bulkPod(i, nodes, namespace)));
  await inParallel(Math.ceil(pods / PODS_A_SERVICE), async (app) => {
    await admin.create(service({ name: `app-${app}`, namespace, selector: { app: `app-${app}` }, port: 80 }));
    const first = app * PODS_A_SERVICE;
    const numbers = Array.from({ length: Math.min(PODS_A_SERVICE, pods - first) }, (_, i) => first + i);
    for (const family of ['IPv4', 'IPv6'] as const) {
      const endpoints = numbers.map((i) => ({
        address: family === 'IPv4' ? bulkAddress4(i) : bulkAddress6(i),
        node: nodeName(i % nodes),
        pod: podName(i),
      }));
      await admin.create(slice({ service: `app-${app}`, namespace, family, port: 8080, endpoints }));
    }
  });
}

const nodeName = (i: number): string => `node-${i}`;
const podName = (i: number): string => `app-${Math.floor(i / PODS_A_SERVICE)}-abc12-${i}`;

/** The addresses of the pod of this number. */
export const bulkAddress4 = (i: number): string => `10.${128 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`;
export const bulkAddress6 = (i: number): string => `fd00:10:244:a::${(i + 1).toString(16)}`;

function bulkNode(i: number): ReturnType<typeof node> {
  return node({
    name: nodeName(i),
    addresses: [`192.0.${2 + (i >> 8)}.${i & 255}`, `2001:db8::${(i + 1).toString(16)}`],
    zone: `zone-${i % ZONES}`,
  });
}

/** The pod of this number, for churn: remove it, create it again. */
export function bulkPod(i: number, nodes: number, namespace = 'bulk'): ReturnType<typeof pod> {
  const app = `app-${Math.floor(i / PODS_A_SERVICE)}`;
  return pod({
    name: podName(i),
    namespace,
    node: nodeName(i % nodes),
    addresses: [bulkAddress4(i), bulkAddress6(i)],
    labels: { app, 'pod-template-hash': 'abc12' },
    owner: {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      name: `${app}-abc12`,
      uid: `0-${app}`,
      controller: true,
    },
  });
}
