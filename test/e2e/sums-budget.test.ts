// Whatever the budget, sums over the page never fall, and in the end they are what the programs counted: while pairs
// come and go, age, come back, are folded into `other` and get series of their own again.
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import {
  HeldTcp,
  runTcpClient,
  startTcpServer,
  type TcpClientOptions,
  type TcpTotals,
} from '../hosts/tcp-traffic.ts';
import { HeldUdp, startUdpServer } from '../hosts/udp-traffic.ts';
import { whyNoLab } from '../hosts/why-no-lab.ts';
import type { TestAgent } from '../support/agent.ts';
import { expectOneSum, OwnLab, whyNoOwnCgroup } from '../support/edge-sums.ts';
import { during, type ExactLab, freshPage } from '../support/exact-lab.ts';
import { setUp } from '../support/set-up.ts';
import { SumWatch, type Sums, sumsOf } from '../support/sum-watch.ts';

const skip = whyNoLab() ?? whyNoOwnCgroup();
const BUDGETS = [1, 2, 5, 50] as const;
const CLIENTS = 36; // addresses, so there are 72 pairs of TCP
/** Those that come first: more pairs than any budget has places, so that all others wait for them to be forgotten. */
const RARE = 26;
const ALWAYS = 6;
/** A flow is let go of 11 s after its last byte, and its edge ends with it. */
const FORGOTTEN = { timeout: 60_000, interval: 300 };
/** What goes on all the time is little, so that it does not hide a fall by what is once and much. */
const LITTLE = { request: [16, 400], response: [0, 400] } as const;
const MUCH = { request: [500_000, 1_500_000], response: [500_000, 1_500_000] } as const;

