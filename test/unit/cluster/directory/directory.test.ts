import { beforeEach, describe, expect, test } from 'vitest';
import type { OwnerRef } from '../../../../src/cluster/objects/records.ts';
import { endpoint, node, owner, pod, service, slice, START_MS, World } from './world.ts';

let world: World;
beforeEach(() => {
  world = new World().listed();
});

/** Time passes until everybody would have been told who may have been there now; then who it was. */
function remoteNow(address: string, port = 0, protocol: 'tcp' | 'udp' = 'tcp') {
  const atMs = world.nowMs;
  world.pass(6000);
  return world.directory.remote(address, port, protocol, atMs);
}

const podNamed = (name: string) => expect.objectContaining({ kind: 'pod', name });
const unknown = expect.objectContaining({ kind: 'unknown', name: '' });

describe('a pod', () => {
  test('is told with its node, zone and workload, by every address of podIPs', () => {
    world.directory.nodes.upsert(node({ name: 'node-a', zone: 'zone-1' }));
    world.directory.pods.upsert(pod({ name: 'web', uid: 'u1', addresses: ['10.1.0.5', 'fd00::5'] }));
    const end = {
      kind: 'pod',
      name: 'web',
      namespace: 'shop',
      node: 'node-a',
      zone: 'zone-1',
      workload: { kind: 'Pod', name: 'web', namespace: 'shop' },
      serviceName: '',
      serviceNamespace: '',
      podUid: 'u1',
      contested: false,
      final: true,
    };
    expect(remoteNow('10.1.0.5', 8080)).toEqual(end);
    expect(remoteNow('fd00::5', 8080)).toEqual(end);
  });

  test('is told by whichever kind comes first: the zone follows its node', () => {
    world.directory.pods.upsert(pod({ name: 'web' }));
    world.directory.takeChanges();
    expect(remoteNow('10.1.0.5')).toMatchObject({ name: 'web', zone: '' });
    world.directory.nodes.upsert(node({ name: 'node-a', zone: 'zone-1' }));
    expect(remoteNow('10.1.0.5')).toMatchObject({ name: 'web', zone: 'zone-1' });
    expect(world.directory.takeChanges().addresses).toContain('10.1.0.5');
  });

  test('that is not told yet is asked for again, and found at the time the connection began', () => {
    const atMs = world.nowMs;
    expect(world.directory.remote('10.1.0.5', 0, 'tcp', atMs)).toMatchObject({
      kind: 'unknown',
      final: false,
    });
    world.pass(3000);
    expect(world.directory.remote('10.1.0.5', 0, 'tcp', atMs)).toMatchObject({
      kind: 'unknown',
      final: false,
    });
    world.pass(2000);
    world.directory.pods.upsert(pod({ name: 'web', startedMs: atMs - 1000 }));
    expect(world.directory.remote('10.1.0.5', 0, 'tcp', atMs)).toMatchObject({ name: 'web', final: true });
    world.pass(15_000);
    expect(world.directory.remote('10.1.0.6', 0, 'tcp', atMs)).toMatchObject({
      kind: 'unknown',
      final: true,
    });
  });

  test('that is done gives up its address, while its object stays', () => {
    const job = pod({ name: 'job', uid: 'u1' });
    world.directory.pods.upsert(job);
    const whileItRan = world.pass(10_000);
    world.pass(10_000);
    world.directory.pods.upsert({ ...job, done: true });
    world.pass(1000);
    expect(remoteNow('10.1.0.5')).toEqual(unknown);
    expect(world.directory.remote('10.1.0.5', 0, 'tcp', whileItRan)).toEqual(podNamed('job'));
    expect(world.directory.podByUid('u1')).toMatchObject({ name: 'job', done: true });
  });

  test('that is done had its address until its last container ended, whenever that was heard of', () => {
    const job = pod({ name: 'job', networkMs: world.nowMs - 20_000 });
    world.directory.pods.upsert(job);
    const endedMs = Math.floor(world.pass(60_000) / 1000) * 1000;
    world.pass(60_000);
    world.directory.pods.upsert({ ...job, done: true, endedMs });
    const next = pod({ name: 'next', startedMs: endedMs + 5000 });
    world.directory.pods.upsert(next);
    world.pass(2000);
    const at = (ms: number) => world.directory.remote('10.1.0.5', 0, 'tcp', endedMs + ms);
    expect(at(-2001)).toEqual(podNamed('job'));
    expect(at(2500)).toEqual(podNamed('job'));
    expect(at(3001)).toEqual(podNamed('next')); // it may have it, and nobody else
    expect(at(60_000)).toEqual(podNamed('next'));
  });

  test('that is removed late harms no successor with its address', () => {
    world.directory.pods.upsert(pod({ name: 'old', uid: 'u1' }));
    world.pass(60_000);
    world.directory.pods.upsert(pod({ name: 'new', uid: 'u2', startedMs: world.nowMs }));
    world.pass(5000);
    expect(remoteNow('10.1.0.5')).toEqual(unknown); // both say that they have it
    world.directory.pods.remove('u1');
    world.pass(1000);
    expect(remoteNow('10.1.0.5')).toEqual(podNamed('new'));
    world.directory.pods.remove('u1');
    world.directory.pods.remove('never heard of');
    expect(remoteNow('10.1.0.5')).toEqual(podNamed('new'));
  });

  test('is never taken for the one that had its address a second before', () => {
    world.directory.pods.upsert(pod({ name: 'old', uid: 'u1' }));
    const before = world.pass(60_000);
    const startedMs = world.pass(5000);
    world.directory.pods.remove('u1');
    const between = world.pass(500);
    const seen = world.pass(500);
    world.directory.pods.upsert(pod({ name: 'new', uid: 'u2', startedMs }));
    const after = world.pass(10_000);
    world.pass(10_000);
    const at = (ms: number) => world.directory.remote('10.1.0.5', 0, 'tcp', ms);
    expect(at(before)).toEqual(podNamed('old'));
    expect(at(startedMs - 100)).toEqual(unknown);
    expect(at(between)).toEqual(unknown);
    expect(at(seen - 1)).toEqual(unknown);
    expect(at(seen)).toEqual(podNamed('new'));
    expect(at(after)).toEqual(podNamed('new'));
  });

  test('that is not heard of to have ended is not told for moments that are too young', () => {
    world.directory.pods.upsert(pod({ name: 'web' }));
    const atMs = world.pass(5000);
    world.pass(1999);
    expect(world.directory.remote('10.1.0.5', 0, 'tcp', atMs)).toMatchObject({
      kind: 'unknown',
      final: false,
    });
    world.pass(1);
    expect(world.directory.remote('10.1.0.5', 0, 'tcp', atMs)).toMatchObject({ kind: 'pod', final: true });
  });

  test('of the same name on the same node is the same answer: one that was made anew', () => {
    world.directory.pods.upsert(pod({ name: 'db-0', uid: 'u1' }));
    world.pass(60_000);
    world.directory.pods.upsert(pod({ name: 'db-0', uid: 'u2', startedMs: world.nowMs }));
    expect(remoteNow('10.1.0.5')).toEqual(podNamed('db-0'));
    world.directory.pods.remove('u1');
    expect(remoteNow('10.1.0.5')).toEqual(podNamed('db-0'));
  });

  test('keeps its address through restarts of its containers and of its sandbox', () => {
    const web = pod({ name: 'web', uid: 'u1' });
    world.directory.pods.upsert(web);
    const before = world.pass(60_000);
    world.directory.pods.upsert({ ...web, addresses: [] });
    const between = world.pass(5000);
    world.directory.pods.upsert(web);
    const after = world.pass(5000);
    world.pass(5000);
    for (const atMs of [before, between, after]) {
      expect(world.directory.remote('10.1.0.5', 0, 'tcp', atMs)).toEqual(podNamed('web'));
    }
  });

  test('with another address after its sandbox was made anew has given up the first', () => {
    const web = pod({ name: 'web', addresses: ['10.1.0.5', 'fd00::5'] });
    world.directory.pods.upsert(web);
    const before = world.pass(60_000);
    world.pass(5000);
    world.directory.pods.upsert({ ...web, addresses: ['10.1.0.6', 'fd00::5'] });
    expect(world.directory.takeChanges().addresses).toEqual(new Set(['10.1.0.5', '10.1.0.6', 'fd00::5']));
    world.pass(10_000);
    expect(remoteNow('10.1.0.5')).toEqual(unknown);
    expect(remoteNow('10.1.0.6')).toEqual(podNamed('web'));
    expect(remoteNow('fd00::5')).toEqual(podNamed('web'));
    expect(world.directory.remote('10.1.0.5', 0, 'tcp', before)).toEqual(podNamed('web'));
    world.directory.pods.remove(web.uid);
    world.pass(1000);
    expect(remoteNow('10.1.0.6')).toEqual(unknown);
    expect(remoteNow('fd00::5')).toEqual(unknown);
  });

  test('with another address now did not have it since its network was first made', () => {
    world.directory.pods.upsert(pod({ name: 'other', uid: 'other', addresses: ['10.1.0.6'] }));
    const web = pod({ name: 'web', networkMs: START_MS + 1000 });
    world.directory.pods.upsert(web);
    const before = world.pass(60_000);
    world.pass(1000);
    world.directory.pods.remove('other');
    world.pass(1000);
    world.directory.pods.upsert({ ...web, addresses: ['10.1.0.6'] });
    world.pass(60_000);
    expect(world.directory.remote('10.1.0.6', 0, 'tcp', before)).toEqual(unknown);
    expect(remoteNow('10.1.0.6')).toEqual(podNamed('web'));
  });

  test('without an address is nobody', () => {
    world.directory.pods.upsert(pod({ name: 'web', addresses: [] }));
    expect(remoteNow('10.1.0.5')).toEqual(unknown);
  });

  test('that is being deleted is told when no successor was told after it', () => {
    const web = pod({ name: 'web' });
    world.directory.pods.upsert(web);
    world.pass(60_000);
    world.directory.pods.upsert({ ...web, terminating: true });
    const atMs = world.pass(5000);
    world.pass(4999);
    expect(world.directory.remote('10.1.0.5', 0, 'tcp', atMs)).toMatchObject({
      kind: 'unknown',
      final: false,
    });
    world.pass(1);
    expect(world.directory.remote('10.1.0.5', 0, 'tcp', atMs)).toEqual(podNamed('web'));
  });

  test('is found by address for the local end, but for host-network pods', () => {
    world.directory.pods.upsert(pod({ name: 'web', uid: 'u1' }));
    world.directory.pods.upsert(pod({ name: 'proxy', addresses: ['192.0.2.1'], hostNetwork: true }));
    const atMs = world.nowMs;
    world.pass(2000);
    expect(world.directory.podByAddress('10.1.0.5', atMs)).toMatchObject({ uid: 'u1' });
    expect(world.directory.podByAddress('192.0.2.1', atMs)).toBeNull();
    expect(world.directory.podByAddress('10.1.0.6', atMs)).toBeNull();
  });
});

