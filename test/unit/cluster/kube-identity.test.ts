// Both ends of a flow on a node of a cluster: of what the node tells by itself, and what the API server tells.
import { describe, expect, test } from 'vitest';
import { KubeIdentity } from '../../../src/cluster/kube-identity.ts';
import { type Moment, type Party, UNKNOWN } from '../../../src/cluster/identity.ts';
import type { LocalEnd } from '../../../src/cluster/local-ends.ts';
import { endpoint, node, owner, pod, service, slice, World } from './directory/world.ts';

const WEB_CGROUP = 7;
const KUBELET_CGROUP = 8;
/** Known, and in no pod and no unit. */
const LOGIN_CGROUP = 99;
const UNHEARD_CGROUP = 9;

/** A node with a pod `web`, behind a Service, and its kubelet; and another node with a pod `db`. */
class Node {
  readonly world = new World({ margins: { settleMs: 0, skewMs: 0, lingerMs: 0 } });
  readonly web = pod({
    name: 'web-1',
    addresses: ['10.1.0.5', 'fd00::5'],
    owner: owner('ReplicaSet', 'web-6d4b'),
    templateHash: '6d4b',
    app: { name: 'web', component: '', instance: 'web-blue', version: '2', partOf: '', managedBy: '' },
  });
  readonly db = pod({
    name: 'db-0',
    nodeName: 'node-b',
    addresses: ['10.1.1.6'],
    owner: owner('StatefulSet', 'db'),
  });
  deafMs = 0;
  nodeNetns = 0;
  /** Namespaces and the pods that their addresses told. */
  readonly noted: string[] = [];
  readonly #ends = new Map<number, LocalEnd>([
    [WEB_CGROUP, { kind: 'pod', by: 'cgroup', podUid: this.web.uid, containerId: '' }],
    [KUBELET_CGROUP, { kind: 'unit', name: 'kubelet.service' }],
    [UNHEARD_CGROUP, { kind: 'pod', by: 'cgroup', podUid: 'new', containerId: '' }],
  ]);
  readonly identity: KubeIdentity;

  constructor(unitsAreTrue = true) {
    this.identity = this.#makeIdentity(unitsAreTrue);

    const { nodes, pods, services, slices } = this.world.directory;
    this.world.listed();
    nodes.upsert(node({ name: 'node-a', zone: 'z1', addresses: ['192.0.2.1'], podCidrs: ['10.1.0.0/24'] }));
    nodes.upsert(node({ name: 'node-b', zone: 'z2', addresses: ['192.0.2.2'] }));
    pods.upsert(this.web);
    pods.upsert(this.db);
    services.upsert(service({ name: 'web' }));
    slices.upsert(
      slice({ serviceName: 'web', endpoints: [endpoint({ addresses: ['10.1.0.5'], podUid: this.web.uid })] }),
    );
    this.world.pass(60_000);
  }

  #makeIdentity(unitsAreTrue: boolean): KubeIdentity {
    return new KubeIdentity({
      cgroups: { learn: () => Promise.resolve(true) },
      localEnds: {
        of: (cgroupId) => this.#ends.get(cgroupId) ?? null,
        note: () => {},
        noteAddress: (netns, podUid) => void this.noted.push(`${netns} ${podUid}`),
        noteNode: (netns) => void (this.nodeNetns = netns),
        isNode: (netns) => netns === this.nodeNetns,
        knows: (cgroupId) => cgroupId === LOGIN_CGROUP || this.#ends.has(cgroupId),
        unitsAreTrue: unitsAreTrue,
      },
      directory: this.world.directory,
      nodeName: 'node-a',
      clock: { tsMonoMs: () => this.world.monoMs, tsWallMs: () => this.world.nowMs },
      nowNs: () => this.nowNs,
      deafMs: () => this.deafMs,
    });
  }

  get nowNs(): number {
    return this.world.monoMs * 1e6;
  }

  get now(): Moment {
    return { fromNs: this.nowNs, toNs: this.nowNs };
  }

  local(cgroupId: number, comm = 'curl', port = 0, address = '10.1.0.5'): Party {
    return this.identity.local({ cgroupId, netns: 1, comm, address, port, protocol: 'tcp' }, this.now).party;
  }

  remote(address: string, port = 0): Party {
    return this.identity.remote({ address, port, protocol: 'tcp' }, this.now).party;
  }
}

