import { constants, getPriority, setPriority } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { Sampler } from '../../src/cli/sampler.ts';
import type { Monitor } from '../../src/libbpf/monitor.ts';
import { FlowTable } from '../../src/tracker/flow-table.ts';
import { LiveTable } from '../../src/tracker/live-table.ts';
import type { Host } from '../hosts/host.ts';
import type { ExactLab } from './exact-lab.ts';
import { monitorAlone } from './monitor-alone.ts';
import { Ledger } from './race-ledger.ts';

/** What takes the snapshots of a race. */
export interface WalkerOptions {
  readonly trackProcess?: boolean;
  /** The bytes of an object; that of the build by default. */
  readonly object?: Uint8Array;
  readonly slots?: number;
  readonly books?: number;
  /** A flow is forgotten when nothing of it has moved for so long; never by default. */
  readonly idleNs?: number;
  /** In place of the flow table of the agent. */
  readonly flows?: (books: ArrayBuffer) => FlowTable;
}

/** TIME_WAIT and CLOSE in /proc/net/tcp. */
const DEAD = ['06', '07'];

const SETTLE_LIMIT_MS = 30_000; // a FIN that is lost five times comes after 13 s

/** The agent's own snapshots, taken without a pause in this process while connections come and go. */
export class Walker {
  readonly flows: FlowTable;
  readonly live: LiveTable;
  readonly ledger: Ledger;
  readonly monitor: Monitor;
  readonly sampler: Sampler;
  read = 0;
  #ended = false;
  #walking: Promise<void> = Promise.resolve();

  constructor(exact: ExactLab, { idleNs = Infinity, flows, ...options }: WalkerOptions) {
    this.monitor = monitorAlone({ slots: 4096, books: 1024, ...options });
    const books = this.monitor.books.memory;
    this.flows = flows?.(books) ?? new FlowTable(books);
    this.live = new LiveTable(this.monitor.slots);
    this.ledger = new Ledger(this.flows, this.monitor, exact);
    this.sampler = new Sampler(this.monitor, this.flows, this.live, idleNs, {
      retiring: (row) => this.ledger.forget(row),
      after: async () => {
        this.read += this.live.count;
        this.ledger.watch();
      },
    });
  }

  start(pauseMs?: number): void {
    this.#walking = this.#walk(pauseMs);
  }

  async stop(): Promise<void> {
    this.#ended = true;
    await this.#walking;
  }

  /** Waits until no connection of these hosts lives, in a slot or without one, and takes the last snapshot. */
  async settle(hosts: readonly Host[]): Promise<void> {
    const end = performance.now() + SETTLE_LIMIT_MS;
    while ((await openSockets(hosts)) > 0 && performance.now() < end) await sleep(100);
    await this.sampler.snapshot();
  }

  /** Before everything else on this machine, so that it has a CPU of its own however many the connections keep busy. */
  async #walk(pauseMs: number | undefined): Promise<void> {
    const priority = getPriority();
    if (pauseMs === undefined) setPriority(constants.priority.PRIORITY_HIGHEST);
    while (!this.#ended) {
      await this.sampler.snapshot();
      if (pauseMs !== undefined) await sleep(pauseMs);
    }
    setPriority(priority);
  }
}

/** Sockets of TCP that are neither closed nor on their last wait (TIME_WAIT), which no program sees. */
async function openSockets(hosts: readonly Host[]): Promise<number> {
  const tables = hosts.flatMap((host) => ['tcp', 'tcp6'].map(async (table) => host.procNet(table)));
  const lines = (await Promise.all(tables)).flatMap((text) => text.split('\n').slice(1));
  return lines.filter((line) => line !== '' && !DEAD.includes(line.trim().split(/\s+/)[3] ?? '')).length;
}
