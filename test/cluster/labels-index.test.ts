// The index behind the names, read through a proxy that spoils every kind of answer while pods follow one another at the
// same addresses: what it says is never of somebody else, and in the end it is what a fresh list says.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { kubeconfigConfig } from '../../src/cluster/api/kubeconfig.ts';
import { ClusterWatch } from '../../src/cluster/cluster-watch.ts';
import { systemClock } from '../../src/util/clock.ts';
import { ApiServer } from './support/api-server.ts';
import type { Fault } from './support/fault.ts';
import type { KubeList, KubeObject } from './support/kube-object.ts';
import { node, pod, service, slice } from './support/objects.ts';
import { whyNoApiServer } from './support/programs.ts';
import { Proxy } from './support/proxy.ts';

const skipReason = whyNoApiServer();
const ADDRESSES = Array.from({ length: 60 }, (_, i) => `10.244.9.${i + 1}`);
const SPOILED_MS = 26_000;
/** If by then it has not met as many kinds of errors as it must: on a busy machine a request lasts, and faults are few. */
const SPOILED_MAX_MS = 90_000;
const FAULT_MS = 2_000;
/** Moments are asked for when they are so old: by then the directory has to know. */
const AGE_MS = 3_000;
/** Between the end of a request in the server and its answer here. */
const SLACK_MS = 250;

/** One after the other, again and again. Each begins in the middle of something. */
const FAULTS: readonly Fault[] = [
  { kind: 'cut', afterBytes: 3_000 },
  { kind: 'garble', afterBytes: 2_000 },
  { kind: 'delay', ms: 10_000 },
  { kind: 'end', afterBytes: 5_000 },
  { kind: 'status', status: 503, headers: { 'retry-after': '1' } },
  { kind: 'cut', afterBytes: 0 },
  { kind: 'status', status: 429, headers: { 'retry-after': '1' } },
  { kind: 'end', afterBytes: 37 },
  { kind: 'garble', afterBytes: 400 },
  { kind: 'status', status: 500, body: 'x' },
  { kind: 'insert', text: '{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired"}}\n' },
];

/** Who had an address from when to when, as the test did it. */
interface Had {
  readonly name: string;
  readonly fromMs: number;
  toMs: number;
}

let server: ApiServer;
let proxy: Proxy;
let cluster: ClusterWatch;
const history = new Map<string, Had[]>();
const objects = new Map<string, KubeObject>();
let made = 0;

beforeAll(async () => {
  if (skipReason !== null) return;
  server = await ApiServer.start();
  await server.admin.namespace('shop');
  await server.admin.create(node({ name: 'node-b', addresses: ['192.0.2.2'] }));
  await server.admin.create(service({ name: 'all', namespace: 'shop', port: 80 }));
  for (const address of ADDRESSES) await give(address);
  proxy = await Proxy.start(server);
  const file = join(server.folder, 'kubeconfig');
  writeFileSync(file, server.kubeconfig(undefined, proxy.url));
  const options = { version: '0.0.0-test', nodeName: 'node-a', clock: systemClock };
  cluster = new ClusterWatch(await kubeconfigConfig(file), options);
  cluster.start();
});
beforeEach((context) => {
  if (skipReason !== null) context.skip(skipReason);
});
afterAll(async () => {
  await cluster?.stop();
  await proxy?.close();
  await server?.close();
});

async function give(address: string): Promise<void> {
  const name = `pod-${made++}`;
  const had: Had = { name, fromMs: Date.now(), toMs: Infinity };
  history.set(address, [...(history.get(address) ?? []), had]);
  const options = { name, namespace: 'shop', node: 'node-b', addresses: [address] };
  objects.set(address, await server.admin.create(pod(options)));
}

/** The next pod has the address at once. */
async function reuse(address: string): Promise<void> {
  const old = objects.get(address);
  if (old) await server.admin.remove(old);
  const had = history.get(address)?.at(-1);
  if (had) had.toMs = Date.now();
  await give(address);
}

/** What the directory says of a moment, and the test knows to be false. */
function wrongAt(address: string, atMs: number): string[] {
  const { kind, name } = cluster.directory.remote(address, 0, 'tcp', atMs);
  if (kind === 'unknown') return [];
  const had = history.get(address)?.find((each) => each.name === name);
  const isTrue = had !== undefined && atMs >= had.fromMs - SLACK_MS && atMs <= had.toMs + SLACK_MS;
  return isTrue ? [] : [`${address} at ${atMs}: ${name}, ${JSON.stringify(history.get(address))}`];
}

