import { expect } from 'vitest';
import { cgroup2Mount } from '../hosts/cgroup.ts';
import type { TestAgent } from './agent.ts';
import { ExactLab, startAgent } from './exact-lab.ts';
import type { Page } from './page.ts';

type Labels = Readonly<Record<string, string>>;

/** Numbers of an edge, or of many, by the way that data goes. */
export interface Ways {
  readonly toServer: number;
  readonly toClient: number;
}

/** A sum over the edges of a page whose labels have these values. */
export function ways(page: Page, labels: Labels, metric = 'kube_netc_edge_bytes_total'): Ways {
  return {
    toServer: page.sum(metric, { ...labels, direction: 'to_server' }),
    toClient: page.sum(metric, { ...labels, direction: 'to_client' }),
  };
}

/** Edges, with the edge `other` of each scope, have what the pairs of connections on the same page have: to the byte. */
export function expectOneSum(page: Page): void {
  const [clients, servers] = [ways(page, { reporter: 'source' }), ways(page, { reporter: 'destination' })];
  expect({
    sent: clients.toServer + servers.toClient,
    received: clients.toClient + servers.toServer,
  }).toEqual({ sent: page.sum('bytes_sent'), received: page.sum('bytes_recv') });
}

/** Why there can be no lab of its own cgroup here, or null. */
export function whyNoOwnCgroup(): string | null {
  return cgroup2Mount() === null
    ? 'cgroup v2 is not mounted, so an agent cannot be told to see the lab alone'
    : null;
}

/** Two hosts, and agents that count their sockets and no others of this machine. */
export class OwnLab {
  readonly exact: ExactLab;
  readonly #closing = new AsyncDisposableStack();

  private constructor(exact: ExactLab) {
    this.exact = this.#closing.use(exact);
  }

  static async open(): Promise<OwnLab> {
    return new OwnLab(await ExactLab.open({ cgroup: 'own' }));
  }

  async agent(...flags: readonly string[]): Promise<TestAgent> {
    const root = this.exact.client.cgroup?.path ?? '';
    return this.#closing.use(await startAgent('--cgroup-root', root, ...flags));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#closing.disposeAsync();
  }
}
