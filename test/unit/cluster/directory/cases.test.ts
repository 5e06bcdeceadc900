import { beforeEach, describe, expect, test } from 'vitest';
import { Projections } from '../../../../src/cluster/objects/projections.ts';
import { START_MS, World } from './world.ts';

type Json = Record<string, unknown>;

/** When the objects were made: an hour before the agent starts. */
const MADE = new Date(START_MS - 3_600_000).toISOString();
const LATER = new Date(START_MS + 120_000).toISOString();

const meta = (name: string, more: Json = {}): Json => ({
  uid: name,
  name,
  namespace: 'shop',
  creationTimestamp: MADE,
  ...more,
});
const controlledBy = (kind: string, name: string): Json => ({
  ownerReferences: [{ apiVersion: 'apps/v1', kind, name, uid: `${kind} ${name}`, controller: true }],
});
const replica = (name: string): Json =>
  meta(name, { ...controlledBy('ReplicaSet', 'web-7d4b9'), labels: { 'pod-template-hash': '7d4b9' } });

function pod(metadata: Json, addresses: readonly string[], spec: Json = {}, status: Json = {}): Json {
  const podIPs = addresses.map((ip) => ({ ip }));
  const conditions = [{ type: 'PodReadyToStartContainers', status: 'True', lastTransitionTime: MADE }];
  return {
    metadata,
    spec: { nodeName: 'node-a', ...spec },
    status: { phase: 'Running', startTime: MADE, podIPs, conditions, ...status },
  };
}

const service = (name: string, spec: Json, status: Json = {}): Json => ({
  metadata: meta(name),
  spec: { ports: [{ port: 80, targetPort: 8080 }], ...spec },
  status,
});

function slice(
  name: string,
  serviceName: string,
  endpoints: readonly Json[],
  ports: readonly Json[] = [{ port: 8080 }],
): Json {
  const labels = { 'kubernetes.io/service-name': serviceName };
  return { metadata: meta(name, { labels }), addressType: 'IPv4', endpoints, ports };
}

const to = (podUid: string, conditions: Json = { ready: true }): Json => ({
  addresses: ['10.1.0.99'],
  conditions,
  targetRef: { kind: 'Pod', namespace: 'shop', name: podUid, uid: podUid },
});

const NODES: readonly Json[] = [
  {
    metadata: { ...meta('node-a'), labels: { 'topology.kubernetes.io/zone': 'zone-1' } },
    spec: { podCIDRs: ['10.1.0.0/24', 'fd00:1::/64'] },
    status: {
      addresses: [
        { type: 'InternalIP', address: '192.0.2.1' },
        { type: 'InternalIP', address: 'fd01::1' },
        { type: 'ExternalIP', address: '203.0.113.1' },
      ],
    },
  },
];

const hostPort = { hostNetwork: true, containers: [{ ports: [{ containerPort: 9100, hostPort: 9100 }] }] };
const terminated = { terminated: { startedAt: MADE, finishedAt: LATER } };

const PODS: readonly Json[] = [
  pod(replica('web-1'), ['10.1.0.5', 'fd00:1::5']),
  pod(replica('web-2'), ['10.1.0.6']),
  pod(meta('db-0', controlledBy('StatefulSet', 'db')), ['10.1.0.7']),
  pod(meta('exporter', controlledBy('DaemonSet', 'exporter')), ['192.0.2.1', 'fd01::1'], hostPort),
  pod(meta('other-on-host'), ['192.0.2.1'], { hostNetwork: true }),
  pod(
    meta('etcd-node-a', {
      ...controlledBy('Node', 'node-a'),
      annotations: { 'kubernetes.io/config.mirror': 'c0ffee' },
    }),
    ['192.0.2.1'],
    { hostNetwork: true, containers: [{ ports: [{ containerPort: 2379 }] }] },
  ),
  pod(meta('edge'), ['10.1.0.8'], { containers: [{ ports: [{ containerPort: 80, hostPort: 8443 }] }] }),
  pod(
    meta('done', controlledBy('Job', 'report')),
    ['10.1.0.9'],
    {},
    { phase: 'Succeeded', containerStatuses: [{ state: terminated }] },
  ),
];

const SERVICES: readonly Json[] = [
  service(
    'web',
    {
      type: 'LoadBalancer',
      clusterIPs: ['10.96.0.10', 'fd00:96::a'],
      externalIPs: ['198.51.100.7'],
      sessionAffinity: 'ClientIP',
      ports: [{ port: 80, targetPort: 8080, nodePort: 30_080 }],
    },
    { loadBalancer: { ingress: [{ ip: '203.0.113.9' }] } },
  ),
  service('db', { clusterIP: 'None', clusterIPs: ['None'], publishNotReadyAddresses: true }),
  service('legacy', { clusterIPs: ['10.96.0.11'] }),
  service('mixed', { clusterIPs: ['10.96.0.12'], ports: [{ port: 80 }, { name: 'metrics', port: 9090 }] }),
  service('elsewhere', { type: 'ExternalName', externalName: 'db.example', externalIPs: ['198.51.100.9'] }),
];

const SLICES: readonly Json[] = [
  slice('web-a', 'web', [to('web-1')]),
  slice('web-b', 'web', [to('web-2', { ready: false, serving: true, terminating: true })]),
  slice(
    'db-a',
    'db',
    [to('db-0', { ready: false })],
    [
      { name: 'sql', port: 5432 },
      { name: 'metrics', port: 9187 },
    ],
  ),
  slice('legacy-a', 'legacy', [{ addresses: ['198.51.100.20'] }]),
  slice('mixed-a', 'mixed', [to('web-1'), to('db-0')], [{ port: 8081 }]),
  slice('mixed-b', 'mixed', [to('web-1')], [{ port: 9090 }]),
];

