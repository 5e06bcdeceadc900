// Every query of every dashboard, asked of a real Prometheus that scrapes an agent with real traffic: two workloads of one
// node, one of another zone, the internet, failures, loss, a listener that overflows, an agent that goes away.
import { mkdtempSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { whyNoBpf } from '../fixtures/bpf/fixture.ts';
import { findTool } from '../hosts/find-tool.ts';
import { drop } from '../hosts/firewall.ts';
import {
  HeldTcp,
  runConnectFail,
  runTcpClient,
  startTcpClient,
  startTcpServer,
} from '../hosts/tcp-traffic.ts';
import { whyNoLab } from '../hosts/why-no-lab.ts';
import type { TestAgent } from '../support/agent.ts';
import { type DashboardQuery, dashboards, filledIn, queriesOf } from '../support/dashboards.ts';
import { PrometheusServer, type Series } from '../support/prometheus.ts';
import { type CurrentPrometheus, findCurrentPrometheus } from '../support/prometheus-programs.ts';
import { pod } from './support/objects.ts';
import { owner } from './support/owners.ts';
import { type LocalPod, PodLab, synced } from './support/pod-lab.ts';
import { whyNoApiServer } from './support/programs.ts';
import { Proxy } from './support/proxy.ts';

const skipReason = whyNoApiServer() ?? whyNoBpf() ?? whyNoLab();
const PORT = 8080;
const NOBODY = 81;
const INTERNET = '198.51.100.7'; // documentation's, and of no private network
const LIMIT_MS = 90_000;

interface ServerKind {
  /** Whether it keeps native histograms, and asks for protobuf pages. */
  readonly native: boolean;
  readonly flags: readonly string[];
  /** More of its scrape configuration. */
  readonly scrape: string;
  /** Null: that of the machine. */
  readonly program: CurrentPrometheus | null;
}
const SERVERS: Readonly<Record<string, ServerKind>> = {
  'of Debian, with classic histograms': { native: false, flags: [], scrape: '', program: null },
  'of Debian, with native histograms': {
    native: true,
    flags: ['--enable-feature=native-histograms'],
    scrape: '',
    program: null,
  },
  'that is current, with native histograms': {
    native: true,
    flags: [],
    scrape: 'scrape_native_histograms: true, ',
    program: findCurrentPrometheus(),
  },
};

/** Queries that need no answer here. */
const NOTHING_HERE: Readonly<Record<string, string>> = {
  'kube-netc-cluster: Traffic by scope B': 'no edge is over the budget',
  'kube-netc-agents: Programs not attached A': 'all are',
  'kube-netc-agents: CPU B': 'the kernel times programs only where it is told to',
};

const all = [...dashboards()].flatMap(([name, dashboard]) => queriesOf(name, dashboard));
let lab: PodLab;
/** Before the API server: the agent is to see it fail, and to go on. */
let proxy: Proxy;
let agent: TestAgent;
const servers = new Map<string, PrometheusServer>();
let gone: Server;
/** When all must have had an answer. */
let endMs = 0;
const traffic = { over: false, running: Promise.resolve() };

beforeAll(async () => {
  if (skipReason !== null) return;
  lab = await PodLab.open(['web', 'cart']);
  const [web, cart, db] = [await local('web'), await local('cart'), await far('db')];
  proxy = await Proxy.start(lab.api);
  agent = await lab.agent(lab.api.kubeconfigFile(lab.api.adminToken, proxy.url));
  gone = await startGone();
  for (const [name, kind] of Object.entries(SERVERS)) await startServer(name, kind);
  await synced(agent);
  traffic.running = run(web, cart, db);
  await Promise.race([named(), traffic.running]);
  gone.close();
  gone.closeAllConnections();
  // an error, and no more: while the server is away new connections get no names
  proxy.cut();
  endMs = performance.now() + LIMIT_MS;
});
beforeEach((context) => {
  if (skipReason !== null) context.skip(skipReason);
});
afterAll(async () => {
  traffic.over = true;
  await traffic.running;
  gone?.close();
  for (const server of servers.values()) await server.stop();
  await agent?.[Symbol.asyncDispose]();
  await proxy?.close();
  await lab?.close();
});

async function local(name: string): Promise<LocalPod> {
  const of = { namespace: 'shop', owner: owner('apps/v1', 'StatefulSet', name) };
  return lab.localPod({ name: `${name}-0`, host: lab.host(name), ...of });
}

/** A pod in another zone, and somebody of the internet. @returns the pod's address */
async function far(name: string): Promise<string> {
  const addresses = await lab.farAddresses();
  const of = { namespace: 'data', node: 'node-b', owner: owner('apps/v1', 'StatefulSet', name) };
  await lab.api.admin.create(pod({ name: `${name}-0`, addresses, ...of }));
  await lab.hold(lab.far, [INTERNET]);
  return addresses[0];
}

/** What an agent says first, and then no more. */
async function startGone(): Promise<Server> {
  const server = createServer((_, response) => {
    response.setHeader('content-type', 'text/plain; version=0.0.4');
    response.end('kube_netc_agent_start_time_seconds 1\n');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

async function startServer(name: string, { program, flags, scrape }: ServerKind): Promise<void> {
  if (program?.folder === null) return;
  const folder = mkdtempSync(join(lab.lab.folder, 'prometheus-'));
  const path = program === null ? findTool('prometheus') : join(program.folder, 'prometheus');
  servers.set(name, await PrometheusServer.start({ folder }, configuration(scrape), flags, path));
}

function configuration(scrape: string): string {
  const { port } = gone.address() as AddressInfo;
  const scraped = (target: string, node: string): string =>
    `{targets: ['${target}'], labels: {node: ${node}}}`;
  const targets = [scraped(new URL(agent.url).host, 'node-a'), scraped(`127.0.0.1:${port}`, 'node-b')];
  return `global: {scrape_interval: 1s}
scrape_configs: [{job_name: any, honor_labels: true, ${scrape}static_configs: [${targets.join(', ')}]}]`;
}

/** Traffic of all kinds until it is over: little by little, for rates need counters that rise. */
async function run(web: LocalPod, cart: LocalPod, db: string): Promise<void> {
  await drop(cart.host, 'input', `tcp dport ${PORT} numgen random mod 100 < 3`);
  const listening = [
    await startTcpServer(cart.host, { port: PORT }, cart.spawn),
    await startTcpServer(lab.far, { port: PORT }),
  ];
  const asleep = [
    await startTcpServer(cart.host, {}, cart.spawn),
    await startTcpServer(cart.host, { backlog: 1 }, cart.spawn),
  ];
  for (const { process: child } of asleep) process.kill(child.pid, 'SIGSTOP');
  const [unread = 0, full = 0] = asleep.map(({ port }) => port);
  const toCart = { address: cart.host.v4, connections: 1 };
  // as many as outweigh the others that send to it, however long losses hold those up
  const waiting = { ...toCart, port: unread, request: 20_000_000, parallel: 8 };
  const sending = startTcpClient(web.host, waiting, web.spawn);
  await Promise.all([
    talk(web, cart.host.v4),
    talk(cart, db),
    talk(web, INTERNET),
    again(async () =>
      runConnectFail(web.host, { ...toCart, port: full, connections: 8, abortAfter: 300 }, web.spawn),
    ),
  ]);
  for (const { process: child } of asleep) process.kill(child.pid, 'SIGCONT');
  await sending.end();
  for (const server of [...listening, ...asleep]) await server.stop();
}

/** Connections that stay, that come and go, and that fail. */
async function talk({ host, spawn }: LocalPod, address: string): Promise<void> {
  const held = await HeldTcp.open(host, { address, port: PORT, connections: 2 }, spawn);
  await Promise.all([
    again(async () => held.send(200_000)),
    again(async () => runTcpClient(host, { address, port: PORT, connections: 2 }, spawn)),
    again(async () => runConnectFail(host, { address, port: NOBODY, connections: 2 }, spawn)),
  ]);
  await held.close();
}

async function again(step: () => Promise<unknown>): Promise<void> {
  while (!traffic.over) await Promise.all([step(), sleep(300)]);
}

/** Waits until both ends' reports are there by name, and the agent that goes away has been seen. */
async function named(): Promise<void> {
  const edge = 'kube_netc_edge_bytes_total{source_workload="web", destination_workload="cart"';
  for (const server of servers.values()) {
    await server.until(`${edge}, reporter="source"} and on () ${edge}, reporter="destination"}`, LIMIT_MS);
    await server.until('kube_netc_agent_start_time_seconds{node="node-b"}', LIMIT_MS);
  }
}

function asked(name: string): DashboardQuery {
  return all.find(({ where }) => where === name) ?? expect.fail(`there is no query ${name}`);
}

async function answer(
  { expr, instant }: DashboardQuery,
  prometheus: PrometheusServer,
): Promise<readonly Series[]> {
  const promql = filledIn(expr, { workload: 'cart' });
  return instant ? prometheus.query(promql) : prometheus.range(promql, 10);
}

/** What is wrong with an answer; null: nothing. */
function whyBad({ labels, single }: DashboardQuery, series: readonly Series[]): string | null {
  if (!series.some(({ value }) => Number.isFinite(value))) return 'no numbers';
  if (single && series.length > 1) return `${series.length} series instead of one`;
  const missing = labels.filter((label) => !series.some((each) => (each.labels[label] ?? '') !== ''));
  return missing.length > 0 ? `no label ${missing.join(', ')}` : null;
}

describe.for(Object.entries(SERVERS))('in a Prometheus %s', ([name, { native, program }]) => {
  const server = (): PrometheusServer => servers.get(name) ?? expect.fail('it did not start');
  beforeEach((context) => {
    if (program?.folder === null) context.skip(program.why);
  });

  it.for(all.filter(({ where }) => !(where in NOTHING_HERE)).map((query) => [query.where, query] as const))(
    '%s has an answer of the right shape',
    async ([, query]) => {
      let why = whyBad(query, await answer(query, server()));
      while (why !== null && performance.now() < endMs) {
        await sleep(500);
        why = whyBad(query, await answer(query, server()));
      }
      expect(why).toBeNull();
    },
  );

  it.for(Object.entries(NOTHING_HERE))('%s is understood, but %s', async ([where]) => {
    const query = asked(where);
    const series = await answer(query, server());
    expect(series.length > 0 ? whyBad(query, series) : null).toBeNull();
  });

  it('a workload that does not read is said to', async () => {
    const query = asked('kube-netc-workload: What is sent to it is held up by A');
    let [said] = await answer(query, server());
    while (said?.labels['by'] !== 'receiver' && performance.now() < endMs) {
      await sleep(500);
      [said] = await answer(query, server());
    }
    expect(said?.labels).toEqual({ by: 'receiver' });
  });

  it('durations are of that kind', async () => {
    const duration = 'kube_netc_edge_connect_duration_seconds';
    expect((await server().query(`histogram_count(${duration})`)).length > 0).toBe(native);
    expect((await server().query(`${duration}_bucket`)).length > 0).toBe(!native);
  });

  it('an edge that both ends report counts once, as its server tells it', async () => {
    const { expr } = asked('kube-netc-workload: As a server A');
    const bytes = (reporter: string): string =>
      `sum(rate(kube_netc_edge_bytes_total{reporter="${reporter}", direction="to_server", destination_workload="cart"}[40s]))`;
    const once = filledIn(expr, { workload: 'cart' });
    expect(await server().value(`${bytes('source')} > bool 0`)).toBe(1);
    expect(await server().value(`${once} == bool ${bytes('destination')}`)).toBe(1);
  });
});
