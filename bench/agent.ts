// What the agent itself takes: time from its start to its first page, memory idle and with many live sockets, CPU at a
// rate of new connections with a scrape every 15 s. No cluster: bench/cluster.ts has one. As root:
// node bench/agent.ts [sockets] [connections a second] [seconds]
import { setTimeout as sleep } from 'node:timers/promises';
import { HeldMany } from '../test/hosts/held-many.ts';
import type { Host } from '../test/hosts/host.ts';
import { Lab } from '../test/hosts/lab.ts';
import { TestAgent } from '../test/support/agent.ts';
import { connectionsCost } from './support/connections.ts';
import { bench, type Figures, progress } from './support/bench.ts';
import { addMemory, SETTLE_MS } from './support/memory.ts';

const sockets = Number(process.argv[2] ?? 10_000);
const perSecond = Number(process.argv[3] ?? 600);
const seconds = Number(process.argv[4] ?? 30);
const STARTS = 5;
/** The agent's own least. */
const SLOTS_MIN = 16_384;

async function start(flags: readonly string[] = []): Promise<{ agent: TestAgent; ms: number }> {
  const from = performance.now();
  const agent = await TestAgent.start(['--interval', '1s', ...flags]);
  await agent.rawPage();
  return { agent, ms: performance.now() - from };
}

async function starts(figures: Figures): Promise<void> {
  const took: number[] = [];
  for (let i = 0; i < STARTS; i++) {
    progress(`agent: start ${i + 1} of ${STARTS}`);
    const { agent, ms } = await start();
    took.push(ms);
    await agent.stop();
  }
  figures.add('start to first page', {}, 'ms', took, 0);
}

async function liveSockets(figures: Figures, agent: TestAgent, host: Host): Promise<void> {
  progress(`agent: ${sockets} live sockets`);
  const held = await HeldMany.open(host, { connections: sockets / 2, reset: true });
  for (let i = 0; i < 7; i++) {
    await held.send(64);
    await sleep(SETTLE_MS / 7);
    await agent.rawPage();
  }
  const page = await agent.rawPage('?collect[]=agent');
  await addMemory(figures, agent.process.pid, { sockets });
  figures.add('live sockets', { sockets }, '', page.value('kube_netc_agent_live_sockets'));
  const lagMs = page.value('kube_netc_agent_event_loop_lag_max_seconds') * 1_000;
  figures.add('event loop held, longest', { sockets }, 'ms', lagMs, 1);
  await held.close();
}

await bench(async (figures) => {
  await starts(figures);
  await using lab = await Lab.create();
  const host = await lab.host('one');
  const slots = Math.max(SLOTS_MIN, sockets * 1.25);
  const { agent } = await start(['--udp', 'off', '--max-sockets', String(slots)]);
  progress('agent: idle');
  await sleep(SETTLE_MS);
  await agent.rawPage();
  await addMemory(figures, agent.process.pid, { sockets: 0 });

  progress(`agent: ${perSecond} connections a second`);
  const { millicores } = await connectionsCost(agent, host, { perSecond, seconds });
  figures.add('CPU', { connectionsPerSecond: perSecond }, 'millicores', millicores);
  await liveSockets(figures, agent, host);
  await agent.stop();
});
