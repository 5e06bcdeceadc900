/** An object of the API, as it goes over the wire; loose on purpose: what tests write is checked by the real server. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: KubeMetadata;
  readonly [field: string]: unknown;
}

export interface KubeMetadata {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly KubeOwner[];
  readonly deletionTimestamp?: string;
  readonly creationTimestamp?: string;
}

export interface KubeOwner {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
}

/** A list as the server answers it; its items have neither kind nor apiVersion. */
export interface KubeList {
  readonly kind: string;
  readonly metadata: {
    readonly resourceVersion: string;
    readonly continue?: string;
    readonly remainingItemCount?: number;
  };
  readonly items: readonly { readonly metadata: KubeMetadata; readonly [field: string]: unknown }[];
}

/** What the server says when it refuses. */
export interface KubeStatus {
  readonly kind: 'Status';
  readonly code: number;
  readonly reason: string;
  readonly message: string;
}

/** Plural, and whether it lives in a namespace. */
const RESOURCES: Readonly<Record<string, readonly [plural: string, namespaced: boolean]>> = {
  Namespace: ['namespaces', false],
  Node: ['nodes', false],
  Pod: ['pods', true],
  Service: ['services', true],
  ServiceAccount: ['serviceaccounts', true],
  ConfigMap: ['configmaps', true],
  EndpointSlice: ['endpointslices', true],
  Deployment: ['deployments', true],
  ReplicaSet: ['replicasets', true],
  StatefulSet: ['statefulsets', true],
  DaemonSet: ['daemonsets', true],
  Job: ['jobs', true],
  CronJob: ['cronjobs', true],
  ClusterRole: ['clusterroles', false],
  ClusterRoleBinding: ['clusterrolebindings', false],
  NetworkPolicy: ['networkpolicies', true],
  PriorityClass: ['priorityclasses', false],
  CustomResourceDefinition: ['customresourcedefinitions', false],
};

/** The path of the collection that an object of this kind belongs to. */
export function collectionPath(apiVersion: string, kind: string, namespace = 'default'): string {
  const resource = RESOURCES[kind];
  if (resource === undefined) throw new Error(`kube-object.ts has no row for ${kind}`);
  const [plural, namespaced] = resource;
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  return namespaced ? `${root}/namespaces/${namespace}/${plural}` : `${root}/${plural}`;
}

/** The path of one object. */
export function objectPath({ apiVersion, kind, metadata }: KubeObject): string {
  return `${collectionPath(apiVersion, kind, metadata.namespace)}/${metadata.name}`;
}
