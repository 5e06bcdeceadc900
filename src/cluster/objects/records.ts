/**
 * What is kept of an object of the API server: a few hundred bytes. Times are milliseconds since 1970 by the clock of
 * whoever wrote them. Addresses are canonical text: dotted IPv4, IPv6 as RFC 5952 says; v4-mapped ones as IPv4.
 * Text comes from outside: it is escaped where it is printed.
 */

/** The app labels of a pod, `app.kubernetes.io/*` first and the bare key next; '' where there is neither. */
export interface AppLabels {
  readonly name: string;
  readonly component: string;
  readonly instance: string;
  readonly version: string;
  readonly partOf: string;
  readonly managedBy: string;
}

/** The controller in metadata.ownerReferences. */
export interface OwnerRef {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
}

export interface ContainerRecord {
  /** Without the runtime's scheme: 64 hexadecimal digits. */
  readonly id: string;
  readonly name: string;
  readonly image: string;
}

export interface PortRecord {
  readonly port: number;
  readonly protocol: 'tcp' | 'udp' | 'sctp';
}

export interface PodRecord {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  /** '' until it is scheduled. */
  readonly nodeName: string;
  /** status.podIPs; those of the node with hostNetwork. */
  readonly addresses: readonly string[];
  readonly hostNetwork: boolean;
  /** Ports of the node that are this pod's: containerPort with hostNetwork, else hostPort. */
  readonly hostPorts: readonly PortRecord[];
  /** Succeeded or Failed: it never runs again and has given up its addresses. */
  readonly done: boolean;
  /** When the last container of a pod that is done ended; null: not told. */
  readonly endedMs: number | null;
  /** metadata.deletionTimestamp is set. */
  readonly terminating: boolean;
  readonly createdMs: number;
  /** status.startTime, whole seconds: before it got its addresses. */
  readonly startedMs: number | null;
  readonly app: AppLabels;
  readonly owner: OwnerRef | null;
  /** Label pod-template-hash; '' without. */
  readonly templateHash: string;
  /** All kinds: init, ordinary, ephemeral; those that have an id. */
  readonly containers: readonly ContainerRecord[];
  /** config.mirror annotation: a static pod; its UID in cgroup paths is this hash and not metadata.uid. '' without. */
  readonly staticHash: string;
}

export interface ServicePortRecord extends PortRecord {
  readonly name: string;
  /** 0: none. */
  readonly nodePort: number;
}

export interface ServiceRecord {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly type: 'ClusterIP' | 'NodePort' | 'LoadBalancer' | 'ExternalName';
  /** Without "None". */
  readonly clusterAddresses: readonly string[];
  /** spec.externalIPs and status.loadBalancer.ingress[].ip. */
  readonly externalAddresses: readonly string[];
  readonly ports: readonly ServicePortRecord[];
  readonly createdMs: number;
}

export interface EndpointRecord {
  readonly addresses: readonly string[];
  /** Of targetRef, where that is a pod; '' else. */
  readonly podUid: string;
  readonly nodeName: string;
  readonly zone: string;
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
}

export interface SliceRecord {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  /** Label kubernetes.io/service-name; '' without. */
  readonly serviceName: string;
  readonly ports: readonly (PortRecord & { readonly name: string })[];
  readonly endpoints: readonly EndpointRecord[];
}

export interface NodeRecord {
  readonly uid: string;
  readonly name: string;
  /** InternalIP and ExternalIP. */
  readonly addresses: readonly string[];
  /** Labels topology.kubernetes.io/zone and /region; '' without. */
  readonly zone: string;
  readonly region: string;
  readonly podCidrs: readonly string[];
  readonly createdMs: number;
}

/** The top of an owner chain: what people deploy. */
export interface WorkloadRecord {
  /** "Deployment", "StatefulSet", "CronJob", any kind of a custom resource; "Pod" for a pod without an owner. */
  readonly kind: string;
  readonly name: string;
  readonly namespace: string;
}