describe('this end', () => {
  test('is the pod of the cgroup, with its workload, node, zone and app labels', () => {
    expect(new Node().local(WEB_CGROUP)).toMatchObject({
      kind: 'pod',
      name: 'web-1',
      namespace: 'shop',
      node: 'node-a',
      zone: 'z1',
      workload: { kind: 'Deployment', name: 'web', namespace: 'shop' },
      service: '',
      app: { name: 'web', instance: 'web-blue', version: '2' },
    });
  });

  test('that serves is told with the Service that it backs at that port', () => {
    expect(new Node().local(WEB_CGROUP, 'nginx', 8080).service).toBe('web');
    expect(new Node().local(WEB_CGROUP, 'nginx', 9090).service).toBe('');
  });

  test('that is no pod is the node, with the unit or process as its workload', () => {
    const one = new Node();
    expect(one.local(KUBELET_CGROUP)).toMatchObject({
      kind: 'node',
      name: 'node-a',
      node: 'node-a',
      zone: 'z1',
      workload: { kind: 'unit', name: 'kubelet.service', namespace: '' },
    });
    expect(one.local(0, 'sshd').workload).toEqual({ kind: 'process', name: 'sshd', namespace: '' });
    expect(one.local(LOGIN_CGROUP, '')).toMatchObject({ kind: 'node', name: 'node-a', workload: null });
    expect(one.local(0, '')).toBe(UNKNOWN);
  });

  test('is the pod of its address where containers may be nowhere in the v2 tree, and its namespace is then known', () => {
    const one = new Node(false);
    expect(one.local(KUBELET_CGROUP)).toMatchObject({ kind: 'pod', name: 'web-1', node: 'node-a' });
    expect(one.local(0, 'nginx', 8080, 'fd00::5')).toMatchObject({ kind: 'pod', name: 'web-1' });
    expect(one.noted).toEqual([`1 ${one.web.uid}`, `1 ${one.web.uid}`]);
    expect(one.local(KUBELET_CGROUP, 'x', 0, '192.0.2.1')).toMatchObject({ kind: 'node', name: 'node-a' });
    one.world.pass(60_000); // from then on nobody is waited for who may have had an address
    const toNs = one.nowNs - 30e9;
    const end = { cgroupId: KUBELET_CGROUP, netns: 1, comm: 'x', port: 0, protocol: 'tcp' } as const;
    const bridge = one.identity.local({ ...end, address: '172.17.0.1' }, { fromNs: toNs, toNs });
    expect(bridge).toMatchObject({ party: { kind: 'node', name: 'node-a' }, final: true });
  });

  test('by loopback alone is nobody there, until another address has told whose the namespace is', () => {
    const one = new Node(false);
    const end = { cgroupId: KUBELET_CGROUP, netns: 1, comm: 'x', port: 0, protocol: 'tcp' } as const;
    for (const address of ['127.0.0.1', '::1']) {
      expect(one.identity.local({ ...end, address }, one.now)).toEqual({
        party: UNKNOWN,
        holder: '',
        final: false,
      });
    }
    one.local(KUBELET_CGROUP, 'x', 0, '192.0.2.2'); // another node's is not ours
    expect(one.local(KUBELET_CGROUP, 'x', 0, '127.0.0.1')).toBe(UNKNOWN);
    one.local(KUBELET_CGROUP, 'x', 0, '192.0.2.1');
    for (const address of ['127.0.0.1', '10.1.0.1'])
      // the gateway of its pods is the node's too
      expect(one.local(LOGIN_CGROUP, '', 0, address)).toMatchObject({ kind: 'node', name: 'node-a' });
    expect(one.local(0, '', 0, '127.0.0.1')).toBe(UNKNOWN); // it may be a pod of the host's network
  });

  test('by an address of the cluster that is not a pod of this node is nobody', () => {
    const one = new Node(false);
    expect(one.local(KUBELET_CGROUP, 'x', 0, '10.1.1.6')).toMatchObject({ kind: 'unknown', inCluster: true });
    expect(one.local(KUBELET_CGROUP, 'x', 0, '10.1.0.77')).toMatchObject({
      kind: 'unknown',
      inCluster: true,
    });
  });

  test('of a pod that the API server has not told of yet is unknown, and asked about again', () => {
    const one = new Node();
    const end = {
      cgroupId: UNHEARD_CGROUP,
      netns: 1,
      comm: 'x',
      address: '10.1.0.9',
      port: 0,
      protocol: 'tcp' as const,
    };
    const before = one.identity.local(end, one.now);
    expect([before.party.kind, before.party.inCluster, before.final]).toEqual(['unknown', true, false]);
    one.world.directory.pods.upsert(pod({ uid: 'new', name: 'late', addresses: [] }));
    expect(one.identity.local(end, one.now)).toMatchObject({
      party: { kind: 'pod', name: 'late' },
      final: true,
    });
  });
});

