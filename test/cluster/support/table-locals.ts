import type { SpawnOptions } from '../../hosts/host.ts';
import type { Labels } from './label-ledger.ts';
import { job, owner, replicaSet } from './owners.ts';
import { type LocalPodOptions, OWN_NODE, type PodLab } from './pod-lab.ts';
import { CGROUP_NAMINGS } from './runtime-cgroups.ts';
import type { Host } from '../../hosts/host.ts';

/** Somebody on our node who has sockets. */
export interface Local {
  /** The case, as a sentence about it. */
  readonly what: string;
  /** Of the pod; '' for what is in none. */
  readonly uid: string;
  readonly host: Host;
  readonly spawn: SpawnOptions;
  /** Its labels of the sixteen, but for addresses. */
  readonly seed: Labels;
  /** What it deploys: name, kind and namespace. */
  readonly workload: readonly [name: string, kind: string, namespace: string];
}

/** Hosts that table-locals uses. */
export const LOCAL_HOSTS = ['web', 'cart', 'logs', 'report', 'canary', 'nightly', 'etcd', 'bare', 'old'];
const MIRROR_HASH = '0123456789abcdef0123456789abcdef';

interface Row extends Omit<LocalPodOptions, 'host'> {
  readonly what: string;
  readonly host: string;
  readonly app?: Labels;
  readonly workload: Local['workload'];
}

/** Pods of our node: every runtime's naming of cgroups, and every kind of owner. */
export async function makeLocals(lab: PodLab): Promise<Local[]> {
  const rows = await rowsOf(lab);
  const pods = await Promise.all(rows.map(async (row) => madeOf(lab, row)));
  return [...pods, ...nodesOwn(lab)];
}

async function madeOf(lab: PodLab, { what, host, app = {}, workload, ...options }: Row): Promise<Local> {
  const { name, namespace = 'default' } = options;
  const made = await lab.localPod({ ...options, host: lab.host(host) });
  const seed = {
    ...app,
    source_name: name,
    source_kind: 'pod',
    source_namespace: namespace,
    source_node: OWN_NODE,
  };
  return { what, uid: made.uid, host: made.host, spawn: made.spawn, seed, workload };
}

async function rowsOf({ api: { admin } }: PodLab): Promise<Row[]> {
  const web = await replicaSet(admin, 'web-6d4b', 'shop', owner('apps/v1', 'Deployment', 'web'));
  const nightly = await replicaSet(
    admin,
    'nightly-7f',
    'shop',
    owner('argoproj.io/v1alpha1', 'Rollout', 'nightly'),
  );
  const report = await job(admin, 'report-29', 'batch', owner('batch/v1', 'CronJob', 'report'));
  return [...deployed(web, nightly), ...ofOtherKinds(report), ...unowned()];
}

function deployed(web: Row['owner'], nightly: Row['owner']): Row[] {
  return [
    {
      what: 'a pod of a Deployment in a cgroup of containerd, with the recommended labels before the bare ones',
      host: 'web',
      name: 'web-6d4b-x1',
      namespace: 'shop',
      ...(web && { owner: web }),
      labels: {
        'app.kubernetes.io/name': 'web',
        name: 'not-this',
        'app.kubernetes.io/component': 'front',
        'app.kubernetes.io/instance': 'web-blue',
        'app.kubernetes.io/version': '1.2',
        'app.kubernetes.io/part-of': 'shop',
        'app.kubernetes.io/managed-by': 'helm',
        'pod-template-hash': '6d4b',
      },
      app: {
        name: 'web',
        component: 'front',
        instance: 'web-blue',
        version: '1.2',
        part_of: 'shop',
        managed_by: 'helm',
      },
      workload: ['web', 'Deployment', 'shop'],
    },
    {
      what: 'a ReplicaSet of a custom kind, and a service of the systemd within the container',
      host: 'nightly',
      name: 'nightly-7f-1',
      namespace: 'shop',
      naming: CGROUP_NAMINGS.nested,
      ...(nightly && { owner: nightly }),
      labels: { 'pod-template-hash': '7f' },
      workload: ['nightly', 'Rollout', 'shop'],
    },
  ];
}

