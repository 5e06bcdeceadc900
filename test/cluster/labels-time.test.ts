// Who had an address when: real traffic, while the API server is told of pods that come, end, and follow one another.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { whyNoBpf } from '../fixtures/bpf/fixture.ts';
import { HeldTcp, runTcpClient, startTcpServer, type TcpTotals } from '../hosts/tcp-traffic.ts';
import type { TrafficServer } from '../hosts/traffic-program.ts';
import { whyNoLab } from '../hosts/why-no-lab.ts';
import type { TestAgent } from '../support/agent.ts';
import { type ByName, byName, NameWatch } from './support/by-name.ts';
import type { KubeObject } from './support/kube-object.ts';
import { pod, podStatus } from './support/objects.ts';
import { type LocalPod, PodLab, synced, until } from './support/pod-lab.ts';
import { whyNoApiServer } from './support/programs.ts';

const skipReason = whyNoApiServer() ?? whyNoBpf() ?? whyNoLab();
const PORT = 8080;
/** Longer than the directory waits for news of a moment, and two snapshots. */
const SETTLED_MS = 4_000;
/** From a pod's end to the first word of the next at its address: a network plugin takes longer. */
const REUSE_MS = 300;
/** The directory does not exclude, in a first list, what was deleted by force so long before. */
const LINGER_MS = 10_000;

let lab: PodLab;
let agent: TestAgent;
let web: LocalPod;
let serving: TrafficServer<TcpTotals>;

beforeAll(async () => {
  if (skipReason !== null) return;
  lab = await PodLab.open(['web', 'one', 'two']);
  web = await lab.localPod({ name: 'web', namespace: 'shop', host: lab.host('web') });
  serving = await startTcpServer(lab.far, { port: PORT });
  agent = await lab.agent();
  await synced(agent);
  await sleep(LINGER_MS);
});
beforeEach((context) => {
  if (skipReason !== null) context.skip(skipReason);
});
afterAll(async () => {
  await serving?.stop();
  await agent?.[Symbol.asyncDispose]();
  await lab?.close();
});

/** A pod of another node that has this address. */
async function farPod(name: string, address: string, more: object = {}): Promise<KubeObject> {
  return lab.api.admin.create(
    pod({ name, namespace: 'data', node: 'node-b', addresses: [address], ...more }),
  );
}

/** What a client in `web` and a server count. */
async function ask(address: string, connections: number, port = PORT): Promise<number> {
  return bytesOf(
    await runTcpClient(web.host, { address, port, connections, request: 500, response: 1500 }, web.spawn),
  );
}

function bytesOf({ wroteBytes, readBytes, errors }: TcpTotals): number {
  expect(errors).toBe(0);
  return wroteBytes + readBytes;
}

/** What the page says in the end of `web` and an address: when all bytes are there, and `holds`; or after the limit. */
async function inTheEnd(
  remote: string,
  bytes: number,
  holds: (names: ByName) => boolean = (names) => names[''] === undefined,
  limitMs = 60_000,
): Promise<ByName> {
  const read = (page: Parameters<typeof byName>[0]): ByName => byName(page, web.host.v4, remote);
  const isAll = (names: ByName): boolean => Object.values(names).reduce((a, b) => a + b, 0) === bytes;
  return read(await until(agent, (page) => isAll(read(page)) && holds(read(page)), limitMs));
}