/** Kinds of errors that the agent has met. */
function kindsOfErrors(): number {
  return new Set(cluster.states.flatMap(({ errors }) => [...errors.keys()])).size;
}

async function listOf(path: string): Promise<KubeList['items']> {
  return (await server.admin.get<KubeList>(path)).items;
}

describe('the index', () => {
  it('never says that an address was of somebody else, and is a fresh list in the end', async () => {
    const wrong: string[] = [];
    let answers = 0;
    let faults = 0;
    await expect.poll(() => cluster.synced, { timeout: 60_000, interval: 20 }).toBe(true);
    let nextMs = performance.now() + AGE_MS + FAULT_MS;
    const start = performance.now();
    const goesOn = (spentMs: number): boolean =>
      spentMs < SPOILED_MS || (kindsOfErrors() <= 2 && spentMs < SPOILED_MAX_MS);
    for (let i = 0; goesOn(performance.now() - start); i++) {
      if (performance.now() > nextMs) {
        nextMs += FAULT_MS;
        const fault = FAULTS[faults++ % FAULTS.length];
        if (fault) proxy.inject(fault, { times: 2 });
        proxy.cut();
      }
      await reuse(ADDRESSES[(i * 7) % ADDRESSES.length] ?? '');
      if (i % 5 === 0) await slices(i);
      for (const address of ADDRESSES) {
        const atMs = Date.now() - AGE_MS;
        wrong.push(...wrongAt(address, atMs));
        if (cluster.directory.remote(address, 0, 'tcp', atMs).kind === 'pod') answers++;
      }
      await sleep(100);
    }
    proxy.heal();
    expect(wrong).toEqual([]);
    expect(answers).toBeGreaterThan(0);
    expect(kindsOfErrors()).toBeGreaterThan(2);
    await expect.poll(() => cluster.problems(), { timeout: 60_000, interval: 100 }).toEqual([]);
    await equalsFreshLists();
    for (const [address, hads] of history) {
      // any moment of the past, as it is known now
      for (const { fromMs, toMs } of hads) {
        for (const atMs of [fromMs - 50, fromMs + 50, toMs - 50, toMs + 50, toMs + 1000]) {
          if (Number.isFinite(atMs) && atMs < Date.now() - AGE_MS) wrong.push(...wrongAt(address, atMs));
        }
      }
    }
    expect(wrong).toEqual([]);
  });
});

async function slices(i: number): Promise<void> {
  const endpoints = ADDRESSES.slice(i % 50, (i % 50) + 5).map((address) => {
    const { uid = '', name } = objects.get(address)?.metadata ?? { name: '' };
    return { address, node: 'node-b', pod: name, podUid: uid };
  });
  const one = slice({
    service: 'all',
    namespace: 'shop',
    family: 'IPv4',
    port: 8080,
    suffix: `${i}`,
    endpoints,
  });
  await server.admin.create(one);
  if (i >= 25) {
    const old = { ...one, metadata: { ...one.metadata, name: `all-${i - 25}` } };
    await server.admin.remove(old);
  }
}

async function equalsFreshLists(): Promise<void> {
  const { directory } = cluster;
  const counts = async (): Promise<unknown> => ({
    pods: (await listOf('/api/v1/pods')).length,
    services: (await listOf('/api/v1/services')).length,
    slices: (await listOf('/apis/discovery.k8s.io/v1/endpointslices')).length,
    nodes: (await listOf('/api/v1/nodes')).length,
  });
  const wanted = await counts();
  await expect
    .poll(() => directory.statistics, { timeout: 45_000, interval: 100 })
    .toMatchObject(wanted as object);
  const pods = await listOf('/api/v1/pods');
  const told = pods.map(({ metadata }) => directory.podByUid(metadata.uid ?? '')?.name);
  expect(told).toEqual(pods.map(({ metadata }) => metadata.name));
  for (const address of ADDRESSES) {
    expect(directory.holder(address, 0, 'tcp')).toBe(objects.get(address)?.metadata.uid);
  }
}