test('a static pod is found by the UID that it has on its node, also when its object was made anew', () => {
  world = new World({ keepPods: 0 }).listed();
  const staticHash = 'c0ffee';
  world.directory.pods.upsert(pod({ name: 'etcd-node-a', uid: 'mirror-1', staticHash }));
  expect(world.directory.podByUid(staticHash)).toMatchObject({ uid: 'mirror-1' });
  world.directory.pods.upsert(pod({ name: 'etcd-node-a', uid: 'mirror-2', staticHash }));
  world.directory.pods.remove('mirror-1');
  world.directory.pods.remove('anything');
  expect(world.directory.podByUid(staticHash)).toMatchObject({ uid: 'mirror-2' });
  world.directory.pods.remove('mirror-2');
  world.directory.pods.remove('anything');
  expect(world.directory.podByUid(staticHash)).toBeUndefined();
});

describe('an address of a node', () => {
  const hostNetwork = { hostNetwork: true, addresses: ['192.0.2.1'] };

  beforeEach(() => {
    const addresses = ['192.0.2.1', '203.0.113.1', 'fd01::1'];
    const record = { addresses, externalAddresses: ['203.0.113.1'], podCidrs: ['10.1.0.0/24'], zone: 'z' };
    world.directory.nodes.upsert(node({ name: 'node-a', ...record }));
  });

  test('is the node, whatever pods share it', () => {
    world.directory.pods.upsert(pod({ name: 'proxy', ...hostNetwork }));
    world.directory.pods.upsert(pod({ name: 'exporter', ...hostNetwork }));
    const end = { kind: 'node', name: 'node-a', node: 'node-a', namespace: '', zone: 'z', workload: null };
    for (const address of ['192.0.2.1', '203.0.113.1', 'fd01::1']) {
      expect(remoteNow(address, 40_000)).toMatchObject({ ...end, final: true });
    }
  });

  test('is the host-network pod on a port that it declares, of the same protocol', () => {
    const hostPorts = [{ port: 9100, protocol: 'tcp' as const, address: '' }];
    world.directory.pods.upsert(pod({ name: 'exporter', ...hostNetwork, hostPorts }));
    expect(remoteNow('192.0.2.1', 9100)).toMatchObject({ kind: 'pod', name: 'exporter', node: 'node-a' });
    expect(remoteNow('203.0.113.1', 9100)).toEqual(podNamed('exporter'));
    expect(remoteNow('192.0.2.1', 9100, 'udp')).toMatchObject({ kind: 'node' });
    expect(remoteNow('192.0.2.1', 9101)).toMatchObject({ kind: 'node' });
    expect(remoteNow('192.0.2.1', 0)).toMatchObject({ kind: 'node' }); // a client's port says nothing
  });

  test('is the pod on its hostPort, on one address only where it says so', () => {
    const onAll = [{ port: 8443, protocol: 'tcp' as const, address: '' }];
    const onOne = [{ port: 8444, protocol: 'tcp' as const, address: '203.0.113.1' }];
    world.directory.pods.upsert(pod({ name: 'ingress', hostPorts: onAll }));
    world.directory.pods.upsert(pod({ name: 'edge', hostPorts: onOne, addresses: ['10.1.0.6'] }));
    expect(remoteNow('192.0.2.1', 8443)).toEqual(podNamed('ingress'));
    expect(remoteNow('203.0.113.1', 8444)).toEqual(podNamed('edge'));
    expect(remoteNow('192.0.2.1', 8444)).toMatchObject({ kind: 'node' });
    expect(remoteNow('10.1.0.5', 80)).toEqual(podNamed('ingress'));
  });

  test('on a port of two pods is the node', () => {
    const hostPorts = [{ port: 9100, protocol: 'tcp' as const, address: '' }];
    world.directory.pods.upsert(pod({ name: 'old', ...hostNetwork, hostPorts }));
    world.pass(60_000);
    world.directory.pods.upsert(pod({ name: 'new', ...hostNetwork, hostPorts }));
    expect(remoteNow('192.0.2.1', 9100)).toMatchObject({ kind: 'node', name: 'node-a' });
  });

  test('on a NodePort is nobody, and not the node, while news of Services cannot come', () => {
    const ports = [{ name: '', port: 80, protocol: 'tcp' as const, nodePort: 30_080 }];
    world.directory.services.upsert(service({ name: 'web', type: 'NodePort', ports }));
    const at = world.pass(60_000);
    const ask = (): unknown => world.directory.remote('192.0.2.1', 30_080, 'tcp', at);
    world.pass(5_000);
    expect(ask()).toMatchObject({ kind: 'service', final: true });
    world.directory.services.lost(30_000); // it said its last before
    expect(ask()).toMatchObject({ kind: 'unknown', final: false });
    world.directory.services.whole();
    world.pass(5_000);
    expect(ask()).toMatchObject({ kind: 'service', final: true });
  });

  test('on a NodePort is the Service, on every node', () => {
    world.directory.nodes.upsert(node({ name: 'node-b', addresses: ['192.0.2.2'] }));
    const ports = [{ name: '', port: 80, protocol: 'tcp' as const, nodePort: 30_080 }];
    world.directory.takeChanges();
    world.directory.services.upsert(service({ name: 'web', type: 'NodePort', ports }));
    expect(world.directory.takeChanges().addresses).toContain('192.0.2.2');
    expect(remoteNow('192.0.2.1', 30_080)).toMatchObject({ kind: 'service', name: 'web', node: '' });
    expect(remoteNow('192.0.2.2', 30_080)).toMatchObject({ kind: 'service', serviceName: 'web' });
    expect(remoteNow('192.0.2.2', 30_081)).toMatchObject({ kind: 'node', name: 'node-b' });
    expect(remoteNow('10.1.0.5', 30_080)).toEqual(unknown);
  });

  test('that another node has now is that node', () => {
    const other = node({ name: 'node-b', addresses: ['192.0.2.2'] });
    world.directory.nodes.upsert(other);
    const before = world.pass(60_000);
    world.directory.nodes.remove(other.uid);
    world.pass(60_000);
    expect(remoteNow('192.0.2.2')).toEqual(unknown);
    world.directory.nodes.upsert(node({ name: 'node-c', addresses: ['192.0.2.2'], createdMs: world.nowMs }));
    world.pass(5000);
    expect(remoteNow('192.0.2.2')).toMatchObject({ kind: 'node', name: 'node-c' });
    expect(world.directory.remote('192.0.2.2', 0, 'tcp', before)).toMatchObject({ name: 'node-b' });
    world.directory.nodes.remove(other.uid);
    expect(remoteNow('192.0.2.2')).toMatchObject({ name: 'node-c' });
  });

  test('as gateway of its pods is nobody, but of the cluster', () => {
    expect(remoteNow('10.1.0.1')).toEqual(unknown);
    expect(world.directory.isClusterAddress('10.1.0.1')).toBe(true);
    expect(world.directory.isClusterAddress('192.0.2.1')).toBe(true);
    expect(world.directory.isClusterAddress('10.2.0.1')).toBe(false);
  });
});

