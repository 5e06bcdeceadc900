// The list-watch client against a real kube-apiserver: what the fake one of the unit tests pretends is so.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { canI } from '../../src/cluster/api/access-review.ts';
import { ApiClient } from '../../src/cluster/api/api-client.ts';
import type { ApiConfig } from '../../src/cluster/api/api-config.ts';
import { inClusterConfig } from '../../src/cluster/api/in-cluster.ts';
import { kubeconfigConfig } from '../../src/cluster/api/kubeconfig.ts';
import { OwnerFetcher } from '../../src/cluster/api/owner-fetcher.ts';
import { Reflector, type ReflectorSink } from '../../src/cluster/api/reflector.ts';
import type { ReflectorTimings } from '../../src/cluster/api/reflector-timings.ts';
import { ApiServer } from './support/api-server.ts';
import type { KubeList, KubeObject } from './support/kube-object.ts';
import { node, pod } from './support/objects.ts';
import { whyNoApiServer } from './support/programs.ts';
import { Proxy } from './support/proxy.ts';

const why = whyNoApiServer();
const PODS = '/api/v1/pods';
const PATIENT = { timeout: 60_000, interval: 20 } as const;
const QUICK: Partial<ReflectorTimings> = { relistMs: 200, backoffBaseMs: 50, backoffCapMs: 500 };
const RULES = [{ apiGroups: [''], resources: ['pods'], verbs: ['list', 'watch'] }];

interface Kept {
  readonly uid: string;
  readonly name: string;
}

/** The pods, as a Reflector tells them. */
class Pods implements ReflectorSink<Kept>, AsyncDisposable {
  readonly kept = new Map<string, string>();
  readonly removed: string[] = [];
  syncs = 0;
  readonly client: ApiClient;
  readonly reflector: Reflector<Kept>;

  constructor(config: ApiConfig, timings: Partial<ReflectorTimings> = {}) {
    this.client = new ApiClient(config, { version: '0.0.0-test' });
    const project = (raw: unknown): Kept => {
      const { uid = '', name } = (raw as KubeObject).metadata;
      return { uid, name };
    };
    this.reflector = new Reflector(this.client, { path: PODS }, project, this, {
      timings: { ...QUICK, ...timings },
    });
    this.reflector.start();
  }

  upsert({ uid, name }: Kept): void {
    this.kept.set(uid, name);
  }

  remove(uid: string): void {
    this.removed.push(uid);
    this.kept.delete(uid);
  }

  synced(): void {
    this.syncs++;
  }

  lost(): void {
    // seen by state
  }

  get errors(): Record<string, number> {
    return Object.fromEntries(this.reflector.state.errors);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.reflector.stop();
    this.client.close();
  }
}

/** The index has what a fresh list has. */
async function same(pods: Pods, server: ApiServer): Promise<void> {
  await expect
    .poll(async () => {
      const { items } = await server.admin.get<KubeList>(PODS);
      const fresh = items.map(({ metadata }) => [metadata.uid ?? '', metadata.name] as const);
      return JSON.stringify([...pods.kept].sort(byUid)) === JSON.stringify(fresh.sort(byUid));
    }, PATIENT)
    .toBe(true);
}

function byUid([a]: readonly [string, string], [b]: readonly [string, string]): number {
  return a < b ? -1 : 1;
}

let folder = '';
let pods = 0;
beforeEach((context) => {
  if (why !== null) context.skip(why);
});
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), 'kube-netc-api-'))));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function makePod(server: ApiServer): Promise<KubeObject> {
  const made = pod({ name: `pod-${++pods}`, node: 'node-a', addresses: [`10.244.0.${(pods % 250) + 1}`] });
  return server.admin.create(made);
}

/** What a pod has: a folder with token and CA, and the variables. */
function inPod(
  server: ApiServer,
  token: string,
  url = server.url,
): { config: ApiConfig; rotate: (token: string) => void } {
  const path = mkdtempSync(join(folder, 'account-'));
  const rotate = (next: string): void => writeFileSync(join(path, 'token'), next);
  rotate(token);
  writeFileSync(join(path, 'ca.crt'), server.ca);
  const { hostname, port } = new URL(url);
  const config = inClusterConfig({
    folder: path,
    env: { KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port },
  });
  return { config: config!, rotate };
}

