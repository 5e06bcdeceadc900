// The test bed itself: a real kube-apiserver does what the tests of this folder rely on.
import { existsSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { removeAbandonedLabs } from '../hosts/remove-lab.ts';
import { HostProcess } from '../hosts/host-process.ts';
import { ApiServer } from './support/api-server.ts';
import { fill } from './support/bulk.ts';
import type { KubeList, KubeObject, KubeStatus } from './support/kube-object.ts';
import { node, pod, podStatus, service, slice } from './support/objects.ts';
import { ask, watch } from './support/plain-client.ts';
import { whyNoApiServer } from './support/programs.ts';

const why = whyNoApiServer();
const LIST_WATCH = [{ apiGroups: [''], resources: ['pods'], verbs: ['list', 'watch'] }];
const STREAMING = 'watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';

async function listOf(server: ApiServer, path: string): Promise<KubeList> {
  return server.admin.get<KubeList>(path);
}

function names(list: KubeList): string[] {
  return list.items.map(({ metadata }) => metadata.name).sort();
}

/** A change that makes a new revision. */
async function touch(server: ApiServer): Promise<void> {
  const map: KubeObject = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: `touch-${performance.now()}` },
  };
  await server.admin.create(map);
}

beforeEach((context) => {
  if (why !== null) context.skip(why);
});

describe('an API server for tests', () => {
  let server: ApiServer;
  beforeAll(async () => {
    if (why !== null) return;
    server = await ApiServer.start();
    await server.admin.namespace('shop');
    await server.admin.create(node({ name: 'node-a', addresses: ['192.0.2.10', '2001:db8::a'] }));
    const addresses = ['10.244.1.5', 'fd00:10:244:a::5'];
    await server.admin.create(pod({ name: 'cart-1', namespace: 'shop', node: 'node-a', addresses }));
    await server.admin.create(
      service({ name: 'cart', namespace: 'shop', port: 80, selector: { app: 'cart' } }),
    );
  });
  afterAll(async () => server?.close());

  it('keeps dual-stack nodes, pods, services and slices', async () => {
    const made = await server.admin.get('/api/v1/namespaces/shop/pods/cart-1');
    expect(made['status']).toMatchObject({
      phase: 'Running',
      podIPs: [{ ip: '10.244.1.5' }, { ip: 'fd00:10:244:a::5' }],
    });
    const { spec } = (await server.admin.get('/api/v1/namespaces/shop/services/cart')) as unknown as {
      spec: { clusterIPs: string[] };
    };
    expect(spec.clusterIPs).toEqual([
      expect.stringMatching(/^10\.96\./),
      expect.stringMatching(/^fd00:96::/),
    ]);
    const endpoints = [{ address: 'fd00:10:244:a::5', node: 'node-a', pod: 'cart-1' }];
    const v6 = await server.admin.create(
      slice({ service: 'cart', namespace: 'shop', family: 'IPv6', port: 8080, endpoints }),
    );
    expect(v6).toMatchObject({ addressType: 'IPv6', endpoints: [{ addresses: ['fd00:10:244:a::5'] }] });
    const { status } = (await server.admin.get('/api/v1/nodes/node-a')) as unknown as { status: unknown };
    expect(status).toMatchObject({ addresses: [{ address: '192.0.2.10' }, { address: '2001:db8::a' }, {}] });
  });

  it('streams a list, to the bookmark that ends it', async () => {
    const ended = 'k8s.io/initial-events-end';
    const events = await watch(
      server,
      `/api/v1/pods?${STREAMING}`,
      ({ object }) => object.metadata.annotations?.[ended] === 'true',
    );
    expect(events.map(({ type }) => type)).toEqual(['ADDED', 'BOOKMARK']);
    expect(events[0]?.object).toMatchObject({ kind: 'Pod', metadata: { name: 'cart-1' } });
  });

  it('gives out tokens that may do what their rules say and nothing else', async () => {
    const token = await server.token('lister', LIST_WATCH);
    const status = async (path: string): Promise<number> => (await ask(server, path, { token })).status;
    expect(await status('/api/v1/pods')).toBe(200);
    const refused = await ask(server, '/api/v1/namespaces/shop/pods/cart-1', { token });
    expect(refused.status).toBe(403);
    expect((JSON.parse(refused.text) as KubeStatus).message).toContain('cannot get resource "pods"');
    expect(await status('/api/v1/secrets')).toBe(403);
    expect((await ask(server, '/api/v1/pods', { token: 'nonsense' })).status).toBe(401);
    await server.token('lister', [...LIST_WATCH, { apiGroups: [''], resources: ['pods'], verbs: ['get'] }]);
    await expect.poll(() => status('/api/v1/namespaces/shop/pods/cart-1')).toBe(200);
  });

  it('refuses a token whose time is over', async () => {
    const token = await server.token('short-lived', LIST_WATCH, 3);
    expect((await ask(server, '/api/v1/pods', { token })).status).toBe(200);
    const status = async (): Promise<number> => (await ask(server, '/api/v1/pods', { token })).status;
    await expect.poll(status, { interval: 500 }).toBe(401);
  });

  it('answers 410 to old continue tokens, lists and watches once the past is forgotten', async () => {
    for (let i = 0; i < 3; i++) await touch(server);
    const page = await listOf(server, '/api/v1/namespaces/default/configmaps?limit=2');
    await touch(server);
    const version = page.metadata.resourceVersion;
    await expectGone(server, version, page.metadata.continue ?? '', 200);
    await server.forgetThePast();
    await expectGone(server, version, page.metadata.continue ?? '', 410);
  });

  it('keeps its objects when it is killed, and is away meanwhile', async () => {
    const before = names(await listOf(server, '/api/v1/pods'));
    const { pid } = server;
    await server.kill();
    await expect(ask(server, '/api/v1/pods')).rejects.toThrow('ECONNREFUSED');
    await server.restart();
    expect(server.pid).not.toBe(pid);
    expect(names(await listOf(server, '/api/v1/pods'))).toEqual(before);
  });

  it('is silent while it is paused', async () => {
    await server.pause();
    await expect(ask(server, '/api/v1/pods', { limitMs: 300 }))
      .rejects.toThrow('not over in 300 ms')
      .finally(() => server.resume());
    expect((await ask(server, '/api/v1/pods')).status).toBe(200);
  });

  it('keeps a deleted pod as terminating until its grace is over', async () => {
    const late = pod({ name: 'late', namespace: 'shop', node: 'node-a', addresses: ['10.244.1.6'] });
    await server.admin.create(late);
    await server.admin.remove(late, 30);
    const path = '/api/v1/namespaces/shop/pods/late';
    expect((await server.admin.get(path)).metadata.deletionTimestamp).toBeDefined();
    await server.admin.patchStatus(late, podStatus({ phase: 'Succeeded' }));
    await server.admin.remove(late);
    expect((await server.admin.request('GET', path)).status).toBe(404);
  });

  it('fills itself with thousands of objects in seconds', async () => {
    await fill(server.admin, { nodes: 100, pods: 1_000 });
    const count = async (path: string): Promise<number> => (await listOf(server, path)).items.length;
    expect(await count('/api/v1/namespaces/bulk/pods')).toBe(1_000);
    expect(await count('/api/v1/namespaces/bulk/services')).toBe(20);
    expect(await count('/apis/discovery.k8s.io/v1/namespaces/bulk/endpointslices')).toBe(40);
    expect(await count('/api/v1/nodes')).toBe(101);
  });
});

