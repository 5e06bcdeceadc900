import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { Projections } from '../../../../src/cluster/objects/projections.ts';

const ID = 'a1'.repeat(32);
let projections: Projections;
beforeEach(() => {
  projections = new Projections({ ownNode: null });
});

const named = { uid: 'u1', namespace: 'shop', name: 'web' };
/** A pod of which only what the test is about is told. */
const pod = (parts: { metadata?: object; spec?: object; status?: object }) =>
  projections.pod({ metadata: { ...named, ...parts.metadata }, spec: parts.spec, status: parts.status });

const NOW = '2026-11-23T08:00:00Z';
const STATUS = {
  name: 'app',
  image: 'web:1',
  containerID: `containerd://${ID}`,
  state: { running: { startedAt: NOW }, terminated: { startedAt: NOW, finishedAt: NOW } },
};
/** An object that has what each kind has. */
const EVERYTHING = {
  metadata: {
    ...named,
    creationTimestamp: NOW,
    deletionTimestamp: NOW,
    labels: { name: 'web', 'kubernetes.io/service-name': 'web', 'pod-template-hash': 'abc' },
    annotations: { 'kubernetes.io/config.mirror': 'c0ffee' },
    ownerReferences: [
      { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', uid: 'rs', controller: true },
    ],
  },
  spec: {
    nodeName: 'node-a',
    hostNetwork: true,
    containers: [{ ports: [{ containerPort: 80, hostPort: 80, protocol: 'TCP', hostIP: '192.0.2.1' }] }],
    initContainers: [{ restartPolicy: 'Always', ports: [{ containerPort: 81 }] }],
    type: 'ClusterIP',
    clusterIPs: ['10.96.0.10'],
    externalIPs: ['198.51.100.7'],
    ports: [{ name: 'http', port: 80, protocol: 'TCP', nodePort: 30_080 }],
    podCIDRs: ['10.1.0.0/24'],
  },
  status: {
    phase: 'Succeeded',
    podIPs: [{ ip: '10.1.0.5' }],
    startTime: NOW,
    conditions: [{ type: 'PodReadyToStartContainers', status: 'True', lastTransitionTime: NOW }],
    containerStatuses: [STATUS],
    initContainerStatuses: [STATUS],
    loadBalancer: { ingress: [{ ip: '203.0.113.9' }] },
    addresses: [{ type: 'InternalIP', address: '192.0.2.1' }],
  },
  ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
  endpoints: [
    {
      addresses: ['10.1.0.5'],
      conditions: { ready: true },
      targetRef: { kind: 'Pod', uid: 'p1' },
      zone: 'z',
    },
  ],
};

type Path = readonly string[];

function pathsOf(value: unknown, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([key, item]) => pathsOf(item, [...path, key]))].filter(
    (each) => each.length > 0,
  );
}

/** Puts a value into an object, where the way there still is. */
function put(target: unknown, path: Path, value: unknown): void {
  let at = target;
  for (const key of path.slice(0, -1)) at = (at as Record<string, unknown> | null)?.[key];
  if (typeof at === 'object' && at !== null) Object.assign(at, { [path.at(-1) ?? '']: value });
}

