// What a cluster costs the agent and its API server: a real one with so many nodes and pods. Bytes until the index is
// whole, and a minute of churn (1 % of the pods replaced); the time until then; memory with it, and with open sockets; CPU
// at 600 new connections a second between two pods; the longest time that the event loop was held. The agent runs as in a
// pod: with a service account's token, and room for as many sockets as the chart's limit of 256 MiB gives. It runs at
// real-time priority: a hold is what it does itself, and not what its neighbours on the same processors do meanwhile.
// Prints JSON. As root, on an idle machine: node bench/cluster.ts [nodes] [pods] [sockets] [seconds of churn]
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiServer } from '../test/cluster/support/api-server.ts';
import { bulkAddress4, bulkPod, fill } from '../test/cluster/support/bulk.ts';
import { HeldMany } from '../test/hosts/held-many.ts';
import { Lab } from '../test/hosts/lab.ts';
import type { TestAgent } from '../test/support/agent.ts';
import type { Page } from '../test/support/page.ts';
import { agentsInPods } from './agent-in-pod.ts';
import { connectionsCost } from './connections.ts';
import { machine, memory, rounded, SETTLE_MS } from './machine.ts';

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
    const lagMs = rounded(this.longestLagMs);
    this.longestLagMs = 0;
    return lagMs;
  }
}

await using server = await ApiServer.start();
process.stderr.write(`filling: ${nodes} nodes, ${pods} pods\n`);
await fill(server.admin, { nodes, pods });
const start = await agentsInPods(server);

const startedMs = performance.now();
const agent = await start(IN_A_POD);
const servesMs = performance.now() - startedMs;
const watcher = new Watcher(agent);
let page = await watcher.page();
while (page.sum('kube_netc_agent_api_synced') < KINDS) {
  await sleep(50);
  page = await watcher.page();
}
const syncedMs = performance.now() - startedMs;
const atStart = page.sum('kube_netc_agent_api_received_bytes_total');
const startLagMs = watcher.takeLagMs();
const pid = agent.process.pid ?? 0;
await watcher.pass(SETTLE_MS);
const idle = memory(pid);
process.stderr.write(`idle: ${JSON.stringify({ servesMs, syncedMs, startLagMs, ...idle })}\n`);

process.stderr.write(`churn: ${CHURN} pods in a minute\n`);
page = await watcher.page();
const before = page.sum('kube_netc_agent_api_received_bytes_total');
const cpuBefore = page.value('kube_netc_agent_cpu_seconds_total');
watcher.takeLagMs();
const churning = (async () => {
  for (let i = 0; i < CHURN; i++) {
    await server.admin.remove(bulkPod(i, nodes));
    await server.admin.create(bulkPod(i, nodes));
    await sleep((churnSeconds * 1_000) / CHURN);
  }
})();
page = await watcher.pass(churnSeconds * 1_000);
await churning;
const churnBytes = page.sum('kube_netc_agent_api_received_bytes_total') - before;
const churnMillicores =
  ((page.value('kube_netc_agent_cpu_seconds_total') - cpuBefore) / churnSeconds) * 1_000;
const churnLagMs = watcher.takeLagMs();
process.stderr.write(`churn: ${JSON.stringify({ churnBytes, churnMillicores, churnLagMs })}\n`);

await using lab = await Lab.create();
const host = await lab.host('one');
const address = bulkAddress4(pods - 1);
await host.ip(`address add ${address}/32 dev lo`);
const connections = await connectionsCost(agent, host, { address });
process.stderr.write(`connections: ${JSON.stringify(connections)}\n`);
watcher.takeLagMs();
const held = await HeldMany.open(host, { connections: sockets / 2, reset: true });
for (let i = 0; i < 6; i++) {
  await held.send(64);
  page = await watcher.pass(SETTLE_MS / 6);
}
const loaded = memory(pid);
await held.close();
await agent.stop();
console.log(
  JSON.stringify(
    {
      bench: 'cluster',
      nodes,
      pods,
      start: {
        servesMs: rounded(servesMs, 0),
        syncedMs: rounded(syncedMs, 0),
        bytes: atStart,
        lagMs: startLagMs,
      },
      idle,
      churn: {
        seconds: churnSeconds,
        podsReplaced: CHURN,
        bytes: churnBytes,
        millicores: rounded(churnMillicores, 1),
        lagMs: churnLagMs,
      },
      connections,
      live: {
        sockets: page.value('kube_netc_agent_live_sockets'),
        ...loaded,
        lagMs: watcher.takeLagMs(),
      },
      machine: machine(),
    },
    null,
    2,
  ),
);
