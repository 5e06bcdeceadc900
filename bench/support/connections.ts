import { setTimeout as sleep } from 'node:timers/promises';
import type { Host } from '../../test/hosts/host.ts';
import { HeldTcp, startTcpServer } from '../../test/hosts/tcp-traffic.ts';
import type { TestAgent } from '../../test/support/agent.ts';
import { AgentCpu } from './agent-cpu.ts';
import { rounded } from './numbers.ts';

const SCRAPE_SECONDS = 15;

export interface ConnectionsCost {
  readonly perSecond: number;
  readonly seconds: number;
  /** CPU of the agent, with a scrape of everything each 15 s. */
  readonly millicores: number;
}

/** What an agent takes while so many connections a second open, carry a request and close, all to one server. */
export async function connectionsCost(
  agent: TestAgent,
  host: Host,
  { address = '127.0.0.1', perSecond = 600, seconds = 30 },
): Promise<ConnectionsCost> {
  const server = await startTcpServer(host);
  const to = { address, port: server.port };
  const churn = await HeldTcp.open(host, { ...to, connections: 1, close: 'client' });
  await agent.rawPage();
  const cpu = new AgentCpu(await agent.rawPage('?collect[]=agent'));
  const fromMs = performance.now();
  for (let second = 1; second <= seconds; second++) {
    await churn.more(perSecond);
    await churn.drop(perSecond);
    if (second % SCRAPE_SECONDS === 0) await agent.rawPage();
    await sleep(Math.max(0, fromMs + second * 1_000 - performance.now()));
  }
  const elapsed = (performance.now() - fromMs) / 1_000;
  const millicores = cpu.millicores(await agent.rawPage('?collect[]=agent'));
  await churn.close();
  await server.stop();
  return { perSecond, seconds: rounded(elapsed), millicores: rounded(millicores) };
}