describe('a pod', () => {
  test('is kept with what names it', () => {
    const record = projections.pod({
      metadata: {
        uid: 'u1',
        namespace: 'shop',
        name: 'web-abc-x1',
        creationTimestamp: '2026-11-23T08:00:00Z',
        labels: { 'app.kubernetes.io/name': 'web', 'pod-template-hash': 'abc', version: '1.2' },
        ownerReferences: [
          { apiVersion: 'x.io/v1', kind: 'Other', name: 'no', uid: 'no' },
          { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web-abc', uid: 'rs', controller: true },
        ],
      },
      spec: { nodeName: 'node-a', containers: [{ name: 'app', ports: [{ containerPort: 80 }] }] },
      status: {
        phase: 'Running',
        podIP: '10.1.0.5',
        podIPs: [{ ip: '10.1.0.5' }, { ip: 'FD00::5' }],
        startTime: '2026-11-23T08:00:01Z',
        containerStatuses: [
          {
            name: 'app',
            image: 'registry.example/web:1.2',
            containerID: `containerd://${ID}`,
            state: { running: { startedAt: '2026-11-23T08:00:03Z' } },
          },
        ],
      },
    });
    expect(record).toEqual({
      uid: 'u1',
      namespace: 'shop',
      name: 'web-abc-x1',
      nodeName: 'node-a',
      addresses: ['10.1.0.5', 'fd00::5'],
      hostNetwork: false,
      hostPorts: [],
      done: false,
      endedMs: null,
      terminating: false,
      createdMs: Date.UTC(2026, 10, 23, 8),
      startedMs: Date.UTC(2026, 10, 23, 8, 0, 1),
      networkMs: Date.UTC(2026, 10, 23, 8, 0, 3),
      app: { name: 'web', component: '', instance: '', version: '1.2', partOf: '', managedBy: '' },
      owner: { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web-abc', uid: 'rs' },
      templateHash: 'abc',
      containers: [{ id: ID, name: 'app', image: 'registry.example/web:1.2' }],
      staticHash: '',
    });
    expect(projections.statistics).toMatchObject({ objectsLeftOut: 0, partsLeftOut: 0 });
  });

  test('has its app labels by the recommended keys first, and by the bare words next', () => {
    const prefixed = { 'app.kubernetes.io/part-of': 'shop', 'app.kubernetes.io/instance': '' };
    const bare = {
      'part-of': 'other',
      'managed-by': 'hand',
      name: 'web',
      component: 'api',
      instance: 'blue',
      part_of: 'x',
    };
    expect(pod({ metadata: { labels: { ...prefixed, ...bare } } })?.app).toEqual({
      name: 'web',
      component: 'api',
      instance: 'blue',
      version: '',
      partOf: 'shop',
      managedBy: 'hand',
    });
  });

  test('has its address by podIP alone on old servers', () => {
    expect(pod({ status: { podIP: '10.1.0.5' } })?.addresses).toEqual(['10.1.0.5']);
  });

  test('that has Succeeded or Failed is done; when its last container ended is told if all tell it', () => {
    const terminated = (finishedAt: unknown) => ({
      state: { terminated: { startedAt: '2026-11-23T08:00:00Z', finishedAt } },
    });
    const status = (phase: string, ...statuses: object[]) =>
      pod({ status: { phase, containerStatuses: statuses } });
    const first = terminated('2026-11-23T08:01:00Z');
    const last = terminated('2026-11-23T08:02:00Z');
    expect(status('Succeeded', last, first)).toMatchObject({
      done: true,
      endedMs: Date.UTC(2026, 10, 23, 8, 2),
    });
    expect(status('Failed', last, terminated(null))).toMatchObject({ done: true, endedMs: null });
    expect(status('Failed', last, terminated('0001-01-01T00:00:00Z'))).toMatchObject({
      done: true,
      endedMs: null,
    });
    expect(status('Failed', last, { state: { running: {} } })).toMatchObject({ done: true, endedMs: null });
    expect(status('Failed', last, { state: { waiting: {} } })).toMatchObject({
      endedMs: Date.UTC(2026, 10, 23, 8, 2),
    });
    expect(status('Failed')).toMatchObject({ done: true, endedMs: null });
    expect(status('Running', last)).toMatchObject({ done: false, endedMs: null });
    expect(projections.statistics.partsLeftOut).toBe(0);
  });

  test('tells since when it surely has its network: by the condition, else by its containers', () => {
    const condition = (status: string) => ({
      conditions: [
        { type: 'Ready', status: 'True', lastTransitionTime: '2026-11-23T08:09:00Z' },
        { type: 'PodReadyToStartContainers', status, lastTransitionTime: '2026-11-23T08:00:05Z' },
      ],
    });
    const running = (startedAt: string) => ({ state: { running: { startedAt } } });
    const ended = (startedAt: string) => ({ state: { terminated: { startedAt } } });
    const at = (minutes: number, s = 0) => Date.UTC(2026, 10, 23, 8, minutes, s);
    const containerStatuses = [running('2026-11-23T08:07:00Z'), running('2026-11-23T08:06:00Z')];
    const initContainerStatuses = [ended('2026-11-23T08:01:00Z'), ended('2026-11-23T08:02:00Z')];
    expect(pod({ status: { ...condition('True'), containerStatuses } })?.networkMs).toBe(at(0, 5));
    // ended ones may be of a sandbox before this, with other addresses
    expect(
      pod({ status: { ...condition('False'), containerStatuses, initContainerStatuses } })?.networkMs,
    ).toBe(at(6));
    expect(pod({ status: { initContainerStatuses } })?.networkMs).toBe(at(2));
    expect(pod({ status: {} })?.networkMs).toBeNull();
  });

  test('with hostNetwork has every declared port of its node, also of sidecars; else those with a hostPort', () => {
    const ports = [
      { containerPort: 9100, hostPort: 9100 },
      { containerPort: 53, protocol: 'UDP' },
    ];
    const spec = {
      containers: [{ ports }],
      initContainers: [
        { restartPolicy: 'Always', ports: [{ containerPort: 15_021, hostPort: 8080, hostIP: '192.0.2.1' }] },
        { ports: [{ containerPort: 1, hostPort: 2 }] },
      ],
    };
    expect(pod({ spec: { ...spec, hostNetwork: true } })?.hostPorts).toEqual([
      { port: 9100, protocol: 'tcp', address: '' },
      { port: 53, protocol: 'udp', address: '' },
      { port: 15_021, protocol: 'tcp', address: '192.0.2.1' },
    ]);
    expect(pod({ spec })?.hostPorts).toEqual([
      { port: 9100, protocol: 'tcp', address: '' },
      { port: 8080, protocol: 'tcp', address: '192.0.2.1' },
    ]);
    const everywhere = { containers: [{ ports: [{ containerPort: 1, hostPort: 2, hostIP: '0.0.0.0' }] }] };
    expect(pod({ spec: everywhere })?.hostPorts).toEqual([{ port: 2, protocol: 'tcp', address: '' }]);
  });

  test('has containers of all kinds: init, ordinary, ephemeral', () => {
    const status = (name: string, scheme: string) => ({
      name,
      image: `${name}:1`,
      containerID: `${scheme}://${ID}`,
    });
    const record = pod({
      status: {
        ephemeralContainerStatuses: [status('debug', 'containerd')],
        containerStatuses: [status('app', 'cri-o'), { name: 'not made yet', image: 'x' }],
        initContainerStatuses: [status('init', 'docker')],
      },
    });
    expect(record?.containers.map(({ id, name }) => [id, name])).toEqual([
      [ID, 'init'],
      [ID, 'app'],
      [ID, 'debug'],
    ]);
  });

  test('of another node has no containers where only those of one are wanted', () => {
    projections = new Projections({ ownNode: 'node-a' });
    const status = { containerStatuses: [{ name: 'app', image: 'x', containerID: `containerd://${ID}` }] };
    expect(pod({ spec: { nodeName: 'node-a' }, status })?.containers).toHaveLength(1);
    expect(pod({ spec: { nodeName: 'node-b' }, status })?.containers).toHaveLength(0);
  });

  test('that stands for a static pod tells its hash', () => {
    const annotations = { 'kubernetes.io/config.mirror': 'c0ffee', 'kubernetes.io/config.hash': 'c0ffee' };
    expect(pod({ metadata: { annotations } })?.staticHash).toBe('c0ffee');
  });

  test('shares what many have in common', () => {
    const labels = { name: 'web' };
    const [a, b] = ['u1', 'u2'].map((uid) => pod({ metadata: { uid, labels: { ...labels } } }));
    expect(a?.app).toBe(b?.app);
    expect(projections.statistics.shared).toBeGreaterThan(0);
  });
});

describe('a Service', () => {
  const service = (spec: object, status?: object) => projections.service({ metadata: named, spec, status });

  test('has every cluster address, external address and address of a load balancer', () => {
    const ports = [
      { name: 'http', port: 80, targetPort: 'web', nodePort: 30_080 },
      { port: 53, protocol: 'UDP' },
      { port: 5060, protocol: 'SCTP' },
    ];
    const spec = {
      type: 'LoadBalancer',
      clusterIP: '10.96.0.10',
      clusterIPs: ['10.96.0.10', 'FD00:96::A'],
      externalIPs: ['198.51.100.7'],
      sessionAffinity: 'ClientIP',
      ports,
    };
    const ingress = [
      { ip: '203.0.113.9', ipMode: 'VIP' },
      { hostname: 'lb.example' },
      { ip: '198.51.100.7' },
    ];
    expect(service(spec, { loadBalancer: { ingress } })).toEqual({
      ...named,
      type: 'LoadBalancer',
      clusterAddresses: ['10.96.0.10', 'fd00:96::a'],
      externalAddresses: ['198.51.100.7', '203.0.113.9'],
      ports: [
        { name: 'http', port: 80, protocol: 'tcp', nodePort: 30_080 },
        { name: '', port: 53, protocol: 'udp', nodePort: 0 },
        { name: '', port: 5060, protocol: 'sctp', nodePort: 0 },
      ],
      createdMs: 0,
    });
  });

  test('that is headless, or an ExternalName, has no cluster address', () => {
    expect(service({ clusterIP: 'None', clusterIPs: ['None'] })).toMatchObject({
      type: 'ClusterIP',
      clusterAddresses: [],
    });
    expect(service({ type: 'ExternalName', externalName: 'db.example' })).toMatchObject({
      type: 'ExternalName',
      clusterAddresses: [],
    });
    expect(projections.statistics.partsLeftOut).toBe(0);
  });
});

describe('an EndpointSlice', () => {
  const slice = (parts: object) =>
    projections.slice({ metadata: { ...named, labels: { 'kubernetes.io/service-name': 'web' } }, ...parts });

  test('has its endpoints whatever their conditions are; what is not told of them is true', () => {
    const targetRef = { kind: 'Pod', namespace: 'shop', name: 'web-1', uid: 'p1' };
    const endpoints = [
      { addresses: ['10.1.0.5'], conditions: {}, targetRef, nodeName: 'node-a', zone: 'z' },
      {
        addresses: ['10.1.0.6'],
        conditions: { ready: false, serving: true, terminating: true },
        targetRef: { ...targetRef, uid: 'p2' },
      },
      { addresses: ['198.51.100.1'], conditions: { ready: false } },
      { addresses: ['10.1.0.8'], targetRef: { ...targetRef, namespace: 'elsewhere' } },
      { addresses: ['10.1.0.9'], targetRef: { kind: 'Node', name: 'node-a', uid: 'n1' } },
    ];
    const ports = [
      { name: 'http', port: 8080, protocol: 'TCP' },
      { name: 'any', port: null },
    ];
    const record = slice({ addressType: 'IPv4', endpoints, ports });
    expect(record).toMatchObject({ serviceName: 'web', namespace: 'shop' });
    expect(record?.ports).toEqual([
      { name: 'http', port: 8080, protocol: 'tcp' },
      { name: 'any', port: 0, protocol: 'tcp' },
    ]);
    expect(record?.endpoints.map(({ podUid }) => podUid)).toEqual(['p1', 'p2', '', '', '']);
    expect(record?.endpoints[0]).toEqual({
      addresses: ['10.1.0.5'],
      podUid: 'p1',
      nodeName: 'node-a',
      zone: 'z',
      ready: true,
      serving: true,
      terminating: false,
    });
    expect(record?.endpoints[1]).toMatchObject({ ready: false, serving: true, terminating: true });
    expect(record?.endpoints[2]).toMatchObject({ ready: false, serving: false });
  });

  test('of host names has endpoints without addresses', () => {
    const record = slice({ addressType: 'FQDN', endpoints: [{ addresses: ['db.example'] }] });
    expect(record?.endpoints).toMatchObject([{ addresses: [], podUid: '' }]);
    expect(projections.statistics.partsLeftOut).toBe(0);
  });
});

test('a node has its internal and external addresses, zone, region and pod ranges', () => {
  const record = projections.node({
    metadata: {
      uid: 'n1',
      name: 'node-a',
      creationTimestamp: '2026-11-23T08:00:00Z',
      labels: { 'topology.kubernetes.io/zone': 'z1', 'topology.kubernetes.io/region': 'r1' },
    },
    spec: { podCIDR: '10.1.0.0/24', podCIDRs: ['10.1.0.0/24', 'fd00:1::/64'] },
    status: {
      addresses: [
        { type: 'Hostname', address: 'node-a' },
        { type: 'ExternalIP', address: '203.0.113.1' },
        { type: 'ExternalIP', address: '192.0.2.1' },
        { type: 'InternalIP', address: '192.0.2.1' },
        { type: 'InternalIP', address: 'fd01::1' },
      ],
    },
  });
  expect(record).toEqual({
    uid: 'n1',
    name: 'node-a',
    addresses: ['192.0.2.1', 'fd01::1', '203.0.113.1'],
    externalAddresses: ['203.0.113.1'],
    zone: 'z1',
    region: 'r1',
    podCidrs: ['10.1.0.0/24', 'fd00:1::/64'],
    createdMs: Date.UTC(2026, 10, 23, 8),
  });
});

describe('what is malformed', () => {
  test.each([
    [
      'an address',
      { status: { podIPs: [{ ip: '10.1.0' }, { ip: '10.1.0.5' }] } },
      { addresses: ['10.1.0.5'] },
    ],
    ['a list of another type', { status: { podIPs: 'x', podIP: '10.1.0.5' } }, { addresses: ['10.1.0.5'] }],
    ['an object of another type', { metadata: { labels: ['x'] } }, { templateHash: '' }],
    ['a time', { metadata: { creationTimestamp: 'Monday 23' } }, { createdMs: 0 }],
    ['a date that is none', { metadata: { creationTimestamp: '2026-13-41T08:00:00Z' } }, { createdMs: 0 }],
    ['a number for a text', { spec: { nodeName: 7 } }, { nodeName: '' }],
    ['a port', { spec: { containers: [{ ports: [{ hostPort: 65_536 }] }] } }, { hostPorts: [] }],
    [
      'a protocol',
      { spec: { containers: [{ ports: [{ hostPort: 80, protocol: 'TCP/IP' }] }] } },
      { hostPorts: [] },
    ],
    [
      'a container id',
      { status: { containerStatuses: [{ containerID: 'containerd://xyz' }] } },
      { containers: [] },
    ],
    ['a text without end', { spec: { nodeName: 'x'.repeat(1025) } }, { nodeName: '' }],
  ])('is left out and counted: %s', (_, parts, kept) => {
    expect(pod(parts)).toMatchObject(kept);
    expect(projections.statistics).toMatchObject({ objectsLeftOut: 0, partsLeftOut: 1 });
  });

  test('beyond what an object may have is left out and counted', () => {
    const podIPs = Array.from({ length: 20 }, (_, i) => ({ ip: `10.1.0.${i}` }));
    expect(pod({ status: { podIPs } })?.addresses).toHaveLength(16);
    expect(projections.statistics.partsLeftOut).toBe(4);
  });

  test.each([null, undefined, 7, 'x', [], {}, { metadata: null }, { metadata: { uid: 'u1', name: 'web' } }])(
    'is no object: %j',
    (raw) => {
      const { pod: podOf, service, slice, node } = projections;
      for (const project of [podOf, service, slice]) expect(project(raw)).toBeNull();
      expect(node(raw) === null || raw !== null).toBe(true);
      expect(projections.statistics.objectsLeftOut).toBeGreaterThanOrEqual(3);
    },
  );

  test('never makes a projection throw, wherever it is in an object', () => {
    const paths = pathsOf(EVERYTHING);
    const spoil = fc.array(fc.tuple(fc.constantFrom(...paths), fc.jsonValue({ maxDepth: 2 })), {
      maxLength: 4,
    });
    fc.assert(
      fc.property(spoil, (changes) => {
        const raw = structuredClone(EVERYTHING);
        for (const [path, value] of changes) put(raw, path, value);
        const { pod: podOf, service, slice, node } = projections;
        for (const project of [podOf, service, slice, node]) {
          const record = project(raw);
          for (const address of (record as { addresses?: string[] } | null)?.addresses ?? []) {
            expect(address).toMatch(/^[0-9a-f.:]+$/);
          }
        }
      }),
      { numRuns: 2000 },
    );
  });
});