describe.concurrent('an address that goes to another pod within a second', () => {
  it.for([
    { few: 'the first', counts: [1, 40] },
    { few: 'the second', counts: [40, 1] },
  ] as const)('has no byte of the one on the other, where $few is asked less', async ({ few, counts }) => {
    const [address] = await lab.farAddresses();
    const key = few.replace('the ', '');
    const old = await farPod(`old-${key}`, address);
    await sleep(500);
    const watch = new NameWatch(agent, web.host.v4, address);
    const first = await ask(address, counts[0]);
    await sleep(SETTLED_MS);
    await lab.api.admin.remove(old);
    await farPod(`new-${key}`, address);
    await sleep(REUSE_MS);
    const second = await ask(address, counts[1]);
    const most = { [`old-${key}`]: first, [`new-${key}`]: second };
    // who came at once may stay nobody's
    const names = await inTheEnd(address, first + second, () => true);
    await watch.stop();
    expect(watch.wrong(most)).toEqual([]);
    // who was known before is known on
    expect(names[`old-${key}`]).toBe(first);
    expect((names[`new-${key}`] ?? 0) + (names[''] ?? 0)).toBe(second);
  });

  it('is told right to a server, too', async () => {
    const [address] = await lab.farAddresses();
    const server = await startTcpServer(web.host, { port: 9090 }, web.spawn);
    const call = async (connections: number): Promise<number> => {
      const client = {
        address: web.host.v4,
        port: 9090,
        bind: [address],
        connections,
        request: 700,
        response: 900,
      };
      return bytesOf(await runTcpClient(lab.far, client));
    };
    const old = await farPod('old-caller', address);
    await sleep(500);
    const watch = new NameWatch(agent, web.host.v4, address);
    const first = await call(3);
    await sleep(SETTLED_MS);
    await lab.api.admin.remove(old);
    await farPod('new-caller', address);
    await sleep(REUSE_MS);
    const second = await call(20);
    // who came at once may stay nobody's
    const names = await inTheEnd(address, first + second, () => true);
    await watch.stop();
    await server.stop();
    expect(watch.wrong({ 'old-caller': first, 'new-caller': second })).toEqual([]);
    expect(names['old-caller']).toBe(first);
  });

  it('is told apart by cgroups on our own node', async () => {
    const addresses = lab.newAddresses();
    const [one, two] = [lab.host('one'), lab.host('two')];
    const [to] = await lab.farAddresses();
    const sent: number[] = [];
    for (const host of [one, two]) {
      await lab.hold(host, addresses);
      const made = await lab.localPod({ name: `own-${host.name}`, namespace: 'shop', host, addresses });
      const client = { address: to, port: PORT, bind: [addresses[0]], connections: 2 + sent.length };
      sent.push(bytesOf(await runTcpClient(host, client, made.spawn)));
      await lab.api.admin.remove(made.object);
      await lab.release(host, addresses);
    }
    const bytes = (name: string): number => ofSource(name);
    let page = await agent.rawPage();
    function ofSource(name: string): number {
      const labels = { source_address: addresses[0] ?? '', source_name: name };
      return page.sum('bytes_sent', labels) + page.sum('bytes_recv', labels);
    }
    await until(
      agent,
      (at) => {
        page = at;
        return bytes('own-one') === sent[0] && bytes('own-two') === sent[1];
      },
      60_000,
    );
    expect([bytes('own-one'), bytes('own-two'), bytes('')]).toEqual([...sent, 0]);
  });
});

