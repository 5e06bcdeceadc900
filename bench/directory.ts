// What the directory of cluster objects costs: heap per pod, upserts and lookups a second. Pods as a cluster has them:
// ReplicaSets of ten, 40 pods a node, one Service a ReplicaSet.
// Run: node --expose-gc bench/directory.ts [pods] [addresses a pod]
import { Directory } from '../src/cluster/directory/directory.ts';
import { Projections } from '../src/cluster/objects/projections.ts';
import { systemClock } from '../src/util/clock.ts';
import { bench } from './support/bench.ts';

const PODS_A_SET = 10;
const PODS_A_NODE = 40;
const count = Number(process.argv[2] ?? 50_000);
const families = Number(process.argv[3] ?? 1);
const startedMs = Date.now() - 3_600_000;
const started = new Date(startedMs).toISOString();

const hex = (n: number, digits: number): string => n.toString(16).padStart(digits, '0');
const uid = (kind: number, i: number): string =>
  `${hex(i, 8)}-${hex(kind, 4)}-4d5e-8f90-${hex(i * 7919, 12)}`;
const v4 = (i: number): string => `10.${100 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`;

/** As the API server tells it, through JSON, so that no text is shared by accident. */
function podJson(i: number): unknown {
  const set = Math.floor(i / PODS_A_SET);
  const hash = hex(set * 2_654_435, 10).slice(-10);
  const name = `checkout-${set % 400}-${hash}`;
  const addresses = [{ ip: v4(i) }, { ip: `fd00:10:${hex((i >> 16) + 1, 1)}::${hex((i & 0xffff) + 1, 1)}` }];
  const app = { 'app.kubernetes.io/name': `checkout-${set % 400}`, 'app.kubernetes.io/part-of': 'shop' };
  return JSON.parse(
    JSON.stringify({
      metadata: {
        uid: uid(1, i),
        namespace: `team-${set % 50}`,
        name: `${name}-${hex(i, 5)}`,
        creationTimestamp: started,
        labels: { ...app, 'pod-template-hash': hash },
        ownerReferences: [
          { apiVersion: 'apps/v1', kind: 'ReplicaSet', name, uid: uid(2, set), controller: true },
        ],
      },
      spec: { nodeName: `node-${Math.floor(i / PODS_A_NODE)}.example.internal` },
      status: {
        phase: 'Running',
        startTime: started,
        podIP: v4(i),
        podIPs: addresses.slice(0, families),
        conditions: [{ type: 'PodReadyToStartContainers', status: 'True', lastTransitionTime: started }],
        containerStatuses: [
          {
            name: 'app',
            image: 'registry.example/checkout:1.42.0',
            containerID: `containerd://${hex(i, 64)}`,
            state: { running: { startedAt: started } },
          },
        ],
      },
    }),
  );
}

function sliceJson(set: number): unknown {
  const endpoints = Array.from({ length: PODS_A_SET }, (_, k) => ({
    addresses: [v4(set * PODS_A_SET + k)],
    conditions: { ready: true },
    targetRef: { kind: 'Pod', name: 'a-pod', uid: uid(1, set * PODS_A_SET + k) },
  }));
  const labels = { 'kubernetes.io/service-name': `service-${set}` };
  const metadata = { uid: uid(3, set), namespace: `team-${set % 50}`, name: `service-${set}-abcde`, labels };
  return JSON.parse(
    JSON.stringify({ metadata, endpoints, ports: [{ name: 'http', port: 8080, protocol: 'TCP' }] }),
  );
}

function serviceJson(set: number): unknown {
  const metadata = {
    uid: uid(4, set),
    namespace: `team-${set % 50}`,
    name: `service-${set}`,
    creationTimestamp: started,
  };
  const spec = { clusterIPs: [`10.96.${set >> 8}.${set & 255}`], ports: [{ port: 80, protocol: 'TCP' }] };
  return JSON.parse(JSON.stringify({ metadata, spec }));
}

function nodeJson(i: number): unknown {
  return JSON.parse(
    JSON.stringify({
      metadata: {
        uid: uid(5, i),
        name: `node-${i}.example.internal`,
        creationTimestamp: started,
        labels: { 'topology.kubernetes.io/zone': `zone-${i % 3}` },
      },
      spec: { podCIDRs: [`10.${100 + (i >> 8)}.${i & 255}.0/24`] },
      status: { addresses: [{ type: 'InternalIP', address: `192.168.${i >> 8}.${i & 255}` }] },
    }),
  );
}

function heapBytes(): number {
  if (globalThis.gc === undefined) throw new Error('run it with --expose-gc');
  globalThis.gc();
  globalThis.gc();
  return process.memoryUsage().heapUsed;
}

/** CPU time of this thread: other work on the machine does not count. */
function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

/** Runs `work` so many times; answers how many a second of CPU time. */
function perSecond(times: number, work: (i: number) => void): number {
  const fromMs = cpuMs();
  for (let i = 0; i < times; i++) work(i);
  return Math.round((times / (cpuMs() - fromMs)) * 1000);
}