describe('sums of pages within a budget', () => {
  let exact: ExactLab;
  let addresses: string[];
  const agents = new Map<TestAgent, SumWatch>();
  const busy = (labels: Readonly<Record<string, string>>): boolean =>
    labels['source_name'] === 'exact-tcp-clien' &&
    addresses.slice(RARE, RARE + ALWAYS).includes(labels['source_address'] ?? '');

  setUp(skip, async (closing) => {
    const lab = closing.use(await OwnLab.open());
    exact = lab.exact;
    const own = exact.client.v4;
    addresses = Array.from({ length: CLIENTS }, (_, i) => own.replace(/\d+$/, String(100 + i)));
    const device = exact.segment.device(exact.client);
    await exact.client.ip(addresses.map((address) => `addr add ${address}/24 dev ${device}`).join('\n'));
    for (const budget of BUDGETS) {
      const limits = ['--series', String(budget), '--edges', String(budget), '--series-ttl', '10s'];
      const agent = await lab.agent('--udp', 'tracepoint', ...limits);
      agents.set(agent, new SumWatch(budget, busy));
    }
  });

  interface Server {
    readonly address: string;
    readonly port: number;
  }

  /** Forty connections from these addresses, in turn. */
  async function burst(
    to: Server,
    bind: readonly string[],
    sizes: Partial<TcpClientOptions>,
  ): Promise<TcpTotals> {
    return runTcpClient(exact.client, { ...to, ...sizes, bind, connections: 40, close: 'mixed' });
  }

  /** Clients that are always busy, some whose connections stay open, and some that come now and then. */
  async function busyUntil(end: Promise<unknown>, to: Server): Promise<TcpTotals[]> {
    const bind = addresses.slice(RARE, RARE + ALWAYS);
    const seldom = addresses.slice(RARE + ALWAYS);
    const churning = {
      ...to,
      ...LITTLE,
      bind,
      connections: 0,
      seconds: 2,
      rounds: 12,
      close: 'mixed',
    } as const;
    const lasting = await HeldTcp.open(exact.client, { ...to, ...LITTLE, bind, connections: 40 });
    const totals: TcpTotals[] = [];
    const churn = during(end, async () => void totals.push(await runTcpClient(exact.client, churning)));
    for (let i = 0; (await Promise.race([churn.then(() => true), sleep(300)])) !== true; i++) {
      totals.push(await burst(to, [seldom[i % seldom.length] ?? ''], LITTLE));
      await lasting.send(20_000); // so each of these is larger than all others
    }
    return [...totals, await lasting.close()];
  }

  /** Waits until what is there now has come on every agent's page. */
  async function seen(): Promise<void> {
    for (const agent of agents.keys()) await freshPage(agent, 'connections', 'workloads');
  }

  /** Waits until every agent has let go of so many flows. */
  async function flowsRetired(least: number): Promise<void> {
    await vi.waitFor(async () => {
      for (const agent of agents.keys()) {
        const page = await agent.rawPage('?collect[]=agent');
        expect(page.value('kube_netc_agent_flows_retired_total')).toBeGreaterThanOrEqual(least);
      }
    }, FORGOTTEN);
  }

  /** Waits until the edge of a server that nobody talks to any more has had a series, and has one no longer. */
  async function edgeEnded(port: number): Promise<void> {
    const agent = [...agents.keys()].at(-1);
    const edges = async (): Promise<number> => {
      const page = await agent?.rawPage('?collect[]=workloads');
      return page?.find('kube_netc_edge_bytes_total', { destination_port: String(port) }).length ?? NaN;
    };
    expect(await edges()).toBeGreaterThan(0);
    await vi.waitFor(async () => expect(await edges()).toBe(0), FORGOTTEN);
  }

  /** Clients of all tempers: once, and once again when they have been forgotten; always; now and then. */
  async function traffic(): Promise<Sums> {
    const address = exact.server.v4;
    const [tcp, once] = [await startTcpServer(exact.server), await startTcpServer(exact.server)];
    const udp = await startUdpServer(exact.server, { echo: true });
    const [to, toOnce] = [tcp, once].map(({ port }) => ({ address, port })) as [Server, Server];
    const rare = addresses.slice(0, RARE);
    const totals = [await burst(toOnce, rare, MUCH), await burst(to, rare, MUCH)];
    await seen();
    const talk = { address, port: udp.port, count: 50, size: [0, 9_000], reply: true } as const;
    const asking = await HeldUdp.open(exact.client, talk);
    const ended = edgeEnded(toOnce.port);
    const others = busyUntil(ended, to);
    await flowsRetired(RARE * 4); // two ports, two ends
    totals.push(await burst(to, rare, MUCH)); // begins again
    await asking.again();
    totals.push(...(await others));
    await seen();
    totals.push(await tcp.stop(), await once.stop());
    const datagrams = [await asking.close(), await udp.stop()];
    expect(totals.map(({ errors }) => errors)).toEqual(totals.map(() => 0));
    const sent = [...totals.map((each) => each.wroteBytes), ...datagrams.map((each) => each.sentBytes)];
    const received = [
      ...totals.map((each) => each.readBytes),
      ...datagrams.map((each) => each.receivedBytes),
    ];
    return { sent: sent.reduce((a, b) => a + b), received: received.reduce((a, b) => a + b) };
  }

  it('never fall, keep to it, and are what the programs counted', { timeout: 150_000 }, async () => {
    const counted = await during(traffic(), async () => {
      for (const [agent, watch] of agents)
        watch.look(await agent.rawPage('?collect[]=connections&collect[]=workloads'));
      await sleep(200);
    });
    for (const [agent, watch] of agents) {
      const page = await freshPage(agent, 'connections', 'workloads');
      watch.look(page);
      expect(sumsOf(page)).toEqual(counted);
      expectOneSum(page);
    }
    expect([...agents.values()].map(({ problems }) => problems)).toEqual(BUDGETS.map(() => []));
    expect([...agents.values()].map(({ mostSeries }) => mostSeries)).toEqual(
      BUDGETS.map((budget) => budget - 1),
    );
  });
});
