// A watch that stands still: nothing comes, and nobody ends it. Who had an address before must not keep it.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { inClusterConfig } from '../../src/cluster/api/in-cluster.ts';
import { ACCESS_RULES } from '../../src/cluster/access-rules.ts';
import { ClusterWatch, RESOURCES } from '../../src/cluster/cluster-watch.ts';
import { systemClock } from '../../src/util/clock.ts';
import { ApiServer } from './support/api-server.ts';
import { node, pod } from './support/objects.ts';
import { whyNoApiServer } from './support/programs.ts';
import { type ProxiedRequest, Proxy } from './support/proxy.ts';

const why = whyNoApiServer();
const ADDRESS = '10.244.1.5';
/** Half a minute, and a machine that is busy. Two minutes and more without the short watches. */
const SOON = { timeout: 75_000, interval: 50 } as const;

beforeEach((context) => {
  if (why !== null) context.skip(why);
});

let server: ApiServer;
let folder = '';
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'kube-netc-stall-'));
  if (why !== null) return;
  server = await ApiServer.start();
  await server.admin.namespace('shop');
  await server.admin.create(node({ name: 'node-a', addresses: ['192.0.2.10'] }));
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await server?.close();
});

async function watchThrough(proxy: Proxy): Promise<ClusterWatch> {
  const rules = ACCESS_RULES.map(({ resource, verbs }) => {
    return { apiGroups: [resource.group], resources: [resource.plural], verbs };
  });
  writeFileSync(join(folder, 'token'), await server.token('agent', rules));
  writeFileSync(join(folder, 'ca.crt'), server.ca);
  const { hostname, port } = new URL(proxy.url);
  const env = { KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port };
  const watch = new ClusterWatch(inClusterConfig({ folder, env })!, {
    version: '0.0.0-test',
    nodeName: 'node-a',
    clock: systemClock,
  });
  watch.start();
  return watch;
}

function isPodWatch({ url }: ProxiedRequest): boolean {
  const { pathname, searchParams } = new URL(url, server.url);
  return pathname === RESOURCES.pods && !searchParams.has('sendInitialEvents');
}

it('an address goes to its next pod though the watch of pods stands still', async () => {
  await using proxy = await Proxy.start(server);
  const before = await server.admin.create(
    pod({ name: 'before', namespace: 'shop', node: 'node-a', addresses: [ADDRESS] }),
  );
  const watch = await watchThrough(proxy);
  try {
    const { directory } = watch;
    const holder = (): string => directory.holder(ADDRESS, 0, 'tcp');
    const pods = (): (typeof watch.states)[number] => watch.states.find((s) => s.resource === 'pods')!;
    await expect.poll(holder, SOON).toBe(before.metadata.uid);
    // the watch that has listed is cut, and the next one says nothing after its headers
    proxy.inject({ kind: 'silence', afterBytes: 0 }, { match: isPodWatch, times: 1 });
    proxy.cut();
    const stalled = (): ProxiedRequest[] => proxy.requests.filter(isPodWatch);
    await expect.poll(() => stalled()[0]?.status, SOON).toBe(200);
    await expect.poll(() => pods().phase, SOON).toBe('watching');
    await server.admin.remove(before);
    const after = await server.admin.create(
      pod({ name: 'after', namespace: 'shop', node: 'node-a', addresses: [ADDRESS] }),
    );
    const betweenMs = Date.now();
    await expect.poll(holder, SOON).toBe(after.metadata.uid);
    expect(pods().errors.get('silent')).toBe(1);
    expect(pods().lists).toBe(1);
    // who began to speak meanwhile is not the first
    await expect
      .poll(() => directory.remote(ADDRESS, 0, 'tcp', betweenMs), SOON)
      .toMatchObject({ final: true });
    expect(directory.remote(ADDRESS, 0, 'tcp', betweenMs).podUid).not.toBe(before.metadata.uid);
  } finally {
    await watch.stop();
  }
});