const BATCH = 1_000;
const sets = Math.floor(count / PODS_A_SET);
const of = { pods: count, ...(families === 1 ? {} : { addressesAPod: families }) };

/** Times can be put forward: what is younger than two seconds is not named. */
class Clock {
  slackMs = 0;
  tsMonoMs(): number {
    return systemClock.tsMonoMs() + this.slackMs;
  }
  tsWallMs(): number {
    return systemClock.tsWallMs() + this.slackMs;
  }
}

const clock = new Clock();
const projections = new Projections({ ownNode: 'node-0.example.internal' });
const directory = new Directory({ clock });

/** Puts in all that `work` does, and answers what of the heap it takes. */
function heapOf(work: () => void): number {
  const before = heapBytes();
  work();
  return heapBytes() - before;
}

function putNodes(): number {
  return perSecond(Math.ceil(count / PODS_A_NODE), (i) => {
    const record = projections.node(nodeJson(i));
    if (record !== null) directory.nodes.upsert(record);
  });
}

/** The JSON is made in batches, so that only the directory's share is timed and kept. */
function putPods(): { projected: number; put: number } {
  let projectMs = 0;
  let upsertMs = 0;
  for (let from = 0; from < count; from += BATCH) {
    const raw = Array.from({ length: Math.min(BATCH, count - from) }, (_, k) => podJson(from + k));
    const fromMs = cpuMs();
    const records = raw.map((item) => projections.pod(item));
    const betweenMs = cpuMs();
    for (const record of records) {
      if (record !== null) directory.pods.upsert(record);
    }
    projectMs += betweenMs - fromMs;
    upsertMs += cpuMs() - betweenMs;
  }
  return { projected: (count / projectMs) * 1_000, put: (count / upsertMs) * 1_000 };
}

function putPodsAgain(): number {
  const again = Array.from({ length: Math.min(BATCH, count) }, (_, i) => projections.pod(podJson(i)));
  return perSecond(again.length * 50, (i) => {
    const record = again[i % again.length];
    if (record !== null && record !== undefined) directory.pods.upsert(record);
  });
}

function putServices(): void {
  for (let set = 0; set < sets; set++) {
    const record = projections.service(serviceJson(set));
    if (record !== null) directory.services.upsert(record);
  }
}

function putSlices(): void {
  for (let set = 0; set < sets; set++) {
    const record = projections.slice(sliceJson(set));
    if (record !== null) directory.slices.upsert(record);
  }
}

function addLookups(rate: (what: string, value: number) => void): void {
  for (const sink of [directory.pods, directory.services, directory.slices, directory.nodes]) sink.synced();
  clock.slackMs = 60_000;
  const atMs = clock.tsWallMs() - 10_000;
  let named = 0;
  const ask = (address: string, port: number): void => {
    if (directory.remote(address, port, 'tcp', atMs).kind !== 'unknown') named++;
  };
  const addresses = Array.from({ length: 4096 }, (_, i) => v4((i * 7919) % count));
  const services = Array.from({ length: 4096 }, (_, i) => `10.96.${(i % sets) >> 8}.${(i % sets) & 255}`);
  const LOOKUPS = 500_000;
  rate(
    'pods looked up by address and port',
    perSecond(LOOKUPS, (i) => ask(addresses[i & 4095] ?? '', 8080)),
  );
  rate(
    'Services looked up',
    perSecond(LOOKUPS, (i) => ask(services[i & 4095] ?? '', 80)),
  );
  if (named < 2 * LOOKUPS) throw new Error(`${named} of ${2 * LOOKUPS} addresses were named`);
  rate(
    'addresses outside looked up',
    perSecond(LOOKUPS, () => ask('203.0.113.7', 443)),
  );
}

await bench(async (figures) => {
  const rate = (what: string, value: number): void =>
    figures.add('a second of CPU time', { ...of, of: what }, '', value, 0);
  const heap = (what: string, bytes: number, number: number): void =>
    figures.add('heap', { ...of, of: what }, 'B', bytes / number, 0);
  const emptyBytes = heapBytes();
  let nodes = 0;
  heap(
    'a node',
    heapOf(() => (nodes = putNodes())),
    Math.ceil(count / PODS_A_NODE),
  );
  let pods = { projected: 0, put: 0 };
  heap(
    'a pod',
    heapOf(() => (pods = putPods())),
    count,
  );
  const unchanged = putPodsAgain();
  heap('a Service', heapOf(putServices), sets);
  heap('an endpoint', heapOf(putSlices), count);
  heap('all', heapBytes() - emptyBytes, 1);
  rate('nodes, with their JSON', nodes);
  rate('pods projected', pods.projected);
  rate('pods put in', pods.put);
  rate('pods put in again, unchanged', unchanged);
  addLookups(rate);
});