const web = { kind: 'Deployment', name: 'web', namespace: 'shop' };
const nobody = { kind: 'unknown', name: '', namespace: '', node: '', workload: null };
const onNode = { node: 'node-a', zone: 'zone-1' };

let world: World;

beforeEach(() => {
  world = new World();
  const projections = new Projections({ ownNode: null });
  const { directory } = world;
  const tell = <T>(
    all: readonly Json[],
    project: (raw: unknown) => T | null,
    sink: { upsert(object: T): void; synced(): void },
  ) => {
    for (const raw of all) {
      const record = project(raw);
      if (record !== null) sink.upsert(record);
    }
    sink.synced();
  };
  tell(SLICES, projections.slice, directory.slices);
  tell(PODS, projections.pod, directory.pods);
  tell(SERVICES, projections.service, directory.services);
  tell(NODES, projections.node, directory.nodes);
  if (projections.statistics.partsLeftOut > 0) throw new Error('the objects of this test are malformed');
  world.pass(300_000);
});

describe('who is', () => {
  test.each([
    [
      'a pod, by its first address',
      '10.1.0.5',
      4711,
      { kind: 'pod', name: 'web-1', namespace: 'shop', ...onNode, workload: web },
    ],
    [
      'a pod of two families, by its other address',
      'fd00:1::5',
      4711,
      { kind: 'pod', name: 'web-1', ...onNode },
    ],
    ['a client that is a pod', '10.1.0.6', 0, { kind: 'pod', name: 'web-2', serviceName: '' }],
    [
      'a pod of one Service, by its endpoint',
      '10.1.0.6',
      8080,
      { kind: 'pod', name: 'web-2', serviceName: 'web' },
    ],
    [
      'a pod behind a headless Service that publishes it early, by one of several ports',
      '10.1.0.7',
      9187,
      { kind: 'pod', name: 'db-0', serviceName: 'db', workload: { kind: 'StatefulSet', name: 'db' } },
    ],
    ['a pod by a port of one of its Services', '10.1.0.5', 9090, { name: 'web-1', serviceName: 'mixed' }],
    ['a pod that is done', '10.1.0.9', 0, nobody],
    [
      'a Service on its cluster address: backed by one workload, in two slices, one pod terminating',
      '10.96.0.10',
      80,
      { kind: 'service', name: 'web', namespace: 'shop', workload: web, node: '' },
    ],
    [
      'a Service on its other cluster address',
      'fd00:96::a',
      80,
      { kind: 'service', name: 'web', workload: web },
    ],
    ['a Service on an external address', '198.51.100.7', 80, { kind: 'service', name: 'web', workload: web }],
    [
      'a Service on the address of its load balancer',
      '203.0.113.9',
      80,
      { kind: 'service', name: 'web', workload: web },
    ],
    ['a Service on its NodePort', '192.0.2.1', 30_080, { kind: 'service', name: 'web', workload: web }],
    [
      'a Service on its NodePort at an external address of a node',
      '203.0.113.1',
      30_080,
      { kind: 'service', name: 'web' },
    ],
    ['a Service on a port that it does not have', '10.96.0.10', 8080, nobody],
    ['a Service without a selector', '10.96.0.11', 80, { kind: 'service', name: 'legacy', workload: null }],
    [
      'a Service with pods of two workloads',
      '10.96.0.12',
      80,
      { kind: 'service', name: 'mixed', workload: null },
    ],
    ['an ExternalName', '198.51.100.9', 80, nobody],
    ['a node', '192.0.2.1', 22, { kind: 'node', name: 'node-a', namespace: '', workload: null, ...onNode }],
    ['a node, by its IPv6 address', 'fd01::1', 22, { kind: 'node', name: 'node-a' }],
    ['a client at the address of a node', '192.0.2.1', 0, { kind: 'node', name: 'node-a' }],
    [
      'a host-network pod on its port',
      '192.0.2.1',
      9100,
      { kind: 'pod', name: 'exporter', workload: { kind: 'DaemonSet', name: 'exporter' }, ...onNode },
    ],
    [
      'a static pod on its port',
      '192.0.2.1',
      2379,
      { kind: 'pod', name: 'etcd-node-a', workload: { kind: 'Pod', name: 'etcd' } },
    ],
    ['a pod on its hostPort', '192.0.2.1', 8443, { kind: 'pod', name: 'edge', ...onNode }],
    ['the same pod on its own address', '10.1.0.8', 80, { kind: 'pod', name: 'edge' }],
    ['the gateway of the pods of a node', '10.1.0.1', 0, nobody],
    ['outside', '8.8.8.8', 443, nobody],
  ])('%s', (_, address, port, expected) => {
    expect(world.directory.remote(address, port, 'tcp', world.nowMs - 20_000)).toMatchObject({
      ...expected,
      final: true,
    });
  });

  test('a pod that is done, at a time when it ran', () => {
    const end = world.directory.remote('10.1.0.9', 0, 'tcp', START_MS - 60_000);
    expect(end).toMatchObject({ kind: 'pod', name: 'done', workload: { kind: 'Job', name: 'report' } });
  });
});
