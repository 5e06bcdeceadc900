import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type {
  NodeRecord,
  OwnerRef,
  PodRecord,
  ServiceRecord,
  SliceRecord,
} from '../../../../src/cluster/objects/records.ts';
import type { RemoteEnd } from '../../../../src/cluster/directory/remote-end.ts';
import { endpoint, node, pod, service, slice, START_MS, World } from './world.ts';

const RUNS = Number(process.env['PROPERTY_RUNS'] ?? 40);

const PODS = ['10.1.0.1', '10.1.0.2', 'fd00::1'];
const NODES = ['192.0.2.1', '192.0.2.2'];
const SERVICES = ['10.96.0.1', '10.96.0.2', '203.0.113.1'];
const PORTS = [0, 80, 443, 8080, 30_080];
const NAMES = ['a', 'b'];

const several = <T>(items: readonly T[]) => fc.subarray([...items], { maxLength: 2 });
const name = fc.constantFrom(...NAMES);
const port = fc.constantFrom(...PORTS.slice(1));
const portRecord = fc.record({ port, protocol: fc.constant('tcp' as const) });
const ownerRef: fc.Arbitrary<OwnerRef> = fc.constantFrom(
  { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web-abc', uid: 'rs-1' },
  { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'api-abc', uid: 'rs-2' },
  { apiVersion: 'batch/v1', kind: 'Job', name: 'job', uid: 'job-1' },
);

/** What does not change in a pod's life follows from its UID. */
const podRecord = fc
  .record({
    number: fc.nat(5),
    addresses: several(PODS),
    done: fc.boolean(),
    terminating: fc.boolean(),
    owner: fc.option(ownerRef),
    nodeName: fc.constantFrom('node-a', 'node-b'),
  })
  .map(({ number, addresses, nodeName, ...rest }): PodRecord => {
    const hostNetwork = number === 5;
    const place = number < 3 ? 'node-a' : 'node-b';
    return pod({
      ...rest,
      uid: `p${number}`,
      name: `pod-${number}`,
      templateHash: 'abc',
      hostNetwork,
      nodeName: place,
      createdMs: START_MS - 3_600_000,
      addresses: hostNetwork ? [nodeName === 'node-a' ? '192.0.2.1' : '192.0.2.2'] : addresses,
      hostPorts: number >= 4 ? [{ port: 8080, protocol: 'tcp', address: '' }] : [],
    });
  });

const serviceRecord = fc
  .record({
    uid: fc.constantFrom('s1', 's2', 's3'),
    addresses: several(SERVICES),
    externalAddresses: several([...SERVICES, ...NODES, ...PODS]),
    ports: fc.array(fc.tuple(portRecord, fc.constantFrom(0, 30_080)), { maxLength: 2 }),
    type: fc.constantFrom('ClusterIP' as const, 'ExternalName' as const),
  })
  .map(({ uid, addresses, externalAddresses, ports, type }): ServiceRecord => {
    const own = ports.map(([each, nodePort]) => ({ ...each, name: '', nodePort }));
    const createdMs = START_MS - 3_600_000;
    return service({
      uid,
      name: uid === 's3' ? 's1' : uid,
      clusterAddresses: addresses,
      externalAddresses,
      ports: own,
      type,
      createdMs,
    });
  });

const sliceRecord = fc
  .record({
    uid: fc.constantFrom('l1', 'l2', 'l3'),
    serviceName: fc.constantFrom('s1', 's2', ''),
    pods: fc.subarray(['p0', 'p1', 'p2', 'p3', 'p4', 'p5', '', 'nobody']),
    ports: fc.array(portRecord, { maxLength: 2 }),
  })
  .map(({ pods, ports, ...rest }): SliceRecord => {
    const endpoints = pods.map((podUid) => endpoint({ podUid }));
    return slice({ ...rest, endpoints, ports: ports.map((each) => ({ ...each, name: '' })) });
  });

const nodeRecord = fc
  .record({
    name: fc.constantFrom('node-a', 'node-b'),
    addresses: several(NODES),
    zone: name,
    again: fc.boolean(),
  })
  .map(({ again, ...rest }): NodeRecord => {
    const uid = `${rest.name}${again ? '-again' : ''}`;
    return node({ ...rest, uid, createdMs: START_MS - (again ? 1_800_000 : 3_600_000) });
  });

type Kind = 'pods' | 'services' | 'slices' | 'nodes';
type Step =
  | { readonly kind: Kind; readonly record: { readonly uid: string } }
  | { readonly kind: Kind; readonly remove: string }
  | { readonly uid: string; readonly controller: OwnerRef | null };

const upsert = (kind: Kind, record: fc.Arbitrary<{ readonly uid: string }>) =>
  record.map((each): Step => ({ kind, record: each }));
const remove = (kind: Kind, ...uids: readonly string[]) =>
  fc.constantFrom(...uids).map((uid): Step => ({ kind, remove: uid }));

const step: fc.Arbitrary<Step> = fc.oneof(
  { arbitrary: upsert('pods', podRecord), weight: 4 },
  { arbitrary: upsert('services', serviceRecord), weight: 2 },
  { arbitrary: upsert('slices', sliceRecord), weight: 2 },
  { arbitrary: upsert('nodes', nodeRecord), weight: 2 },
  remove('pods', 'p0', 'p1', 'p2', 'p3', 'p4', 'p5'),
  remove('services', 's1', 's2', 's3'),
  remove('slices', 'l1', 'l2', 'l3'),
  remove('nodes', 'node-a', 'node-b', 'node-a-again'),
  fc
    .record({ owner: ownerRef, controller: fc.option(fc.constantFrom('Deployment', 'CronJob')) })
    .map(({ owner, controller }): Step => {
      const ref = { apiVersion: 'apps/v1', kind: controller ?? '', name: 'top', uid: 'top' };
      return { uid: owner.uid, controller: controller === null ? null : ref };
    }),
);

/** Lists as the API server would answer them after the steps, and what is known of owners. */
class Lists {
  readonly objects = {
    pods: new Map<string, PodRecord>(),
    services: new Map<string, ServiceRecord>(),
    slices: new Map<string, SliceRecord>(),
    nodes: new Map<string, NodeRecord>(),
  };

  take(each: Step): void {
    if ('record' in each) this.objects[each.kind].set(each.record.uid, each.record as never);
    else if ('remove' in each) this.objects[each.kind].delete(each.remove);
  }
}

function tell(world: World, each: Step): void {
  const { directory } = world;
  if ('controller' in each) directory.ownerIs(each.uid, each.controller);
  else if ('remove' in each) directory[each.kind].remove(each.remove);
  else directory[each.kind].upsert(each.record as never);
}

const keys = [...PODS, ...NODES, ...SERVICES].flatMap((address) =>
  PORTS.map((number) => ({ address, number })),
);

/** Everybody there is to ask for, some time after the last news. */
function answers(world: World): Map<string, RemoteEnd> {
  const atMs = world.nowMs - 8000;
  return new Map(
    keys.map(({ address, number }) => [
      `${address} ${number}`,
      world.directory.remote(address, number, 'tcp', atMs),
    ]),
  );
}

describe('after any news of pods, Services, slices and nodes, in any order,', () => {
  test('the answers of now are those of a directory that was made of fresh lists', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.infiniteStream(fc.nat(30_000)), (steps, waits) => {
        const world = new World().listed();
        const lists = new Lists();
        for (const each of steps) {
          if ('controller' in each) continue;
          tell(world, each);
          lists.take(each);
          world.pass(waits.next().value ?? 0);
          answers(world);
        }
        // slices follow when pods are removed
        for (const [uid, record] of lists.objects.slices) {
          const endpoints = record.endpoints.filter(
            ({ podUid }) => !podUid.startsWith('p') || lists.objects.pods.has(podUid),
          );
          const followed = { kind: 'slices' as const, record: { ...record, uid, endpoints } };
          tell(world, followed);
          lists.take(followed);
        }
        const fresh = new World();
        fresh.monoMs = world.monoMs;
        for (const kind of ['slices', 'pods', 'services', 'nodes'] as const) {
          for (const record of lists.objects[kind].values()) fresh.directory[kind].upsert(record as never);
          fresh.directory[kind].synced();
        }
        fresh.pass(60_000);
        world.pass(60_000);
        // the zone of a node stays known when it is removed: pods that were on it are still asked for
        const there = new Set([...lists.objects.nodes.values()].map((each) => each.name));
        const zoneless = ([key, end]: [string, RemoteEnd]) => [
          key,
          there.has(end.node) ? end : { ...end, zone: '' },
        ];
        expect([...answers(world)].map(zoneless)).toEqual([...answers(fresh)].map(zoneless));
      }),
      { numRuns: RUNS * 3 },
    );
  });

  test('who asks again only for what has changed or was not final has the same answers as who asks for all', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const world = new World().listed();
        world.pass(60_000);
        let known = answers(world);
        world.directory.takeChanges();
        for (const each of steps) {
          tell(world, each);
          world.pass(30_000);
          const { addresses, all } = world.directory.takeChanges();
          const next = answers(world);
          for (const [key, end] of known) {
            const address = key.split(' ')[0] ?? '';
            if (all || addresses.has(address) || !end.final) continue;
            expect(next.get(key), `${key} after ${JSON.stringify(each)}`).toEqual(end);
          }
          known = next;
        }
      }),
      { numRuns: RUNS * 3 },
    );
  });
});
