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
import { Lab } from '../test/hosts/lab.ts';
import type { TestAgent } from '../test/support/agent.ts';
import type { Page } from '../test/support/page.ts';
import { agentsInPods } from './support/agent-in-pod.ts';
import { connectionsCost } from './support/connections.ts';
import { memory, SETTLE_MS } from './machine.ts';
import { bench, progress } from './support/bench.ts';

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

await bench(async (figures) => {
  const of = { nodes, pods };
  await using server = await ApiServer.start();
  progress(`cluster: filling ${nodes} nodes, ${pods} pods`);
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
  const memories = (open: number): void => {
    const { rssMiB, anonMiB, fileMiB } = memory(pid);
    figures.add('memory', { ...of, sockets: open }, 'MiB', rssMiB);
    figures.add('memory, anonymous', { ...of, sockets: open }, 'MiB', anonMiB);
    figures.add('memory, file pages', { ...of, sockets: open }, 'MiB', fileMiB);
  };
  figures.add('serves after', of, 'ms', servesMs, 0);
  figures.add('whole index after', of, 'ms', syncedMs, 0);
  figures.add('received', { ...of, while: 'at start' }, 'B', atStart);
  figures.add('event loop held, longest', { ...of, while: 'at start' }, 'ms', startLagMs, 1);
  memories(0);

  progress(`cluster: ${CHURN} pods replaced in ${churnSeconds} s`);
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
  const churned = { ...of, while: `${CHURN} pods replaced in ${churnSeconds} s` };
  figures.add('received', churned, 'B', churnBytes);
  figures.add('CPU', churned, 'millicores', churnMillicores, 1);
  figures.add('event loop held, longest', churned, 'ms', churnLagMs, 1);

  await using lab = await Lab.create();
  const host = await lab.host('one');
  const address = bulkAddress4(pods - 1);
  await host.ip(`address add ${address}/32 dev lo`);
  const connections = await connectionsCost(agent, host, { address });
  figures.add(
    'CPU',
    { ...of, while: `${connections.perSecond} connections/s` },
    'millicores',
    connections.millicores,
    1,
  );
  watcher.takeLagMs();
  const held = await HeldMany.open(host, { connections: sockets / 2, reset: true });
  for (let i = 0; i < 6; i++) {
    await held.send(64);
    page = await watcher.pass(SETTLE_MS / 6);
  }
  memories(sockets);
  figures.add('live sockets', of, '', page.value('kube_netc_agent_live_sockets'));
  figures.add(
    'event loop held, longest',
    { ...of, while: `${sockets} sockets` },
    'ms',
    watcher.takeLagMs(),
    1,
  );
  await held.close();
  await agent.stop();
});
