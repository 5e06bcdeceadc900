// Names while the API server is not to be had, or lies: what is counted meanwhile gets its names afterwards, and no name is
// ever wrong.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { whyNoBpf } from '../fixtures/bpf/fixture.ts';
import { HeldTcp, runTcpClient, startTcpServer, type TcpTotals } from '../hosts/tcp-traffic.ts';
import type { TrafficServer } from '../hosts/traffic-program.ts';
import { whyNoLab } from '../hosts/why-no-lab.ts';
import type { TestAgent } from '../support/agent.ts';
import { byName, type ByName, NameWatch } from './support/by-name.ts';
import type { KubeObject } from './support/kube-object.ts';
import { pod } from './support/objects.ts';
import { type LocalPod, PodLab, synced, until } from './support/pod-lab.ts';
import { whyNoApiServer } from './support/programs.ts';
import { Proxy } from './support/proxy.ts';

const skipReason = whyNoApiServer() ?? whyNoBpf() ?? whyNoLab();
const PORT = 8080;
/** API times are whole seconds of clocks that may differ by two: from then on a container surely has its address. */
const SURE_MS = 4_000;
const LINGER_MS = 10_000;
/** Longer than an agent takes to start on a busy machine. */
const TOKEN_SECONDS = 40;

let lab: PodLab;
let web: LocalPod;
let serving: TrafficServer<TcpTotals>;

beforeAll(async () => {
  if (skipReason !== null) return;
  lab = await PodLab.open(['web']);
  web = await lab.localPod({ name: 'web', namespace: 'shop', host: lab.host('web') });
  serving = await startTcpServer(lab.far, { port: PORT });
});
beforeEach((context) => {
  if (skipReason !== null) context.skip(skipReason);
});
afterAll(async () => {
  await serving?.stop();
  await lab?.close();
});

async function farPod(name: string, address: string): Promise<KubeObject> {
  const containerId = Buffer.from(name.padEnd(32)).toString('hex');
  return lab.api.admin.create(
    pod({ name, namespace: 'data', node: 'node-b', addresses: [address], containerId }),
  );
}

/** A snapshot is taken before, so that the agent knows when it began. */
async function ask(agent: TestAgent, address: string, connections: number): Promise<number> {
  await agent.page();
  return bytesOf(
    await runTcpClient(
      web.host,
      { address, port: PORT, connections, request: 500, response: 1500 },
      web.spawn,
    ),
  );
}

function bytesOf({ wroteBytes, readBytes, errors }: TcpTotals): number {
  expect(errors).toBe(0);
  return wroteBytes + readBytes;
}

/** The bytes by name, when they are as they should be, or after the limit. */
async function inTheEnd(agent: TestAgent, remote: string, wanted: ByName): Promise<ByName> {
  const read = (page: Parameters<typeof byName>[0]): ByName => byName(page, web.host.v4, remote);
  const text = JSON.stringify(wanted);
  return read(await until(agent, (page) => JSON.stringify(read(page)) === text, 45_000));
}

async function readyz(agent: TestAgent): Promise<{ status: number; problems: string[] }> {
  const response = await fetch(`${agent.url}/readyz`);
  const lines = (await response.text()).split('\n');
  return {
    status: response.status,
    problems: lines.filter((line) => line.startsWith('problem: API server: ')),
  };
}

/** Asks until it is true; tells whether it was. */
async function eventually(holds: () => Promise<boolean>, limitMs = 60_000): Promise<boolean> {
  const end = performance.now() + limitMs;
  while (!(await holds())) {
    if (performance.now() > end) return false;
    await sleep(200);
  }
  return true;
}