describe('a Service', () => {
  const ports = [
    { name: 'http', port: 80, protocol: 'tcp' as const, nodePort: 0 },
    { name: 'dns', port: 53, protocol: 'udp' as const, nodePort: 0 },
  ];

  test('is told by its ports on every cluster address, external address and load balancer', () => {
    const addresses = ['10.96.0.10', 'fd00:96::a'];
    const externalAddresses = ['203.0.113.9', '198.51.100.7'];
    world.directory.services.upsert(
      service({ name: 'web', type: 'LoadBalancer', clusterAddresses: addresses, externalAddresses, ports }),
    );
    for (const address of [...addresses, ...externalAddresses]) {
      const end = {
        kind: 'service',
        name: 'web',
        namespace: 'shop',
        serviceName: 'web',
        node: '',
        podUid: '',
      };
      expect(remoteNow(address, 80)).toMatchObject({ ...end, final: true });
      expect(remoteNow(address, 53, 'udp')).toMatchObject(end);
      expect(remoteNow(address, 53, 'tcp')).toEqual(unknown);
      expect(remoteNow(address, 81)).toEqual(unknown);
      expect(world.directory.isClusterAddress(address)).toBe(true);
    }
  });

  test('shares an external address with another on other ports', () => {
    const shared = { externalAddresses: ['203.0.113.9'], type: 'LoadBalancer' as const };
    world.directory.services.upsert(service({ name: 'web', ...shared }));
    const dns = [{ name: '', port: 53, protocol: 'udp' as const, nodePort: 0 }];
    world.directory.services.upsert(
      service({ name: 'dns', clusterAddresses: ['10.96.0.11'], ...shared, ports: dns }),
    );
    expect(remoteNow('203.0.113.9', 80)).toMatchObject({ name: 'web' });
    expect(remoteNow('203.0.113.9', 53, 'udp')).toMatchObject({ name: 'dns' });
  });

  test('on an address of a node is told by its port', () => {
    world.directory.nodes.upsert(node({ name: 'node-a' }));
    world.directory.services.upsert(service({ name: 'web', externalAddresses: ['192.0.2.1'] }));
    expect(remoteNow('192.0.2.1', 80)).toMatchObject({ kind: 'service', name: 'web' });
    expect(remoteNow('192.0.2.1', 81)).toMatchObject({ kind: 'node', name: 'node-a' });
  });

  test('with the address of a pod as an external one: nobody can tell', () => {
    world.directory.pods.upsert(pod({ name: 'web' }));
    world.directory.services.upsert(service({ name: 'thief', externalAddresses: ['10.1.0.5'] }));
    expect(remoteNow('10.1.0.5', 80)).toEqual(unknown);
    expect(remoteNow('10.1.0.5', 81)).toEqual(podNamed('web'));
  });

  test('that is headless or an ExternalName claims nothing, not even external addresses', () => {
    const externalAddresses = ['203.0.113.9'];
    world.directory.services.upsert(service({ name: 'headless', clusterAddresses: [], externalAddresses }));
    world.directory.services.upsert(service({ name: 'elsewhere', type: 'ExternalName', externalAddresses }));
    expect(remoteNow('203.0.113.9', 80)).toEqual(unknown);
  });

  test('gives up its address when it is removed; a late removal harms no successor', () => {
    const old = service({ name: 'old' });
    world.directory.services.upsert(old);
    const before = world.pass(60_000);
    world.pass(5000);
    world.directory.services.upsert(service({ name: 'new', createdMs: world.nowMs }));
    world.pass(5000);
    world.directory.services.remove(old.uid);
    world.pass(20_000);
    expect(remoteNow('10.96.0.10', 80)).toMatchObject({ name: 'new' });
    expect(world.directory.remote('10.96.0.10', 80, 'tcp', before)).toMatchObject({ name: 'old' });
  });

  test('that loses a port is not told on it any more', () => {
    const web = service({ name: 'web', ports });
    world.directory.services.upsert(web);
    world.pass(60_000);
    world.directory.services.upsert({ ...web, ports: ports.slice(0, 1) });
    world.pass(1000);
    expect(remoteNow('10.96.0.10', 53, 'udp')).toEqual(unknown);
    expect(remoteNow('10.96.0.10', 80)).toMatchObject({ name: 'web' });
  });
});

