import { setTimeout as sleep } from 'node:timers/promises';
import type { Host, HostOptions } from '../hosts/host.ts';
import { Lab } from '../hosts/lab.ts';
import type { Segment } from '../hosts/segment.ts';
import { TestAgent } from './agent.ts';
import { type Networks, ownNetworks } from './networks.ts';
import { settled } from './open-ends.ts';
import type { Page, PairSums } from './page.ts';

/** What the label scope says of edges between the two hosts, to an agent with their network flag. */
const SCOPE = 'lab';

export type Family = 'IPv4' | 'IPv6';
export const FAMILIES: readonly Family[] = ['IPv4', 'IPv6'];

/** An agent, as far as its pages go. */
export type PageSource = Pick<TestAgent, 'rawPage'>;

/** What the page says has come to a pair between two pages. */
export type Growth = (source: string, remote: string, port?: number) => PairSums;

/** What some traffic returned, and what the page says of it. */
export interface Counted<T> {
  readonly result: T;
  readonly grown: Growth;
  /** The page after it. */
  readonly page: Page;
}

/** Two joined hosts with addresses that no other test has: what tests that compare bytes with the page start from. */
export class ExactLab {
  readonly lab: Lab;
  readonly client: Host;
  readonly server: Host;
  readonly segment: Segment;
  /** Flags for an agent that is to tell edges between the two hosts from those of other tests: see edge(). */
  readonly networkFlags: readonly string[];
  #last: { agent: PageSource; page: Page } | null = null;

  private constructor(lab: Lab, client: Host, server: Host, segment: Segment, networks: Networks) {
    this.lab = lab;
    this.client = client;
    this.server = server;
    this.segment = segment;
    this.networkFlags = ['--network', `${SCOPE}=${networks.v4},${networks.v6}`];
  }

  static async open(options: HostOptions = {}): Promise<ExactLab> {
    const lab = await Lab.create();
    const client = await lab.host('client', options);
    const server = await lab.host('server', options);
    const networks = ownNetworks();
    const segment = await lab.join(client, server, networks);
    return new ExactLab(lab, client, server, segment, networks);
  }

  /** The addresses of the client and of the server. */
  addresses(family: Family = 'IPv4'): readonly [client: string, server: string] {
    return family === 'IPv4' ? [this.client.v4, this.server.v4] : [this.client.v6, this.server.v6];
  }

  /**
   * Labels of the edges to a port between the two hosts, on a page of an agent that has networkFlags. The port alone would
   * not do: it may be one of another test too, and an agent sees all of the machine.
   */
  edge(port: number): { readonly destination_port: string; readonly scope: string } {
    return { destination_port: String(port), scope: SCOPE };
  }

  /** Lets traffic run between two pages. The page after one run is the page before the next. */
  async count<T>(agent: PageSource, traffic: () => Promise<T>): Promise<Counted<T>> {
    const before = this.#last?.agent === agent ? this.#last.page : await freshPage(agent, 'connections');
    this.#last = null;
    const result = await traffic();
    const page = await freshPage(agent, 'connections');
    this.#last = { agent, page };
    return { result, page, grown: (...pair) => difference(before.pair(...pair), page.pair(...pair)) };
  }

  /** Waits until no more connections than these are open between the two hosts, by the kernel's own tables: see settled(). */
  async settled(connections = 0): Promise<void> {
    await settled([this.client, this.server], 2 * connections);
  }

  /** Ends what its hosts run. */
  async stopProcesses(): Promise<void> {
    await Promise.all(this.lab.hosts.map(async (host) => host.stopProcesses()));
  }

  async close(): Promise<void> {
    await this.lab.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/**
 * An agent with room for 65,536 sockets: a walk of it is short, so snapshots follow one another faster. And with series
 * for all edges and connections: it sees those of other tests too, and what had no series at first is in those of others.
 */
export async function startAgent(...flags: readonly string[]): Promise<TestAgent> {
  const room = ['--max-sockets', '65536', '--edges', '100000', '--series', '100000'];
  return TestAgent.start([...room, ...flags]);
}

/** A page of these groups whose snapshot began after the call. */
export async function freshPage(agent: PageSource, ...groups: readonly string[]): Promise<Page> {
  const from = snapshots(await agent.rawPage('?collect[]=agent'));
  const query = ['agent', ...groups].map((group) => `collect[]=${group}`).join('&');
  for (;;) {
    const page = await agent.rawPage(`?${query}`);
    if (snapshots(page) > from) return page;
    await sleep(20);
  }
}

/** Takes steps one after the other until the traffic has ended, and returns what it has returned. */
export async function during<T>(traffic: Promise<T>, step: () => Promise<unknown>): Promise<T> {
  const state = { over: false };
  const ended = traffic.finally(() => (state.over = true));
  ended.catch(() => {}); // told below, when the step under way is done
  while (!state.over) await step();
  return ended;
}

function snapshots(page: Page): number {
  return page.value('kube_netc_agent_snapshots_total');
}

function difference(before: PairSums, after: PairSums): PairSums {
  return {
    sentBytes: after.sentBytes - before.sentBytes,
    receivedBytes: after.receivedBytes - before.receivedBytes,
    active: after.active,
  };
}