describe('an API server without a watch cache', () => {
  it('answers 410 as soon as etcd has forgotten', async () => {
    await using server = await ApiServer.start({ watchCache: false });
    for (let i = 0; i < 3; i++) await touch(server);
    const page = await listOf(server, '/api/v1/namespaces/default/configmaps?limit=2');
    await server.compact();
    await expectGone(server, page.metadata.resourceVersion, page.metadata.continue ?? '', 410);
  });
});

describe('what is left of an API server', () => {
  it('is nothing once it is closed', async () => {
    const server = await ApiServer.start();
    const pids = [server.pid, server.etcd.process.pid];
    await server.close();
    expect(pids.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([]);
    expect(existsSync(server.folder)).toBe(false);
  });

  it('is nothing after a crash of the test', async () => {
    const script = `import { ApiServer } from ${JSON.stringify(`${import.meta.dirname}/support/api-server.ts`)};
      const server = await ApiServer.start();
      console.log('made', server.pid, server.etcd.process.pid, server.folder);
      process.kill(process.pid, 'SIGKILL');`;
    await using child = new HostProcess([process.execPath, '--input-type=module', '--eval', script]);
    const [, pid, etcd, folder = ''] = (await child.line(/^made /)).split(' ');
    await child.ended;
    const alive = (): boolean => [pid, etcd].some((each) => existsSync(`/proc/${each}`));
    await expect.poll(alive).toBe(false);
    expect(existsSync(folder)).toBe(true);
    removeAbandonedLabs(); // as the next start does
    expect(existsSync(folder)).toBe(false);
  });
});

/** What an old resourceVersion and an old continue token are answered: a list's status, and a watch's ERROR event. */
async function expectGone(
  server: ApiServer,
  version: string,
  next: string,
  status: 200 | 410,
): Promise<void> {
  const path = '/api/v1/namespaces/default/configmaps';
  const exact = await ask(server, `${path}?resourceVersion=${version}&resourceVersionMatch=Exact`);
  const more = await ask(server, `${path}?limit=2&continue=${next}`);
  expect([exact.status, more.status]).toEqual([status, status]);
  const [event] = await watch(server, `${path}?watch=1&resourceVersion=${version}`, () => true);
  expect(event?.type).toBe(status === 410 ? 'ERROR' : 'ADDED');
  if (status === 410) expect(event?.object).toMatchObject({ kind: 'Status', code: 410, reason: 'Expired' });
}