describe('the backend of a Service', () => {
  const web = { kind: 'Deployment', name: 'web', namespace: 'shop' };
  const set = (hash: string): OwnerRef => owner('ReplicaSet', `web-${hash}`, { uid: `rs-${hash}` });
  const replica = (name: string, hash = 'abc') =>
    pod({ name, uid: name, owner: set(hash), templateHash: hash });

  beforeEach(() => world.directory.services.upsert(service({ name: 'web' })));
  const backend = () => remoteNow('10.96.0.10', 80).workload;

  test('is the one workload of all endpoints, ready or not, in all slices of both families', () => {
    for (const record of [replica('web-1'), replica('web-2'), replica('web-3', 'def')]) {
      world.directory.pods.upsert(record);
    }
    const notReady = { ready: false, serving: false, terminating: true };
    const endpoints = [endpoint({ podUid: 'web-1' }), endpoint({ podUid: 'web-2', ...notReady })];
    world.directory.slices.upsert(slice({ serviceName: 'web', endpoints }));
    world.directory.slices.upsert(slice({ serviceName: 'web', endpoints: [endpoint({ podUid: 'web-3' })] }));
    world.directory.slices.upsert(
      slice({ serviceName: 'web', endpoints: [endpoint({ podUid: 'web-1', addresses: ['fd00::5'] })] }),
    );
    expect(backend()).toEqual(web);
  });

  test('is none where endpoints are of two workloads, no pods, or missing', () => {
    world.directory.pods.upsert(replica('web-1'));
    world.directory.pods.upsert(pod({ name: 'other', uid: 'other' }));
    const first = slice({ serviceName: 'web', endpoints: [endpoint({ podUid: 'web-1' })] });
    const second = slice({ serviceName: 'web', endpoints: [endpoint({ podUid: 'other' })] });
    expect(backend()).toBeNull();
    world.directory.slices.upsert(first);
    expect(backend()).toEqual(web);
    world.directory.slices.upsert(second);
    expect(backend()).toBeNull();
    world.directory.slices.upsert({ ...second, endpoints: [endpoint({ addresses: ['198.51.100.1'] })] });
    expect(backend()).toBeNull();
    world.directory.slices.upsert({ ...second, endpoints: [endpoint({ podUid: 'not told yet' })] });
    expect(backend()).toBeNull();
    world.directory.slices.remove(second.uid);
    expect(backend()).toEqual(web);
  });

  test('of another namespace, or of a slice of no Service, does not count', () => {
    world.directory.pods.upsert(replica('web-1'));
    const endpoints = [endpoint({ podUid: 'web-1' })];
    world.directory.slices.upsert(slice({ serviceName: 'web', namespace: 'elsewhere', endpoints }));
    world.directory.slices.upsert(slice({ serviceName: '', endpoints }));
    expect(backend()).toBeNull();
  });

  test('that changes after it was told is a change of the addresses of the Service', () => {
    const endpoints = [endpoint({ podUid: 'web-1' })];
    world.directory.slices.upsert(slice({ serviceName: 'web', endpoints }));
    expect(backend()).toBeNull();
    world.directory.takeChanges();
    world.directory.pods.upsert(replica('web-1'));
    expect(world.directory.takeChanges().addresses).toContain('10.96.0.10');
    expect(backend()).toEqual(web);
    world.directory.slices.upsert(slice({ serviceName: 'web', endpoints }));
    expect(world.directory.takeChanges().addresses).not.toContain('10.96.0.10');
  });
});

