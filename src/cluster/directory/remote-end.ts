import type { WorkloadRecord } from '../objects/records.ts';

/** Who is at the other end of a connection. Texts are '' where they are not told or do not apply. */
export interface RemoteEnd {
  /** unknown: nobody of the cluster, or more than one might have been it. */
  readonly kind: 'pod' | 'service' | 'node' | 'unknown';
  readonly name: string;
  readonly namespace: string;
  /** The pod's node; the node itself; '' for a Service, which is on none. */
  readonly node: string;
  /** topology.kubernetes.io/zone of that node. */
  readonly zone: string;
  /** The pod's; of a Service that of its backends, where all are of one. Null: none, or not known. */
  readonly workload: WorkloadRecord | null;
  /**
   * The Service: itself; or, for a pod and a port of its own, the only Service that has them as an endpoint. That says what
   * the endpoint is part of, and not how the client came there: through a headless Service's name, by a proxy that
   * rewrites the address before the socket has it (then it is the Service the client meant), or straight. Where several
   * Services have the endpoint, none is told.
   */
  readonly serviceName: string;
  readonly serviceNamespace: string;
  /** The pod's UID, for Directory.podByUid(). */
  readonly podUid: string;
  /** More than one may have been it. */
  readonly contested: boolean;
  /** False: ask again with the next snapshot, the answer may still come. takeChanges() tells of later ones. */
  readonly final: boolean;
}

/** An answer without anybody. */
export function nobody(final: boolean, contested = false): RemoteEnd {
  return {
    kind: 'unknown',
    name: '',
    namespace: '',
    node: '',
    zone: '',
    workload: null,
    serviceName: '',
    serviceNamespace: '',
    podUid: '',
    contested,
    final,
  };
}
