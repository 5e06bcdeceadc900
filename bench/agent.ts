// What the agent itself takes: time from its start to its first page, memory idle and with many live sockets, CPU at a
// rate of new connections with a scrape every 15 s. Prints JSON. As root, on an idle machine:
// node bench/agent.ts [sockets] [connections a second] [seconds]
import { setTimeout as sleep } from 'node:timers/promises';
import { HeldMany } from '../test/hosts/held-many.ts';
import { Lab } from '../test/hosts/lab.ts';
import { HeldTcp, startTcpServer } from '../test/hosts/tcp-traffic.ts';
import { TestAgent } from '../test/support/agent.ts';
import { machine, memory, quantile, rounded } from './machine.ts';

const sockets = Number(process.argv[2] ?? 100_000);
const perSecond = Number(process.argv[3] ?? 600);
const seconds = Number(process.argv[4] ?? 60);

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
await sleep(2_000);
await agent.rawPage();
const idle = memory(pid);

const server = await startTcpServer(host);
const churn = await HeldTcp.open(host, {
  address: '127.0.0.1',
  port: server.port,
  connections: 1,
  close: 'client',
});
const before = (await agent.rawPage('?collect[]=agent')).value('kube_netc_agent_cpu_seconds_total');
const from = performance.now();
for (let second = 0; second < seconds; second++) {
  const due = from + (second + 1) * 1_000;
  await churn.more(perSecond);
  await churn.drop(perSecond);
  if (second % 15 === 14) await agent.rawPage();
  await sleep(Math.max(0, due - performance.now()));
}
const elapsed = (performance.now() - from) / 1_000;
const after = (await agent.rawPage('?collect[]=agent')).value('kube_netc_agent_cpu_seconds_total');
await churn.close();
await server.stop();

const held = await HeldMany.open(host, { connections: sockets / 2, reset: true });
for (let i = 0; i < 4; i++) {
  await held.send(64);
  await sleep(6_000);
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
      churn: {
        perSecond,
        seconds: rounded(elapsed),
        millicores: rounded(((after - before) / elapsed) * 1_000),
      },
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