describe('a pod that is reached by its own address', () => {
  const endpoints = [endpoint({ podUid: 'db-0' })];

  beforeEach(() => world.directory.pods.upsert(pod({ name: 'db-0', uid: 'db-0' })));

  test('is told with the one Service that has it and the port as an endpoint, headless or not', () => {
    world.directory.slices.upsert(slice({ serviceName: 'db', endpoints }));
    expect(remoteNow('10.1.0.5', 8080)).toMatchObject({ name: 'db-0', serviceName: '' }); // no such Service yet
    world.directory.takeChanges();
    world.directory.services.upsert(service({ name: 'db', clusterAddresses: [] }));
    expect(world.directory.takeChanges().addresses).toContain('10.1.0.5');
    expect(remoteNow('10.1.0.5', 8080)).toMatchObject({
      name: 'db-0',
      serviceName: 'db',
      serviceNamespace: 'shop',
    });
    expect(remoteNow('10.1.0.5', 8081)).toMatchObject({ name: 'db-0', serviceName: '' });
    expect(remoteNow('10.1.0.5', 0)).toMatchObject({ name: 'db-0', serviceName: '' });
  });

  test('is a change when it becomes an endpoint of a Service, or of other ports, and when it is none any more', () => {
    const changed = () => [...world.directory.takeChanges().addresses];
    world.directory.services.upsert(service({ name: 'db', clusterAddresses: [] }));
    changed();
    const record = slice({ serviceName: 'db', endpoints });
    world.directory.slices.upsert(record);
    expect(changed()).toEqual(['10.1.0.5']);
    world.directory.slices.upsert({ ...record, endpoints: [...endpoints, endpoint({ podUid: 'other' })] });
    expect(changed()).toEqual([]);
    world.directory.slices.upsert({ ...record, ports: [{ name: '', port: 81, protocol: 'tcp' }] });
    expect(changed()).toEqual(['10.1.0.5']);
    world.directory.slices.upsert({ ...record, endpoints: [] });
    expect(changed()).toEqual(['10.1.0.5']);
    world.directory.slices.upsert(record);
    changed();
    world.directory.slices.remove(record.uid);
    expect(changed()).toEqual(['10.1.0.5']);
  });

  test('is told with none where two Services have it', () => {
    for (const serviceName of ['db', 'db-headless']) {
      world.directory.services.upsert(service({ name: serviceName, clusterAddresses: [] }));
      world.directory.slices.upsert(slice({ serviceName, endpoints }));
    }
    expect(remoteNow('10.1.0.5', 8080)).toMatchObject({ name: 'db-0', serviceName: '' });
  });

  test('is told by the port of a multi-port slice, and by any where the slice names none', () => {
    const ports = [
      { name: 'sql', port: 5432, protocol: 'tcp' as const },
      { name: 'metrics', port: 9187, protocol: 'tcp' as const },
    ];
    world.directory.services.upsert(service({ name: 'db' }));
    const record = slice({ serviceName: 'db', endpoints, ports });
    world.directory.slices.upsert(record);
    expect(remoteNow('10.1.0.5', 9187)).toMatchObject({ serviceName: 'db' });
    expect(remoteNow('10.1.0.5', 9187, 'udp')).toMatchObject({ serviceName: '' });
    world.directory.slices.upsert({ ...record, ports: [{ name: '', port: 0, protocol: 'tcp' }] });
    expect(remoteNow('10.1.0.5', 4711)).toMatchObject({ serviceName: 'db' });
  });
});