describe.concurrent('an agent', () => {
  it('that starts without the API server counts, says so, and names it all when the server comes', async () => {
    const [address] = await lab.farAddresses();
    await using proxy = await Proxy.start(lab.api);
    await proxy.refuse();
    await farPod('early', address);
    await sleep(SURE_MS);
    await using agent = await lab.agentInPod(proxy.url, lab.serviceAccount('starts'));
    const held = await HeldTcp.open(web.host, { address, port: PORT, connections: 2 }, web.spawn);
    const before = bytesOf(await held.send(4000, 2));
    expect(await inTheEnd(agent, address, { '': before })).toEqual({ '': before });
    const { status, problems } = await readyz(agent);
    expect([status, problems.length]).toEqual([200, 4]);
    expect(problems[0]).toMatch(/API server: pods: .*ECONNREFUSED/);
    const page = await agent.page();
    expect(page.find('kube_netc_agent_api_synced').map(({ value }) => value)).toEqual([0, 0, 0, 0]);
    expect(
      page.value('kube_netc_agent_api_errors_total', { resource: 'pods', kind: 'connect' }),
    ).toBeGreaterThan(0);
    await proxy.listenAgain();
    expect(await inTheEnd(agent, address, { early: before })).toEqual({ early: before });
    const after = bytesOf(await held.close());
    expect(await inTheEnd(agent, address, { early: after })).toEqual({ early: after });
    const named = (await agent.page()).find('bytes_sent', { source_address: web.host.v4 });
    expect(new Set(named.map(({ labels }) => labels['source_name']))).toEqual(new Set(['web']));
    expect(await eventually(async () => (await readyz(agent)).problems.length === 0)).toBe(true);
    await sleep(6000); // the log is written each five seconds
    expect(agent.log.match(/API server: pods: /g)).toHaveLength(1);
    expect(agent.log).toMatch(/API server: all is well again/);
  });

  it('that loses the server gives no byte to who had an address before, and names who was there all the time', async () => {
    const [reused, steady, fresh] = [
      (await lab.farAddresses())[0],
      (await lab.farAddresses())[0],
      (await lab.farAddresses())[0],
    ];
    await using proxy = await Proxy.start(lab.api);
    const old = await farPod('before', reused);
    await farPod('steady', steady);
    await using agent = await lab.agentInPod(proxy.url, lab.serviceAccount('loses'));
    await synced(agent);
    await sleep(LINGER_MS);
    const watch = new NameWatch(agent, web.host.v4, reused);
    const first = await ask(agent, reused, 10);
    const here = await ask(agent, steady, 3);
    expect(await inTheEnd(agent, reused, { before: first })).toEqual({ before: first });
    await proxy.refuse();
    await sleep(2000);
    await lab.api.admin.remove(old);
    await farPod('after', reused);
    await farPod('fresh', fresh);
    await sleep(SURE_MS);
    const second = await ask(agent, reused, 7);
    const there = await ask(agent, steady, 4);
    const newly = await ask(agent, fresh, 5);
    expect((await readyz(agent)).problems).not.toEqual([]);
    await proxy.listenAgain();
    expect(await inTheEnd(agent, fresh, { fresh: newly })).toEqual({ fresh: newly });
    expect(await inTheEnd(agent, steady, { steady: here + there })).toEqual({ steady: here + there });
    await watch.stop();
    expect(watch.wrong({ before: first, after: second })).toEqual([]);
    expect(watch.seen).toContainEqual({ before: first });
    const names = byName(await agent.page(), web.host.v4, reused);
    expect(Object.values(names).reduce((a, b) => a + b)).toBe(first + second);
  });

  it('says which right it lacks, names what it may read, and heals; and its token may be rotated', async () => {
    const [address] = await lab.farAddresses();
    await farPod('seen', address);
    const rules = (...resources: readonly string[]) => [
      { apiGroups: [''], resources, verbs: ['get', 'list', 'watch'] },
      { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['get', 'list', 'watch'] },
    ];
    const few = rules('pods', 'nodes');
    await using proxy = await Proxy.start(lab.api);
    const folder = lab.serviceAccount('reads', await lab.api.token('reader', few, TOKEN_SECONDS));
    const expiresMs = performance.now() + (TOKEN_SECONDS + 11) * 1000; // the server remembers for ten seconds
    await using agent = await lab.agentInPod(proxy.url, folder);
    const forbidden = /API server: services: .*ClusterRole needs: (list|watch) services/;
    const isForbidden = async (): Promise<boolean> => {
      const { status, problems } = await readyz(agent);
      return status === 200 && problems.length === 1 && forbidden.test(problems[0] ?? '');
    };
    expect(await eventually(isForbidden)).toBe(true);
    await sleep(SURE_MS);
    const bytes = await ask(agent, address, 2);
    expect(await inTheEnd(agent, address, { seen: bytes })).toEqual({ seen: bytes });
    const page = await agent.page();
    expect(page.value('kube_netc_agent_api_synced', { resource: 'services' })).toBe(0);
    expect(
      page.value('kube_netc_agent_api_errors_total', { resource: 'services', kind: 'forbidden' }),
    ).toBeGreaterThan(0);
    // said once, however often it is tried
    const lines = agent.log.match(/services: .*ClusterRole needs: .*/g) ?? [];
    expect([...lines].sort()).toEqual([...new Set(lines)].sort());
    expect(lines.length).toBeGreaterThan(0);
    // kubelet did not bring the next one, and this one is not good any more
    await sleep(Math.max(0, expiresMs - performance.now()));
    proxy.cut();
    const refused = async (): Promise<boolean> =>
      (await readyz(agent)).problems.some((line) => /pods: .*credentials/.test(line));
    expect(await eventually(refused)).toBe(true);
    writeFileSync(join(folder, 'token'), await lab.api.token('reader', rules('pods', 'nodes', 'services')));
    expect(await eventually(async () => (await readyz(agent)).problems.length === 0)).toBe(true);
  });
});