describe('the other end', () => {
  test('is the pod, Service or node that has the address', () => {
    const one = new Node();
    expect(one.remote('10.1.1.6', 5432)).toMatchObject({
      kind: 'pod',
      name: 'db-0',
      node: 'node-b',
      zone: 'z2',
      workload: { kind: 'StatefulSet', name: 'db' },
      inCluster: true,
    });
    expect(one.remote('10.96.0.10', 80)).toMatchObject({
      kind: 'service',
      name: 'web',
      namespace: 'shop',
      node: '',
      workload: { kind: 'Deployment', name: 'web' },
      service: 'web',
    });
    expect(one.remote('192.0.2.2', 10250)).toMatchObject({ kind: 'node', name: 'node-b', zone: 'z2' });
  });

  test('that nobody has is of the cluster if its address is, and of nobody else', () => {
    const one = new Node();
    expect(one.remote('10.1.0.77', 80)).toMatchObject({ kind: 'unknown', inCluster: true });
    expect(one.remote('203.0.113.9', 443)).toBe(UNKNOWN);
  });

  test('of a flow that began while the address went over is nobody', () => {
    const one = new Node();
    const fromNs = one.nowNs;
    one.world.pass(1000);
    one.world.directory.pods.upsert({ ...one.db, done: true });
    one.world.directory.pods.upsert(
      pod({ name: 'db-next', addresses: ['10.1.1.6'], createdMs: one.world.nowMs }),
    );
    one.world.pass(60_000);
    const end = { address: '10.1.1.6', port: 5432, protocol: 'tcp' as const };
    expect(one.identity.remote(end, { fromNs, toNs: one.nowNs }).party.kind).toBe('unknown');
    expect(one.identity.remote(end, { fromNs, toNs: fromNs }).party.name).toBe('db-0');
    expect(one.remote('10.1.1.6', 5432).name).toBe('db-next');
  });

  test('of a flow that began in the time in which its Service was made is that Service', () => {
    const one = new Node();
    const fromNs = one.nowNs;
    one.world.pass(5000);
    one.world.directory.services.upsert(
      service({ name: 'new', clusterAddresses: ['10.96.0.77'], createdMs: one.world.nowMs }),
    );
    one.world.pass(60_000);
    const end = { address: '10.96.0.77', port: 80, protocol: 'tcp' as const };
    expect(one.identity.remote(end, { fromNs, toNs: one.nowNs }).party.name).toBe('new');
  });

  test('of a flow that began while its pod ended, and nobody came after it, is that pod', () => {
    const one = new Node();
    const fromNs = one.nowNs;
    one.world.pass(1000);
    one.world.directory.pods.upsert({ ...one.db, done: true });
    one.world.pass(60_000);
    const end = { address: '10.1.1.6', port: 5432, protocol: 'tcp' as const };
    expect(one.identity.remote(end, { fromNs, toNs: fromNs + 30e9 }).party.name).toBe('db-0');
  });

  test('of a flow that began in the time in which its pod was made is that pod', () => {
    const one = new Node();
    const fromNs = one.nowNs;
    one.world.pass(5000);
    const made = pod({ name: 'new', addresses: ['10.1.1.7'], createdMs: one.world.nowMs });
    one.world.pass(3000);
    one.world.directory.pods.upsert(made);
    one.world.pass(60_000);
    const end = { address: '10.1.1.7', port: 80, protocol: 'tcp' as const };
    expect(one.identity.remote(end, { fromNs, toNs: one.nowNs }).party.name).toBe('new');
  });

  test('has one holder at a time, and each pod is another, of the same name too', () => {
    const one = new Node();
    const end = { address: '10.1.1.6', port: 5432, protocol: 'tcp' as const };
    expect(one.identity.holder(end)).toBe(one.db.uid);
    expect(one.identity.remote(end, one.now).holder).toBe(one.db.uid);
    one.world.directory.pods.remove(one.db.uid);
    expect(one.identity.holder(end)).toBe('');
    const next = pod({ name: 'db-0', addresses: ['10.1.1.6'] });
    one.world.directory.pods.upsert(next);
    expect(one.identity.holder(end)).toBe(next.uid);
    expect(one.identity.holder({ ...end, address: '10.96.0.10', port: 80 })).toBe('service/shop/web');
    expect(one.identity.changes().addresses.has('10.1.1.6')).toBe(true);
    one.world.directory.pods.upsert({ ...next, terminating: true });
    expect(one.identity.holder(end)).toBe(`${next.uid} ending`);
    expect(one.identity.changes().addresses.has('10.1.1.6')).toBe(true);
  });

  test('may be another when news have not come for longer than they may be late, which is told once', () => {
    const one = new Node();
    const told = (deafMs: number): boolean | undefined => {
      one.deafMs = deafMs;
      return one.identity.changes().deaf;
    };
    expect([0, 2000, 2001, 9000, 0, 2500].map(told)).toEqual([false, false, true, false, false, true]);
  });
});
