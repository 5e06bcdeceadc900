// What a cluster costs the agent and its API server: a real one with so many nodes and pods. Bytes until the index is
// whole, and a minute of churn (1 % of the pods replaced); the time until then; memory with it, and with open sockets; CPU
// at 600 new connections a second between two pods; the longest time that the event loop was held. The agent runs as in a
// pod: with a service account's token, and room for as many sockets as the chart's limit of 256 MiB gives. It runs at
// real-time priority: a hold is what it does itself, and not what its neighbours on the same processors do meanwhile.
// As root: node bench/cluster.ts [nodes] [pods] [sockets] [seconds of churn]
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
import { addMemory, SETTLE_MS } from './support/memory.ts';

const nodes = Number(process.argv[2] ?? 1_000);
const pods = Number(process.argv[3] ?? 10_000);
const sockets = Number(process.argv[4] ?? 10_000);
const churnSeconds = Number(process.argv[5] ?? 60);
const KINDS = 4;
const CHURN = Math.round((pods / 100) * (churnSeconds / 60));
const SCRAPE_MS = 15_000;
const IN_A_POD = [
  '--udp',
  'off',
  '--interval',
  '1s',
  '--max-sockets',
  String(Math.max(16_384, sockets * 1.25)),
];

/** The agent's own metrics; the longest hold of the event loop is since the last look. */
class Watcher {
  longestLagMs = 0;
  readonly #agent: TestAgent;

  constructor(agent: TestAgent) {
    this.#agent = agent;
  }

  async page(): Promise<Page> {
    const page = await this.#agent.rawPage('?collect[]=agent');
    const lagMs = page.value('kube_netc_agent_event_loop_lag_max_seconds') * 1_000;
    this.longestLagMs = Math.max(this.longestLagMs, lagMs);
    return page;
  }

  async pass(ms: number): Promise<Page> {
    const end = performance.now() + ms;
    let page = await this.page();
    while (performance.now() < end) {
      await sleep(Math.min(SCRAPE_MS, end - performance.now()));
      page = await this.page();
    }
    return page;
  }

  takeLagMs(): number {
    const lagMs = this.longestLagMs;
    this.longestLagMs = 0;
    return lagMs;
  }
}

/** What the agent of this cluster is asked, and what is added to the figures, in all parts. */
interface Measured {
  readonly figures: Figures;
  readonly agent: TestAgent;
  readonly watcher: Watcher;
}

const of = { nodes, pods };

function addHold({ figures, watcher }: Measured, meanwhile: string): void {
  figures.add('event loop held, longest', { ...of, while: meanwhile }, 'ms', watcher.takeLagMs(), 1);
}

/** Starts the agent, and waits until it has the whole index and has given back what it does not use. */
async function startAgent(server: ApiServer, figures: Figures): Promise<Measured> {
  const start = await agentsInPods(server);
  const startedMs = performance.now();
  const agent = await start(IN_A_POD);
  figures.add('serves after', of, 'ms', performance.now() - startedMs, 0);
  const watcher = new Watcher(agent);
  const measured = { figures, agent, watcher };
  let page = await watcher.page();
  while (page.sum('kube_netc_agent_api_synced') < KINDS) {
    await sleep(50);
    page = await watcher.page();
  }
  figures.add('whole index after', of, 'ms', performance.now() - startedMs, 0);
  const bytes = page.sum('kube_netc_agent_api_received_bytes_total');
  figures.add('received', { ...of, while: 'at start' }, 'B', bytes);
  addHold(measured, 'at start');
  await watcher.pass(SETTLE_MS);
  addMemory(figures, agent.process.pid, { ...of, sockets: 0 });
  return measured;
}

async function replacePods(server: ApiServer, measured: Measured): Promise<void> {
  const { figures, watcher } = measured;
  progress(`cluster: ${CHURN} pods replaced in ${churnSeconds} s`);
  const before = await watcher.page();
  const cpu = new AgentCpu(before);
  watcher.takeLagMs();
  const churning = (async () => {
    for (let i = 0; i < CHURN; i++) {
      await server.admin.remove(bulkPod(i, nodes));
      await server.admin.create(bulkPod(i, nodes));
      await sleep((churnSeconds * 1_000) / CHURN);
    }
  })();
  const page = await watcher.pass(churnSeconds * 1_000);
  const millicores = cpu.millicores(page);
  await churning;
  const meanwhile = `${CHURN} pods replaced in ${churnSeconds} s`;
  const received = 'kube_netc_agent_api_received_bytes_total';
  const bytes = page.sum(received) - before.sum(received);
  figures.add('received', { ...of, while: meanwhile }, 'B', bytes);
  figures.add('CPU', { ...of, while: meanwhile }, 'millicores', millicores, 1);
  addHold(measured, meanwhile);
}

/** Connections that come and go to the address of a pod, then sockets that stay. */
async function connect(host: Host, measured: Measured): Promise<void> {
  const { figures, agent, watcher } = measured;
  const address = bulkAddress4(pods - 1);
  await host.ip(`address add ${address}/32 dev lo`);
  progress('cluster: connections');
  const { perSecond, millicores } = await connectionsCost(agent, host, { address });
  figures.add('CPU', { ...of, while: `${perSecond} connections/s` }, 'millicores', millicores, 1);
  await watcher.page();
  watcher.takeLagMs();
  progress(`cluster: ${sockets} sockets`);
  const held = await HeldMany.open(host, { connections: sockets / 2, reset: true });
  let page = await watcher.page();
  for (let i = 0; i < 6; i++) {
    await held.send(64);
    page = await watcher.pass(SETTLE_MS / 6);
  }
  addMemory(figures, agent.process.pid, { ...of, sockets });
  figures.add('live sockets', of, '', page.value('kube_netc_agent_live_sockets'));
  addHold(measured, `${sockets} sockets`);
  await held.close();
}

await bench(async (figures) => {
  await using server = await ApiServer.start();
  progress(`cluster: filling ${nodes} nodes, ${pods} pods`);
  await fill(server.admin, { nodes, pods });
  const measured = await startAgent(server, figures);
  await replacePods(server, measured);
  await using lab = await Lab.create();
  await connect(await lab.host('one'), measured);
  await measured.agent.stop();
});
