// What the agent itself takes: time from its start to its first page, memory idle and with many live sockets, CPU at a
// rate of new connections with a scrape every 15 s. Prints JSON. As root, on an idle machine:
// node bench/agent.ts [sockets] [connections a second] [seconds]
import { setTimeout as sleep } from 'node:timers/promises';
import { HeldMany } from '../test/hosts/held-many.ts';
import { Lab } from '../test/hosts/lab.ts';
import { TestAgent } from '../test/support/agent.ts';
import { connectionsCost } from './connections.ts';
import { machine, memory, quantile, rounded, SETTLE_MS } from './machine.ts';

const sockets = Number(process.argv[2] ?? 100_000);
const perSecond = Number(process.argv[3] ?? 600);
const seconds = Number(process.argv[4] ?? 30);

async function start(flags: readonly string[] = []): Promise<{ agent: TestAgent; ms: number }> {
  const from = performance.now();
  const agent = await TestAgent.start(['--interval', '1s', ...flags]);
  await agent.rawPage();
  return { agent, ms: performance.now() - from };
}

const starts: number[] = [];
for (let i = 0; i < 5; i++) {
  const { agent, ms } = await start();
  starts.push(ms);
  await agent.stop();
}

await using lab = await Lab.create();
const host = await lab.host('one');
const { agent } = await start(['--udp', 'off']);
const pid = agent.process.pid ?? 0;
await sleep(SETTLE_MS);
await agent.rawPage();
const idle = memory(pid);

const churn = await connectionsCost(agent, host, { perSecond, seconds });

const held = await HeldMany.open(host, { connections: sockets / 2, reset: true });
for (let i = 0; i < 7; i++) {
  await held.send(64);
  await sleep(SETTLE_MS / 7);
  await agent.rawPage();
}
const page = await agent.rawPage('?collect[]=agent');
const loaded = memory(pid);
await held.close();
await agent.stop();
console.log(
  JSON.stringify(
    {
      bench: 'agent',
      startToFirstPageMs: { median: rounded(quantile(starts, 0.5), 0), max: rounded(quantile(starts, 1), 0) },
      idle,
      churn,
      live: {
        sockets: page.value('kube_netc_agent_live_sockets'),
        ...loaded,
        longestHoldMs: rounded(page.value('kube_netc_agent_longest_hold_seconds') * 1_000),
        eventLoopLagMs: rounded(page.value('kube_netc_agent_event_loop_lag_max_seconds') * 1_000),
      },
      machine: machine(),
    },
    null,
    2,
  ),
);
