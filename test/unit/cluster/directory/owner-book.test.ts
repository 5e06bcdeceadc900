import { beforeEach, describe, expect, test, vi } from 'vitest';
import { owner, pod, World } from './world.ts';

const wantOwner = vi.fn<(ref: unknown, namespace: string) => void>();
let world: World;
beforeEach(() => {
  wantOwner.mockReset();
  world = new World({ wantOwner }).listed();
});

const workload = (uid: string) => {
  const record = world.directory.podByUid(uid);
  return record === undefined ? undefined : world.directory.workloadOf(record);
};
const named = (kind: string, name: string) => ({ kind, name, namespace: 'shop' });
const deployment = owner('Deployment', 'web');

describe('the workload of a pod', () => {
  const replicaSet = owner('ReplicaSet', 'web-abc');

  test.each([
    ['is the pod where it has no owner', {}, named('Pod', 'a-pod')],
    ['is the StatefulSet', { owner: owner('StatefulSet', 'db') }, named('StatefulSet', 'db')],
    ['is the DaemonSet', { owner: owner('DaemonSet', 'agent') }, named('DaemonSet', 'agent')],
    [
      'is an owner of any kind by its own name',
      { owner: owner('Widget', 'w', { apiVersion: 'x.io/v1' }) },
      named('Widget', 'w'),
    ],
    [
      'is the Deployment that the template hash implies',
      { owner: replicaSet, templateHash: 'abc' },
      named('Deployment', 'web'),
    ],
    [
      'is the ReplicaSet where the hash does not fit its name',
      { owner: replicaSet, templateHash: 'xyz' },
      named('ReplicaSet', 'web-abc'),
    ],
    ['is the ReplicaSet without a hash', { owner: replicaSet }, named('ReplicaSet', 'web-abc')],
    ['is the Job until its owner is known', { owner: owner('Job', 'report-28') }, named('Job', 'report-28')],
  ])('%s', (_, record, expected) => {
    world.directory.pods.upsert(pod({ name: 'a-pod', uid: 'u1', ...record }));
    expect(workload('u1')).toEqual(expected);
  });

  test('of a static pod is its manifest, without the name of the node', () => {
    const ref = owner('Node', 'Node-A', { apiVersion: 'v1' });
    const record = { nodeName: 'Node-A', hostNetwork: true, staticHash: 'f'.repeat(32), owner: ref };
    world.directory.pods.upsert(pod({ name: 'etcd-node-a', uid: 'u1', ...record }));
    world.directory.pods.upsert(pod({ name: 'etcd', uid: 'u2', ...record }));
    expect(workload('u1')).toEqual(named('Pod', 'etcd'));
    expect(workload('u2')).toEqual(named('Pod', 'etcd'));
    expect(wantOwner).not.toHaveBeenCalled();
  });

  test('is asked for on demand, once for all pods of the owner, and again when no answer came', () => {
    for (const uid of ['u1', 'u2']) {
      world.directory.pods.upsert(pod({ name: uid, uid, owner: { ...replicaSet }, templateHash: 'abc' }));
    }
    expect(wantOwner).not.toHaveBeenCalled();
    workload('u1');
    workload('u2');
    expect(wantOwner.mock.calls).toEqual([[replicaSet, 'shop']]);
    world.pass(60_000);
    workload('u2');
    expect(wantOwner).toHaveBeenCalledTimes(2);
    world.directory.ownerIs(replicaSet.uid, deployment);
    world.pass(600_000);
    workload('u1');
    expect(wantOwner).toHaveBeenCalledTimes(2);
  });

  test('that is learnt later changes the answers for its pods, and the backends they are', () => {
    const job = owner('Job', 'report-28', { uid: 'job' });
    world.directory.pods.upsert(pod({ name: 'report', uid: 'u1', owner: job }));
    expect(workload('u1')).toEqual(named('Job', 'report-28'));
    world.directory.takeChanges();
    world.directory.ownerIs('job', owner('CronJob', 'report'));
    expect(world.directory.takeChanges().addresses).toEqual(new Set(['10.1.0.5']));
    expect(workload('u1')).toEqual(named('CronJob', 'report'));
  });

  test('that is learnt to be what it was taken for is no change', () => {
    world.directory.pods.upsert(pod({ name: 'web', uid: 'u1', owner: replicaSet, templateHash: 'abc' }));
    workload('u1');
    world.directory.takeChanges();
    world.directory.ownerIs(replicaSet.uid, deployment);
    expect(world.directory.takeChanges().addresses.size).toBe(0);
    expect(workload('u1')).toEqual(named('Deployment', 'web'));
  });

  test('is the ReplicaSet that turns out to have no controller, or the other kind that controls it', () => {
    world.directory.pods.upsert(pod({ name: 'web', uid: 'u1', owner: replicaSet, templateHash: 'abc' }));
    world.directory.ownerIs(replicaSet.uid, null);
    expect(workload('u1')).toEqual(named('ReplicaSet', 'web-abc'));
    world.directory.ownerIs(replicaSet.uid, owner('Rollout', 'web', { apiVersion: 'x.io/v1' }));
    expect(workload('u1')).toEqual(named('Rollout', 'web'));
  });

  test('of an owner without a namespace is in each of its namespaces', () => {
    const ref = owner('Fleet', 'all', { apiVersion: 'x.io/v1' });
    world.directory.pods.upsert(pod({ name: 'a', uid: 'u1', owner: ref }));
    world.directory.pods.upsert(pod({ name: 'b', uid: 'u2', owner: ref, namespace: 'elsewhere' }));
    expect(workload('u1')).toEqual(named('Fleet', 'all'));
    expect(workload('u2')).toEqual({ ...named('Fleet', 'all'), namespace: 'elsewhere' });
  });

  test('follows the pod to another owner', () => {
    const record = pod({ name: 'web', uid: 'u1', owner: replicaSet, templateHash: 'abc' });
    world.directory.pods.upsert(record);
    workload('u1');
    world.directory.takeChanges();
    world.directory.pods.upsert({ ...record, owner: null });
    expect(workload('u1')).toEqual(named('Pod', 'web'));
    expect(world.directory.takeChanges().addresses).toContain('10.1.0.5');
    expect(world.directory.statistics.owners).toBe(0);
  });
});

test('owners are kept as long as pods name them', () => {
  world = new World({ wantOwner, keepPods: 0 }).listed();
  const ref = owner('ReplicaSet', 'web-abc');
  for (const uid of ['u1', 'u2']) world.directory.pods.upsert(pod({ name: uid, uid, owner: ref }));
  expect(world.directory.statistics.owners).toBe(1);
  world.directory.pods.remove('u1');
  world.directory.pods.remove('u2');
  world.directory.pods.remove('anything');
  expect(world.directory.statistics).toMatchObject({ owners: 0, pods: 0, podAddresses: 0 });
  world.directory.ownerIs(ref.uid, null);
  expect(world.directory.statistics.owners).toBe(0);
});