function ofOtherKinds(report: Row['owner']): Row[] {
  return [
    {
      what: 'a pod of a StatefulSet in a cgroup of CRI-O',
      host: 'cart',
      name: 'cart-0',
      namespace: 'shop',
      naming: CGROUP_NAMINGS.crio,
      owner: owner('apps/v1', 'StatefulSet', 'cart'),
      workload: ['cart', 'StatefulSet', 'shop'],
    },
    {
      what: 'a pod of a DaemonSet in a cgroup of Docker',
      host: 'logs',
      name: 'logs-abc',
      namespace: 'monitoring',
      naming: CGROUP_NAMINGS.docker,
      owner: owner('apps/v1', 'DaemonSet', 'logs'),
      workload: ['logs', 'DaemonSet', 'monitoring'],
    },
    {
      what: 'a pod of a CronJob, where kubelet drives cgroups by their file system',
      host: 'report',
      name: 'report-29-z',
      namespace: 'batch',
      naming: CGROUP_NAMINGS.cgroupfs,
      ...(report && { owner: report }),
      workload: ['report', 'CronJob', 'batch'],
    },
    {
      what: 'a pod of a custom kind, where the drivers of kubelet and containerd are mixed up',
      host: 'canary',
      name: 'canary-1',
      namespace: 'shop',
      naming: CGROUP_NAMINGS.mixed,
      owner: owner('example.test/v1', 'Canary', 'canary'),
      workload: ['canary', 'Canary', 'shop'],
    },
  ];
}

function unowned(): Row[] {
  return [
    {
      what: "a static pod, by its manifest's hash, on a node of kind",
      host: 'etcd',
      name: `etcd-${OWN_NODE}`,
      namespace: 'monitoring',
      naming: CGROUP_NAMINGS.kind,
      annotations: { 'kubernetes.io/config.mirror': MIRROR_HASH },
      workload: ['etcd', 'Pod', 'monitoring'],
    },
    {
      what: 'a pod of nobody, with bare labels',
      host: 'bare',
      name: 'bare',
      namespace: 'shop',
      labels: { name: 'bare', component: 'tool', version: '3', 'part-of': 'box' },
      app: { name: 'bare', component: 'tool', version: '3', part_of: 'box' },
      workload: ['bare', 'Pod', 'shop'],
    },
    {
      what: 'a pod whose container is nowhere in the v2 tree, by its address',
      host: 'old',
      name: 'old-0',
      namespace: 'shop',
      naming: CGROUP_NAMINGS.nowhere,
      owner: owner('apps/v1', 'StatefulSet', 'old'),
      workload: ['old', 'StatefulSet', 'shop'],
    },
    {
      what: 'a host-network pod',
      host: 'nodea',
      name: 'exporter-1',
      namespace: 'monitoring',
      hostNetwork: true,
      ports: [{ containerPort: 9100, hostPort: 9100 }],
      owner: owner('apps/v1', 'DaemonSet', 'exporter'),
      workload: ['exporter', 'DaemonSet', 'monitoring'],
    },
    {
      what: 'another host-network pod with the same address',
      host: 'nodea',
      name: 'proxy-1',
      namespace: 'monitoring',
      naming: CGROUP_NAMINGS.crio,
      hostNetwork: true,
      owner: owner('apps/v1', 'DaemonSet', 'proxy'),
      workload: ['proxy', 'DaemonSet', 'monitoring'],
    },
  ];
}

function nodesOwn(lab: PodLab): Local[] {
  const seed = { source_name: OWN_NODE, source_kind: 'node', source_node: OWN_NODE };
  const host = lab.nodeHost;
  return [
    {
      what: 'a unit of the node',
      uid: '',
      host,
      spawn: { cgroup: lab.cgroup('system.slice/sshd.service') },
      seed,
      workload: ['sshd.service', 'unit', ''],
    },
    {
      what: 'a process of the node',
      uid: '',
      host,
      spawn: { cgroup: lab.cgroup('user.slice') },
      seed,
      workload: ['exact-tcp-clien', 'process', ''],
    },
  ];
}
