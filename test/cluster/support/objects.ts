import type { KubeObject, KubeOwner } from './kube-object.ts';

export interface NodeOptions {
  readonly name: string;
  /** InternalIP. */
  readonly addresses: readonly string[];
  readonly zone?: string;
  readonly region?: string;
}

/** A node that is ready. */
export function node({ name, addresses, zone = 'zone-a', region = 'region-1' }: NodeOptions): KubeObject {
  const labels = {
    'kubernetes.io/hostname': name,
    'topology.kubernetes.io/zone': zone,
    'topology.kubernetes.io/region': region,
  };
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels },
    status: {
      addresses: [
        ...addresses.map((address) => ({ type: 'InternalIP', address })),
        { type: 'Hostname', address: name },
      ],
      conditions: [{ type: 'Ready', status: 'True', reason: 'KubeletReady' }],
    },
  };
}

export interface PodOptions {
  readonly name: string;
  readonly namespace?: string;
  readonly node?: string;
  /** status.podIPs; none: it waits for them. */
  readonly addresses?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly owner?: KubeOwner;
  readonly hostNetwork?: boolean;
  readonly ports?: readonly {
    readonly name?: string;
    readonly containerPort: number;
    readonly hostPort?: number;
    readonly protocol?: string;
  }[];
  readonly phase?: 'Pending' | 'Running' | 'Succeeded' | 'Failed';
  /** 64 hexadecimal digits. */
  readonly containerId?: string;
  readonly image?: string;
}

/** A pod of one container, with the status that its kubelet would write. */
export function pod(options: PodOptions): KubeObject {
  const {
    name,
    namespace = 'default',
    labels = {},
    annotations = {},
    owner,
    image = 'example.test/app:1',
  } = options;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels, annotations, ...(owner && { ownerReferences: [owner] }) },
    spec: {
      ...(options.node && { nodeName: options.node }),
      hostNetwork: options.hostNetwork ?? false,
      automountServiceAccountToken: false,
      containers: [{ name: 'main', image, ports: options.ports ?? [] }],
    },
    status: podStatus(options),
  };
}

/** The status of such a pod; to be patched when it changes. */
export function podStatus(options: Omit<PodOptions, 'name'>): unknown {
  const { addresses = [], phase = 'Running', containerId, image = 'example.test/app:1' } = options;
  const running = phase === 'Running';
  const nowText = new Date().toISOString().replace(/\.\d+/, '');
  const state = running
    ? { running: { startedAt: nowText } }
    : { terminated: { exitCode: phase === 'Failed' ? 1 : 0, startedAt: nowText, finishedAt: nowText } };
  const container = { name: 'main', image, imageID: '', ready: running, restartCount: 0, state };
  return {
    phase,
    startTime: nowText,
    ...(addresses.length > 0 && { podIP: addresses[0], podIPs: addresses.map((ip) => ({ ip })) }),
    conditions: [{ type: 'Ready', status: running ? 'True' : 'False' }],
    ...(containerId !== undefined && {
      containerStatuses: [{ ...container, containerID: `containerd://${containerId}` }],
    }),
  };
}

export interface ServiceOptions {
  readonly name: string;
  readonly namespace?: string;
  readonly selector?: Readonly<Record<string, string>>;
  readonly port: number;
  readonly targetPort?: number;
  readonly protocol?: 'TCP' | 'UDP' | 'SCTP';
  /** Whatever else its spec has: type, clusterIP: 'None', externalIPs, ports. */
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly status?: unknown;
}

/** A dual-stack Service; the server gives it its addresses. */
export function service(options: ServiceOptions): KubeObject {
  const {
    name,
    namespace = 'default',
    selector,
    port,
    targetPort = 8080,
    protocol = 'TCP',
    spec = {},
  } = options;
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace },
    spec: {
      ...(selector && { selector }),
      ipFamilyPolicy: 'PreferDualStack',
      ports: [{ name: 'main', port, targetPort, protocol }],
      ...spec,
    },
    ...(options.status !== undefined && { status: options.status }),
  };
}

export interface SliceOptions {
  readonly service: string;
  readonly namespace?: string;
  readonly family: 'IPv4' | 'IPv6';
  readonly port: number;
  readonly endpoints: readonly SliceEndpoint[];
  /** Several slices of a Service differ by it; the family by default. */
  readonly suffix?: string;
}

export interface SliceEndpoint {
  /** Canonical: the server refuses other spellings of an IPv6 address. */
  readonly address: string;
  readonly node?: string;
  /** The name of the pod. */
  readonly pod?: string;
  readonly podUid?: string;
  readonly ready?: boolean;
  readonly terminating?: boolean;
}

/** An EndpointSlice of a Service. */
export function slice(options: SliceOptions): KubeObject {
  const { service: of, namespace = 'default', family, port, endpoints } = options;
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: `${of}-${options.suffix ?? family.toLowerCase()}`,
      namespace,
      labels: { 'kubernetes.io/service-name': of },
    },
    addressType: family,
    ports: [{ name: 'main', port, protocol: 'TCP' }],
    endpoints: endpoints.map((endpoint) => endpointOf(endpoint, namespace)),
  };
}

function endpointOf(endpoint: SliceEndpoint, namespace: string): unknown {
  const { address, node: nodeName, pod: name, podUid: uid, ready = true, terminating = false } = endpoint;
  return {
    addresses: [address],
    conditions: { ready, serving: ready || terminating, terminating },
    ...(nodeName && { nodeName }),
    ...(name && { targetRef: { kind: 'Pod', namespace, name, ...(uid && { uid }) } }),
  };
}