describe.concurrent('an address that some pod has given up', () => {
  it('is of the next one, where the first is completed and still told with it', async () => {
    const [address] = await lab.farAddresses();
    await farPod('job-done', address, { phase: 'Succeeded', containerId: 'a'.repeat(64) });
    await farPod('after-job', address);
    await sleep(1000);
    const bytes = await ask(address, 4);
    expect(await inTheEnd(address, bytes)).toEqual({ 'after-job': bytes });
  });

  it('stays with the next one, where the first is deleted late', async () => {
    const [address] = await lab.farAddresses();
    const stuck = await farPod('stuck', address);
    await lab.api.admin.remove(stuck, 30);
    await farPod('successor', address);
    await sleep(1000);
    const watch = new NameWatch(agent, web.host.v4, address);
    const before = await ask(address, 3);
    await sleep(1000);
    await lab.api.admin.remove(stuck);
    await sleep(1000);
    const after = await ask(address, 2);
    const names = await inTheEnd(address, before + after);
    await watch.stop();
    expect(watch.wrong({ successor: before + after })).toEqual([]);
    expect(names).toEqual({ successor: before + after });
  });

  it('gets no byte of the next one that speaks before it is told of, once its own end is told', async () => {
    const [address] = await lab.farAddresses();
    const old = await farPod('ending', address);
    await sleep(500);
    const watch = new NameWatch(agent, web.host.v4, address);
    const first = await ask(address, 2);
    expect(await inTheEnd(address, first)).toEqual({ ending: first });
    await lab.api.admin.remove(old, 30);
    const next = await lab.api.admin.create({
      ...pod({ name: 'beginning', namespace: 'data', node: 'node-b' }),
      status: { phase: 'Pending' },
    });
    await sleep(REUSE_MS);
    const second = await ask(address, 9);
    await sleep(1500);
    const status = podStatus({ addresses: [address], containerId: 'c'.repeat(64) }) as object;
    await lab.api.admin.patchStatus(next, early(status, next.metadata.creationTimestamp));
    await sleep(SETTLED_MS);
    await watch.stop();
    expect(watch.wrong({ ending: first, beginning: second })).toEqual([]);
    expect((await inTheEnd(address, first + second, () => true))['ending']).toBe(first);
  });

  it('is of nobody while two are told to have it, and of the one that is left', async () => {
    const [address] = await lab.farAddresses();
    const lost = await farPod('of-a-lost-node', address);
    await farPod('moved', address);
    await sleep(1000);
    const watch = new NameWatch(agent, web.host.v4, address);
    const both = await ask(address, 3);
    await sleep(SETTLED_MS);
    await lab.api.admin.remove(lost);
    let later = 0;
    const end = performance.now() + 25_000;
    for (;;) {
      later += await ask(address, 2);
      const names = byName(await agent.page(), web.host.v4, address);
      if (names['moved'] !== undefined || performance.now() > end) break;
      await sleep(500);
    }
    await watch.stop();
    expect(watch.wrong({ moved: later })).toEqual([]);
    const names = await inTheEnd(address, both + later, () => true);
    expect(names['moved']).toBeGreaterThan(0);
    expect(names['']).toBeGreaterThanOrEqual(both);
  });
});

describe.concurrent('a connection', () => {
  it('keeps its name when its pod goes, and the next pod gets no byte of it', async () => {
    const [address] = await lab.farAddresses();
    const old = await farPod('held-old', address);
    await sleep(500);
    const held = await HeldTcp.open(web.host, { address, port: PORT, connections: 1 }, web.spawn);
    await sleep(SETTLED_MS);
    await lab.api.admin.remove(old);
    await farPod('held-new', address);
    await sleep(1500);
    const next = await ask(address, 5);
    const total = bytesOf(await held.send(40_000, 3));
    const names = await inTheEnd(address, total + next, (found) => found['held-old'] === total);
    await held.close();
    expect(names).toEqual({ 'held-old': total, 'held-new': next });
  });

  it('that is older than the news of its pod gets the name, and its bytes follow: one series, not two', async () => {
    const [address] = await lab.farAddresses();
    const late = await lab.api.admin.create({
      ...pod({ name: 'late', namespace: 'data', node: 'node-b' }),
      status: { phase: 'Pending' },
    });
    const startTime = late.metadata.creationTimestamp;
    await sleep(3500); // it surely has its address by then
    const held = await HeldTcp.open(web.host, { address, port: PORT, connections: 2 }, web.spawn);
    const before = bytesOf(await held.send(3000, 2));
    expect(await inTheEnd(address, before, () => true)).toEqual({ '': before });
    const status = podStatus({ addresses: [address], containerId: 'b'.repeat(64) }) as object;
    await lab.api.admin.patchStatus(late, early(status, startTime));
    expect(await inTheEnd(address, before)).toEqual({ late: before });
    const total = bytesOf(await held.send(5000));
    expect(await inTheEnd(address, total)).toEqual({ late: total });
    const page = await agent.rawPage();
    const series = page
      .find('active_connections')
      .filter(({ labels }) => labels['destination_address'] === `${address}:${PORT}`);
    expect(series.map(({ labels, value }) => [labels['destination_name'], value])).toEqual([['late', 2]]);
    await held.close();
  });
});

/** The status, as of a pod that began then. */
function early(status: object, startTime: string | undefined): unknown {
  const text = JSON.stringify({ ...status, startTime });
  return JSON.parse(text.replace(/"startedAt":"[^"]*"/, `"startedAt":"${startTime}"`));
}
