// What the whole agent takes on a node with many pods: CPU and memory, with 60 and with 250 of them, each in a network
// namespace and a cgroup of its own. Traffic is steady: each pod keeps 20 connections with a request a second on each, and
// opens and closes two a second. All pages are scraped each 15 s. No cluster: names are those of cgroups.
// As root: node bench/pods.ts [seconds of each]
import { setTimeout as sleep } from 'node:timers/promises';
import type { Host } from '../test/hosts/host.ts';
import { Lab } from '../test/hosts/lab.ts';
import { HeldTcp, startTcpServer } from '../test/hosts/tcp-traffic.ts';
import { TestAgent } from '../test/support/agent.ts';
import { AgentCpu } from './support/agent-cpu.ts';
import { bench, type Figures, progress } from './support/bench.ts';
import { addMemory } from './support/memory.ts';
import { forEachOf, pods } from './support/pods.ts';

const seconds = Number(process.argv[2] ?? 60);
const PODS = [60, 250];
const HELD = 20;
const NEW_A_SECOND = 2;
const SCRAPE_SECONDS = 15;
const LIFE = { timeout: 3_600 };

async function openPod(host: Host): Promise<{ client: HeldTcp; stop: () => Promise<void> }> {
  const server = await startTcpServer(host, LIFE);
  const to = { address: '127.0.0.1', port: server.port, ...LIFE };
  const client = await HeldTcp.open(host, { ...to, connections: HELD, close: 'client' });
  const stop = async (): Promise<void> => {
    await client.close();
    await server.stop();
  };
  return { client, stop };
}

/** A second of each pod's traffic, spread over it. */
async function second(clients: readonly HeldTcp[]): Promise<void> {
  await forEachOf(clients, async (client) => {
    await client.send(64);
    await client.more(NEW_A_SECOND);
    await client.drop(NEW_A_SECOND);
  });
}

async function measure(figures: Figures, hosts: readonly Host[]): Promise<void> {
  progress(`pods: ${hosts.length} open their connections`);
  const opened = await forEachOf(hosts, openPod);
  const clients = opened.map(({ client }) => client);
  await using agent = await TestAgent.start(['--interval', '1s']);
  await agent.rawPage(); // the first has all names to find
  const of = { pods: hosts.length };
  const millicores: number[] = [];
  const cpu = new AgentCpu(await agent.rawPage('?collect[]=agent'));
  for (let done = 1; done <= seconds; done++) {
    const startedMs = performance.now();
    await second(clients);
    await sleep(Math.max(0, startedMs + 1_000 - performance.now()));
    if (done % SCRAPE_SECONDS !== 0) continue;
    progress(`pods: ${hosts.length}, second ${done} of ${seconds}`);
    await agent.rawPage();
    millicores.push(cpu.millicores(await agent.rawPage('?collect[]=agent')));
  }
  const page = await agent.rawPage();
  figures.add('CPU', of, 'millicores', millicores, 1);
  await addMemory(figures, agent.process.pid, of);
  figures.add('live sockets', of, '', page.value('kube_netc_agent_live_sockets'));
  figures.add('lines of a page', of, '', page.samples.length);
  await agent.stop();
  await forEachOf(opened, ({ stop }) => stop());
}

await bench(async (figures) => {
  await using lab = await Lab.create();
  const all = await pods(lab, Math.max(...PODS));
  for (const count of PODS) await measure(figures, all.slice(0, count));
});
