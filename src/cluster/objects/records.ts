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

/** A port of the node that is a pod's. */
export interface HostPortRecord extends PortRecord {
  /** The one address of the node on which it is the pod's; '': on all. */
  readonly address: string;
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
  readonly hostPorts: readonly HostPortRecord[];
  /** Succeeded or Failed: it never runs again and has given up its addresses. */
  readonly done: boolean;
  /** When the last container of a pod that is done ended; null: not told. */
  readonly endedMs: number | null;
  /** metadata.deletionTimestamp is set. */
  readonly terminating: boolean;
  readonly createdMs: number;
  /** status.startTime, whole seconds: before it got its addresses. */
  readonly startedMs: number | null;
  /**
   * From then on it surely had its addresses, whole seconds of its node's clock; null: not told. The time of condition
   * PodReadyToStartContainers (KEP-3085, from 1.29), else the start of a container: the sandbox has its network by then.
   */
  readonly networkMs: number | null;
  readonly app: AppLabels;
  readonly owner: OwnerRef | null;
  /** Label pod-template-hash; '' without. */
  readonly templateHash: string;
  /** All kinds: init, ordinary, ephemeral; those that have an id. Empty for pods of other nodes where only one node's are wanted. */
  readonly containers: readonly ContainerRecord[];
  /**
   * Annotation kubernetes.io/config.mirror: the object stands for a static pod, whose UID in cgroup paths is this text and
   * not metadata.uid (kubelet, pkg/kubelet/config/common.go and pod/mirror_client.go). '' without.
   */
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
  /** None in slices of host names (addressType FQDN). */
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
  /** Ports of the endpoints, not of the Service. Port 0 stands for every port. */
  readonly ports: readonly (PortRecord & { readonly name: string })[];
  readonly endpoints: readonly EndpointRecord[];
}

export interface NodeRecord {
  readonly uid: string;
  readonly name: string;
  /** InternalIP and ExternalIP. */
  readonly addresses: readonly string[];
  /** Those of them that are an ExternalIP alone: clouds move them from node to node. */
  readonly externalAddresses: readonly string[];
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
