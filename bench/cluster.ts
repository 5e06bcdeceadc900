// What a cluster costs the agent and its API server: a real one with so many nodes and pods. Bytes until the index is
// whole, and a minute of churn (1 % of the pods replaced); the time until then; memory with it, and with open sockets; CPU
// at 600 new connections a second between two pods; the longest time that the event loop was held, which it is asked for ten
// times a second: 0.6 millicores. The agent runs as in a pod: with a service account's token, and room for as many sockets as
// the chart's limit of 256 MiB gives. It runs at real-time priority: a hold is what it does itself, and not what its
// neighbours on the same processors do meanwhile.
// As root: node bench/cluster.ts [nodes] [pods] [sockets] [seconds of churn]
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiServer } from '../test/cluster/support/api-server.ts';
import { bulkAddress4, bulkPod, fill } from '../test/cluster/support/bulk.ts';
import { HeldMany } from '../test/hosts/held-many.ts';
import type { Host } from '../test/hosts/host.ts';
import { Lab } from '../test/hosts/lab.ts';
import type { TestAgent } from '../test/support/agent.ts';
import type { Page } from '../test/support/page.ts';
import { agentsInPods } from './support/agent-in-pod.ts';
import { connectionsCost } from './support/connections.ts';
import { AgentCpu } from './support/agent-cpu.ts';
import { bench, type Figures, progress } from './support/bench.ts';
import { HoldsOf, recordHolds } from './support/holds.ts';
import { addMemory, SETTLE_MS } from './support/memory.ts';
import { Standstill } from './support/standstill.ts';

const nodes = Number(process.argv[2] ?? 1_000);
const pods = Number(process.argv[3] ?? 10_000);
const sockets = Number(process.argv[4] ?? 10_000);
const churnSeconds = Number(process.argv[5] ?? 60);
const KINDS = 4;
const CHURN = Math.round((pods / 100) * (churnSeconds / 60));
const SCRAPE_MS = 15_000;
/** How often it is looked how long the event loop was held. */
const WINDOW_MS = 100;
const IN_A_POD = [
  '--udp',
  'off',
  '--interval',
  '1s',
  '--max-sockets',
  String(Math.max(16_384, sockets * 1.25)),
];

/** Asks the agent for its own metrics, and again for so long as a Prometheus would. */
async function scrapeFor(agent: TestAgent, ms: number): Promise<Page> {
  const end = performance.now() + ms;
  let page = await ownPage(agent);
  while (performance.now() < end) {
    await sleep(Math.min(SCRAPE_MS, end - performance.now()));
    page = await ownPage(agent);
  }
  return page;
}

function ownPage(agent: TestAgent): Promise<Page> {
  return agent.rawPage('?collect[]=agent');
}

/** What the agent of this cluster is asked, and what is added to the figures, in all parts. */
interface Measured {
  readonly figures: Figures;
  readonly agent: TestAgent;
  /** What was done, and from when to when, in ms since 1970. */
  readonly phases: { readonly meanwhile: string; readonly fromMs: number; readonly toMs: number }[];
}

const of = { nodes, pods };

function addHolds({ figures, phases }: Measured, holds: HoldsOf): void {
  for (const { meanwhile, fromMs, toMs } of phases)
    holds.addTo(figures, { ...of, while: meanwhile }, fromMs, toMs);
}

/** Starts the agent, and waits until it has the whole index and has given back what it does not use. */
async function startAgent(server: ApiServer, figures: Figures, holdsFile: string): Promise<Measured> {
  const start = await agentsInPods(server);
  const startedMs = performance.now();
  const agent = await start(IN_A_POD, recordHolds(holdsFile, WINDOW_MS));
  const fromMs = Date.now();
  figures.add('serves after', of, 'ms', performance.now() - startedMs, 0);
  let page = await ownPage(agent);
  while (page.sum('kube_netc_agent_api_synced') < KINDS) {
    await sleep(50);
    page = await ownPage(agent);
  }
  figures.add('whole index after', of, 'ms', performance.now() - startedMs, 0);
  const bytes = page.sum('kube_netc_agent_api_received_bytes_total');
  figures.add('received', { ...of, while: 'at start' }, 'B', bytes);
  const measured = { figures, agent, phases: [{ meanwhile: 'at start', fromMs, toMs: Date.now() }] };
  await scrapeFor(agent, SETTLE_MS);
  await addMemory(figures, agent.process.pid, { ...of, sockets: 0 });
  return measured;
}

async function replacePods(server: ApiServer, measured: Measured): Promise<void> {
  const { figures, agent, phases } = measured;
  progress(`cluster: ${CHURN} pods replaced in ${churnSeconds} s`);
  const before = await ownPage(agent);
  const cpu = new AgentCpu(before);
  const fromMs = Date.now();
  const churning = (async () => {
    for (let i = 0; i < CHURN; i++) {
      await server.admin.remove(bulkPod(i, nodes));
      await server.admin.create(bulkPod(i, nodes));
      await sleep((churnSeconds * 1_000) / CHURN);
    }
  })();
  const page = await scrapeFor(agent, churnSeconds * 1_000);
  const millicores = cpu.millicores(page);
  await churning;
  const meanwhile = `${CHURN} pods replaced in ${churnSeconds} s`;
  const received = 'kube_netc_agent_api_received_bytes_total';
  const bytes = page.sum(received) - before.sum(received);
  figures.add('received', { ...of, while: meanwhile }, 'B', bytes);
  figures.add('CPU', { ...of, while: meanwhile }, 'millicores', millicores, 1);
  phases.push({ meanwhile, fromMs, toMs: Date.now() });
}

/** Connections that come and go to the address of a pod, then sockets that stay. */
async function connect(host: Host, measured: Measured): Promise<void> {
  const { figures, agent, phases } = measured;
  const connectedMs = Date.now();
  const address = bulkAddress4(pods - 1);
  await host.ip(`address add ${address}/32 dev lo`);
  progress('cluster: connections');
  const { perSecond, millicores } = await connectionsCost(agent, host, { address });
  figures.add('CPU', { ...of, while: `${perSecond} connections/s` }, 'millicores', millicores, 1);
  progress(`cluster: ${sockets} sockets`);
  const fromMs = Date.now();
  phases.push({ meanwhile: `${perSecond} connections/s`, fromMs: connectedMs, toMs: fromMs });
  const held = await HeldMany.open(host, { connections: sockets / 2, reset: true });
  let page = await ownPage(agent);
  for (let i = 0; i < 6; i++) {
    await held.send(64);
    page = await scrapeFor(agent, SETTLE_MS / 6);
  }
  await addMemory(figures, agent.process.pid, { ...of, sockets });
  figures.add('live sockets', of, '', page.value('kube_netc_agent_live_sockets'));
  phases.push({ meanwhile: `${sockets} sockets`, fromMs, toMs: Date.now() });
  await held.close();
}

await bench(async (figures) => {
  await using server = await ApiServer.start();
  progress(`cluster: filling ${nodes} nodes, ${pods} pods`);
  await fill(server.admin, { nodes, pods });
  const holdsFile = join(server.folder, 'holds.json');
  using standstill = new Standstill();
  const measured = await startAgent(server, figures, holdsFile);
  await replacePods(server, measured);
  await using lab = await Lab.create();
  await connect(await lab.host('one'), measured);
  await measured.agent.stop();
  addHolds(measured, new HoldsOf(holdsFile, standstill));
});