async function start(options?: Parameters<typeof ApiServer.start>[0]): Promise<ApiServer> {
  const server = await ApiServer.start(options);
  await server.admin.create({
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: 'default', namespace: 'default' },
  });
  await server.admin.create(node({ name: 'node-a', addresses: ['192.0.2.10'] }));
  return server;
}

describe('the pods of a real API server', () => {
  let server: ApiServer;
  let token = '';
  beforeAll(async () => {
    if (why !== null) return;
    server = await start();
    token = await server.token('agent', RULES);
  });
  beforeEach(async () => server?.ready());
  afterAll(async () => server?.close());

  it('are streamed and followed, with the rights of a service account', async () => {
    const first = await makePod(server);
    await using mirror = new Pods(inPod(server, token).config);
    await same(mirror, server);
    await makePod(server);
    await server.admin.remove(first);
    await same(mirror, server);
    expect(mirror.errors).toEqual({});
    const { lists, restarts, phase } = mirror.reflector.state;
    expect({ lists, restarts, phase }).toEqual({ lists: 1, restarts: 0, phase: 'watching' });
    expect(mirror.client.received.byResource.get('pods')?.requests).toBe(1);
  });

  it('are followed with a kubeconfig', async () => {
    await using mirror = new Pods(await kubeconfigConfig(server.kubeconfigFile(token)));
    await makePod(server);
    await same(mirror, server);
  });

  it('are followed on when the server was killed, without a list', async () => {
    await using mirror = new Pods(inPod(server, token).config);
    await same(mirror, server);
    await server.kill();
    await expect.poll(() => mirror.errors['connect'] ?? 0, PATIENT).toBeGreaterThan(0);
    const before = mirror.kept.size;
    await server.restart();
    await makePod(server);
    await same(mirror, server);
    expect(mirror.kept.size).toBe(before + 1);
    expect(mirror.removed).toEqual([]);
  });

  it('are listed anew once etcd has forgotten the past (410), and only what is gone is removed', async () => {
    const [gone] = [await makePod(server), await makePod(server)];
    await using proxy = await Proxy.start(server);
    await using mirror = new Pods(inPod(server, token, proxy.url).config);
    await same(mirror, server);
    await proxy.refuse();
    await server.admin.remove(gone);
    await makePod(server);
    await server.forgetThePast();
    await proxy.listenAgain();
    await same(mirror, server);
    expect(mirror.errors['gone']).toBe(1);
    expect(mirror.syncs).toBe(2);
    expect(mirror.removed).toEqual([gone.metadata.uid]);
  });

  it('are followed on while tokens expire and are replaced', async () => {
    const short = await server.token('agent', RULES, 3);
    const { config, rotate } = inPod(server, short);
    // watches are asked for by the second, so that there are requests with the old token
    await using mirror = new Pods(config, { watchMs: 1_000, listWatchMs: 1_000 });
    await same(mirror, server);
    await expect.poll(() => mirror.errors['unauthorized'] ?? 0, PATIENT).toBeGreaterThan(0);
    expect(mirror.reflector.state.problem).toBe('pods: the API server does not accept our credentials (401)');
    expect(mirror.kept.size).toBeGreaterThan(0);
    rotate(await server.token('agent', RULES));
    await makePod(server);
    await same(mirror, server);
    expect(mirror.reflector.state.problem).toBeNull();
    expect([mirror.syncs, mirror.removed]).toEqual([1, []]);
  });

  it('are followed on after the server stood still', async () => {
    await using mirror = new Pods(inPod(server, token).config, { silenceMs: 1_500 });
    await same(mirror, server);
    await server.pause();
    await expect.poll(() => mirror.errors['silent'] ?? 0, PATIENT).toBeGreaterThan(0);
    server.resume();
    await makePod(server);
    await same(mirror, server);
    expect(mirror.removed).toEqual([]);
  });

  it('are forbidden by name, and followed once they are allowed', async () => {
    const forbidden = await server.token('forbidden', []);
    await using mirror = new Pods(inPod(server, forbidden).config);
    await expect
      .poll(() => mirror.reflector.state.problem, PATIENT)
      .toMatch(/^pods: ClusterRole needs: (list|watch) pods$/);
    expect(await canI(mirror.client, 'list', { group: '', plural: 'pods' })).toMatchObject({ allowed: 'no' });
    await server.token('forbidden', RULES);
    await same(mirror, server);
    expect(await canI(mirror.client, 'list', { group: '', plural: 'pods' })).toMatchObject({
      allowed: 'yes',
    });
    expect(await canI(mirror.client, 'get', { group: 'apps', plural: 'replicasets' })).toMatchObject({
      allowed: 'no',
    });
  });

  it('are the same in the end behind a proxy that delays, cuts, garbles and falls silent', async () => {
    await using proxy = await Proxy.start(server);
    await using mirror = new Pods(inPod(server, token, proxy.url).config, { silenceMs: 2_000 });
    await same(mirror, server);
    const made: KubeObject[] = [];
    const gone = new Set<string | undefined>();
    for (let round = 0; round < 24; round++) {
      const afterBytes = (round * 997) % 5_000;
      const faults = [
        { kind: 'cut', afterBytes },
        { kind: 'garble', afterBytes },
        { kind: 'end', afterBytes },
        { kind: 'silence', afterBytes },
        { kind: 'delay', ms: 200 },
        { kind: 'trickle', bytes: 7, everyMs: 1 },
        { kind: 'status', status: 500 },
        { kind: 'status', status: 410 },
      ] as const;
      proxy.inject(faults[round % faults.length]!, { times: 1 });
      if (round % 3 === 0) proxy.cut();
      made.push(await makePod(server));
      if (round % 2 === 1) {
        const victim = made.shift()!;
        gone.add(victim.metadata.uid);
        await server.admin.remove(victim);
      }
      await sleep(100);
    }
    proxy.heal();
    await same(mirror, server);
    expect(mirror.removed.filter((uid) => !gone.has(uid))).toEqual([]);
    expect(Object.keys(mirror.errors).length).toBeGreaterThan(1);
  });

  it('have owners whose owners are found by one request each', async () => {
    const rights = [{ apiGroups: ['apps'], resources: ['replicasets'], verbs: ['get'] }];
    const client = new ApiClient(inPod(server, await server.token('owners', rights)).config, {
      version: '0',
    });
    const owners = new OwnerFetcher(client, { backoffBaseMs: 50 });
    const labels = { app: 'cart' };
    const template = { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'x' }] } };
    const spec = { replicas: 1, selector: { matchLabels: labels }, template };
    const apps = { apiVersion: 'apps/v1' } as const;
    const deployment = await server.admin.create({
      ...apps,
      kind: 'Deployment',
      metadata: { name: 'cart', namespace: 'default' },
      spec,
    });
    const ref = { ...apps, kind: 'Deployment', name: 'cart', uid: deployment.metadata.uid ?? '' };
    const set = await server.admin.create({
      ...apps,
      kind: 'ReplicaSet',
      metadata: { name: 'cart-1', namespace: 'default', ownerReferences: [{ ...ref, controller: true }] },
      spec,
    });
    const setRef = { ...apps, kind: 'ReplicaSet', name: 'cart-1', uid: set.metadata.uid ?? '' };
    await expect.poll(() => owners.get(setRef, 'default'), PATIENT).toEqual({ ownerOfOwner: ref });
    expect(owners.state.requests).toBe(1);
    expect(client.received.byResource.get('replicasets.apps')?.bytes).toBeLessThan(2_000);
    // the role does not say deployments
    owners.get(ref, 'default');
    await expect.poll(() => owners.state.problem, PATIENT).toBe('ClusterRole needs: get deployments.apps');
    await owners.stop();
    client.close();
  });
});

describe('an API server without streaming lists', () => {
  it('is listed in pages, which may expire', async () => {
    await using server = await start({ features: { WatchList: false }, watchCache: false });
    const token = await server.token('agent', RULES);
    for (let i = 0; i < 520; i++) await makePod(server);
    await using proxy = await Proxy.start(server);
    // the second page comes late, when its version is gone
    proxy.inject({ kind: 'delay', ms: 3_000 }, { match: ({ url }) => url.includes('continue='), times: 1 });
    await using mirror = new Pods(inPod(server, token, proxy.url).config);
    await expect.poll(() => proxy.requests.some(({ url }) => url.includes('continue=')), PATIENT).toBe(true);
    await makePod(server);
    await server.compact();
    await same(mirror, server);
    const asked = proxy.requests.map(({ url, status }) => [
      new URL(url, server.url).searchParams.has('limit'),
      status,
    ]);
    expect(asked[0]).toEqual([false, 422]); // the streaming list
    expect(asked).toContainEqual([true, 410]);
    expect(mirror.syncs).toBe(1);
  });
});