test('an index that keeps few forgets the longest gone, and says no names for their time any more', () => {
  world = new World({ keepPods: 2 }).listed();
  const at: number[] = [];
  for (const name of ['a', 'b', 'c']) {
    world.directory.pods.upsert(pod({ name, uid: name, startedMs: world.nowMs }));
    at.push(world.pass(60_000));
    world.pass(10_000);
    world.directory.pods.remove(name);
    world.pass(60_000);
  }
  world.directory.pods.upsert(pod({ name: 'd', startedMs: world.nowMs }));
  world.pass(60_000);
  expect(at.map((ms) => world.directory.remote('10.1.0.5', 0, 'tcp', ms).name)).toEqual(['', 'b', 'c']);
  expect(world.directory.podByUid('a')).toBeUndefined();
  expect(world.directory.statistics).toMatchObject({ pods: 1, podsRemoved: 2, podAddresses: 1 });
});

test('who was forgotten still keeps a successor from being named for its time', () => {
  world = new World({ keepPods: 1 }).listed();
  world.directory.pods.upsert(pod({ name: 'old', uid: 'old' }));
  const startedMs = world.pass(60_000);
  const before = world.pass(1000);
  world.pass(1000);
  world.directory.pods.remove('old');
  for (const name of ['x', 'y']) {
    world.directory.pods.upsert(pod({ name, uid: name, addresses: ['10.1.0.9'] }));
    world.directory.pods.remove(name);
  }
  world.directory.pods.upsert(pod({ name: 'new', startedMs }));
  expect(world.directory.podByUid('old')).toBeUndefined();
  world.pass(60_000);
  expect(world.directory.remote('10.1.0.5', 0, 'tcp', before)).toEqual(unknown);
});

