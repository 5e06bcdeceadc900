import { Directory, type DirectoryOptions } from '../../../../src/cluster/directory/directory.ts';
import type {
  AppLabels,
  EndpointRecord,
  NodeRecord,
  OwnerRef,
  PodRecord,
  ServiceRecord,
  SliceRecord,
} from '../../../../src/cluster/objects/records.ts';

/** A Monday morning, by the wall clock of the tests, when their monotonic clock is at 1,000 s. */
export const START_MS = Date.UTC(2026, 10, 23, 8);
const START_MONO_MS = 1_000_000;

export const NO_LABELS: AppLabels = {
  name: '',
  component: '',
  instance: '',
  version: '',
  partOf: '',
  managedBy: '',
};

/** A directory and its clock. */
export class World {
  readonly directory: Directory;
  monoMs = START_MONO_MS;
  offsetMs = START_MS - START_MONO_MS;

  constructor(options: Omit<DirectoryOptions, 'clock'> = {}) {
    this.directory = new Directory({
      ...options,
      clock: { tsMonoMs: () => this.monoMs, tsWallMs: () => this.nowMs },
    });
  }

  /** By the wall clock. */
  get nowMs(): number {
    return this.monoMs + this.offsetMs;
  }

  /** Lets time pass, and answers the moment then. */
  pass(ms: number): number {
    this.monoMs += ms;
    return this.nowMs;
  }

  /** First lists are complete, and so long ago that all that happens from now on is known. */
  listed(): this {
    const { pods, services, slices, nodes } = this.directory;
    for (const sink of [pods, services, slices, nodes]) sink.synced();
    this.pass(60_000);
    this.directory.takeChanges();
    return this;
  }
}

let made = 0;
const uid = (kind: string): string => `${kind}-${++made}`;

export function pod(record: Partial<PodRecord> & { name: string }): PodRecord {
  return {
    uid: uid('pod'),
    namespace: 'shop',
    nodeName: 'node-a',
    addresses: ['10.1.0.5'],
    hostNetwork: false,
    hostPorts: [],
    done: false,
    endedMs: null,
    terminating: false,
    createdMs: START_MS,
    startedMs: record.createdMs ?? START_MS,
    networkMs: null,
    app: NO_LABELS,
    owner: null,
    templateHash: '',
    containers: [],
    staticHash: '',
    ...record,
  };
}

export function service(record: Partial<ServiceRecord> & { name: string }): ServiceRecord {
  return {
    uid: uid('service'),
    namespace: 'shop',
    type: 'ClusterIP',
    clusterAddresses: ['10.96.0.10'],
    externalAddresses: [],
    ports: [{ name: 'http', port: 80, protocol: 'tcp', nodePort: 0 }],
    createdMs: START_MS,
    ...record,
  };
}

export function node(record: Partial<NodeRecord> & { name: string }): NodeRecord {
  return {
    uid: uid('node'),
    addresses: ['192.0.2.1'],
    externalAddresses: [],
    zone: '',
    region: '',
    podCidrs: [],
    createdMs: START_MS,
    ...record,
  };
}

export function slice(record: Partial<SliceRecord> & { serviceName: string }): SliceRecord {
  return {
    uid: uid('slice'),
    namespace: 'shop',
    name: 'a-slice',
    ports: [{ name: 'http', port: 8080, protocol: 'tcp' }],
    endpoints: [],
    ...record,
  };
}

export function endpoint(record: Partial<EndpointRecord>): EndpointRecord {
  return {
    addresses: ['10.1.0.5'],
    podUid: '',
    nodeName: '',
    zone: '',
    ready: true,
    serving: true,
    terminating: false,
    ...record,
  };
}

export function owner(kind: string, name: string, record: Partial<OwnerRef> = {}): OwnerRef {
  const apiVersion = kind === 'Job' || kind === 'CronJob' ? 'batch/v1' : 'apps/v1';
  return { apiVersion, kind, name, uid: uid('owner'), ...record };
}
