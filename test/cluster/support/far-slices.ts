import type { KubeObject } from './kube-object.ts';
import { slice, type ServiceOptions, type SliceEndpoint } from './objects.ts';
import type { FarPod, Pair } from './target.ts';

/** A pod beyond our node behind a Service, or addresses alone, which are no pod. */
type FarEndpoint = (FarPod & Pick<SliceEndpoint, 'ready' | 'terminating'>) | Pair;
export type Endpoints = readonly FarEndpoint[];
export type SlicePort = readonly [name: string, port: number];

/** Slices of a Service, one of each family for each of `slices`. */
export function slicesOf(
  { name, namespace = '' }: ServiceOptions,
  slices: readonly Endpoints[],
  ports: readonly SlicePort[],
  protocol: string,
): KubeObject[] {
  return slices.flatMap((each, n) =>
    (['IPv4', 'IPv6'] as const).map((family, i) => ({
      ...slice({
        service: name,
        namespace,
        family,
        port: 1,
        endpoints: each.map((endpoint) => endpointOf(endpoint, i)),
        suffix: `${family.toLowerCase()}-${n}`,
      }),
      ports: ports.map(([portName, port]) => ({ name: portName, port, protocol })),
    })),
  );
}

function isPair(endpoint: FarEndpoint): endpoint is Pair {
  return Array.isArray(endpoint);
}

/** @param family 0 is IPv4 */
function endpointOf(endpoint: FarEndpoint, family: number): SliceEndpoint {
  if (isPair(endpoint)) return { address: endpoint[family] ?? '' };
  const { addresses, node, name, uid, ready = true, terminating = false } = endpoint;
  return { address: addresses[family] ?? '', node, pod: name, podUid: uid, ready, terminating };
}