test('who is told again after its removal is there, and not forgotten', () => {
  world = new World({ keepPods: 1 }).listed();
  const web = pod({ name: 'web', uid: 'web' });
  world.directory.pods.upsert(web);
  world.directory.pods.remove('web');
  world.directory.pods.upsert(web);
  for (const name of ['x', 'y']) {
    world.directory.pods.upsert(pod({ name, uid: name, addresses: ['10.1.0.9'] }));
    world.directory.pods.remove(name);
  }
  world.directory.pods.remove('anything');
  expect(remoteNow('10.1.0.5')).toEqual(podNamed('web'));
  expect(world.directory.statistics).toMatchObject({ pods: 1, podsRemoved: 1 });
});

test('too many changes are told as all', () => {
  for (let i = 0; i < 16_385; i++) {
    world.directory.pods.upsert(
      pod({ name: `p${i}`, addresses: [`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`] }),
    );
  }
  expect(world.directory.takeChanges()).toEqual({ addresses: new Set(), all: true });
  expect(world.directory.takeChanges()).toEqual({ addresses: new Set(), all: false });
});

test('an object that is told again is no change', () => {
  const web = pod({ name: 'web', owner: owner('StatefulSet', 'web') });
  world.directory.pods.upsert(web);
  world.directory.takeChanges();
  world.directory.pods.upsert({ ...web, networkMs: null, app: { ...web.app } });
  expect(world.directory.takeChanges().addresses.size).toBe(0);
  expect(world.directory.statistics.unchanged).toBe(1);
});
