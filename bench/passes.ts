// What a pass of the agent costs: all that a snapshot is, from the walk over the live sockets in the kernel to the series
// that are shown, by live sockets and by the network namespaces that they are spread over. As the agent itself counts it,
// by the clock and in CPU time; between two passes each connection has carried something.
// With 100,000 sockets the agent takes one each ten seconds, to stay below 1 % of a core: there are three of them at most.
// As root: node bench/passes.ts [passes of each] [sockets at most] [namespaces at most]
import { setTimeout as sleep } from 'node:timers/promises';
import { HeldMany } from '../test/hosts/held-many.ts';
import type { Host } from '../test/hosts/host.ts';
import { Lab } from '../test/hosts/lab.ts';
import { TestAgent } from '../test/support/agent.ts';
import type { Page } from '../test/support/page.ts';
import { bench, type Figures, progress } from './support/bench.ts';
import { forEachOf, pods } from './support/pods.ts';

const passes = Number(process.argv[2] ?? 5);
const SOCKETS = [1_000, 10_000, 100_000].filter((count) => count <= Number(process.argv[3] ?? 100_000));
const NAMESPACES = [1, 60, 250].filter((count) => count <= Number(process.argv[4] ?? 250));
const MANY_SOCKETS = 100_000;
const MANY_PASSES = 3;
const ASKED_MS = 100;
const SLOTS = 262_144;
const PASS_LIMIT_MS = 60_000;

/** The agent's own page, as soon as it has taken another snapshot. */
async function nextPass(agent: TestAgent, before: number): Promise<Page> {
  const end = performance.now() + PASS_LIMIT_MS;
  while (performance.now() < end) {
    const page = await agent.rawPage('?collect[]=agent');
    if (page.value('kube_netc_agent_snapshots_total') > before) return page;
    await sleep(ASKED_MS);
  }
  throw new Error('the agent takes no snapshots');
}

interface Passes {
  readonly ms: number[];
  readonly cpuMs: number[];
  readonly holdMs: number[];
  readonly liveSockets: number;
}

async function measure(held: readonly HeldMany[], count: number): Promise<Passes> {
  const agent = await TestAgent.start(['--interval', '100ms', '--max-sockets', String(SLOTS)]);
  try {
    let page = await nextPass(agent, 1); // the first has names to find, and code to compile
    const [ms, cpuMs, holdMs] = [[], [], []] as [number[], number[], number[]];
    while (ms.length < count) {
      await forEachOf(held, (each) => each.send(64));
      const before = page;
      page = await nextPass(agent, page.value('kube_netc_agent_snapshots_total'));
      const since = (name: string): number => page.value(name) - before.value(name);
      ms.push(page.value('kube_netc_agent_snapshot_seconds') * 1_000);
      holdMs.push(page.value('kube_netc_agent_longest_hold_seconds') * 1_000);
      const snapshots = since('kube_netc_agent_snapshots_total');
      cpuMs.push((since('kube_netc_agent_snapshot_cpu_seconds_total') / snapshots) * 1_000);
    }
    const liveSockets = page.value('kube_netc_agent_live_sockets');
    return { ms, cpuMs, holdMs, liveSockets };
  } finally {
    await agent.stop();
  }
}

async function pass(figures: Figures, hosts: readonly Host[], sockets: number): Promise<void> {
  progress(`passes: ${sockets} sockets in ${hosts.length} namespaces`);
  const connections = Math.ceil(sockets / 2 / hosts.length);
  const options = { connections, perProcess: 9_000, reset: true, timeout: 3_600 };
  const held = await forEachOf(hosts, (host) => HeldMany.open(host, options));
  try {
    const count = sockets < MANY_SOCKETS ? passes : Math.min(passes, MANY_PASSES);
    const { ms, cpuMs, holdMs, liveSockets } = await measure(held, count);
    if (liveSockets < sockets) throw new Error(`${liveSockets} of ${sockets} sockets are seen`);
    const of = { sockets, namespaces: hosts.length };
    figures.add('pass', of, 'ms', ms, 2);
    figures.add('pass, CPU', of, 'ms', cpuMs, 2);
    figures.add('longest hold', of, 'ms', holdMs, 2);
  } finally {
    await forEachOf(held, (each) => each.close());
  }
}

await bench(async (figures) => {
  await using lab = await Lab.create();
  const all = await pods(lab, Math.max(...NAMESPACES));
  for (const namespaces of NAMESPACES)
    for (const sockets of SOCKETS) await pass(figures, all.slice(0, namespaces), sockets);
});
