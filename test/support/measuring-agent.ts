import { setTimeout as sleep } from 'node:timers/promises';
import { Role } from '../../src/abi/records.gen.ts';
import type { Monitor } from '../../src/libbpf/monitor.ts';
import {
  type Distribution,
  type DistributionName,
  DISTRIBUTIONS,
  emptyDistributions,
  FlowDistributions,
} from '../../src/tracker/flow-distributions.ts';
import { type FlowColumns, FlowTable } from '../../src/tracker/flow-table.ts';
import { jiffiesPerSecond, type Moment } from '../../src/tracker/jiffies.ts';
import { LiveTable } from '../../src/tracker/live-table.ts';
import type { Host } from '../hosts/host.ts';
import { monotonicNs } from '../../src/util/clock.ts';
import { monitorAlone } from './monitor-alone.ts';

const CLOCK_GAP_MS = 60;

/** What flows of one end of a server's port have counted and measured. */
export interface Measured extends Readonly<Record<DistributionName, Distribution>> {
  readonly counters: Readonly<Record<keyof FlowColumns, number>>;
}

/** The kernel programs and the tables that read them, without an agent around. */
export class MeasuringAgent {
  readonly live: LiveTable;
  readonly #monitor: Monitor;
  readonly #flows: FlowTable;
  readonly #begun: Moment;

  constructor(options: { trackProcess?: boolean } = {}) {
    this.#monitor = monitorAlone(options);
    this.#flows = new FlowTable(this.#monitor.books.memory);
    this.live = new LiveTable(this.#monitor.slots);
    this.snapshot();
    this.#begun = this.#now;
  }

  get #now(): Moment {
    return { jiffies: this.#monitor.walkJiffies, ns: this.#monitor.walkNs };
  }

  snapshot(): void {
    this.live.begin(this.#flows);
    this.#monitor.beginWalk();
    for (let done = false; !done;) {
      const step = this.#monitor.step();
      this.live.add(this.#monitor.records, step.records, step.nowNs, this.#flows);
      ({ done } = step);
    }
    this.#flows.update(monotonicNs());
  }

  async jiffiesPerSecond(): Promise<number> {
    await sleep(CLOCK_GAP_MS);
    this.snapshot();
    return jiffiesPerSecond(this.#begun, this.#now);
  }

  /**
   * All that clients, or servers, of this port have measured since the start, by sockets of this host: the port may
   * be one of another test too.
   */
  measured(host: Host, port: number, role: 'client' | 'server' = 'client'): Measured {
    this.snapshot();
    const distributions = new FlowDistributions(this.#monitor.books.distributions, this.#flows.capacity);
    const names = Object.keys(this.#flows.columns) as (keyof FlowColumns)[];
    const counters = Object.fromEntries(names.map((name) => [name, 0])) as Record<keyof FlowColumns, number>;
    const all = emptyDistributions();
    for (const row of this.#flows.rows.subarray(0, this.#flows.rowCount)) {
      const isClient = this.#flows.role(row) === Role.ROLE_CLIENT;
      if (this.#flows.netns(row) !== host.netnsInode) continue;
      if (this.#flows.port(row) !== port || isClient !== (role === 'client')) continue;
      for (const name of names) counters[name] += this.#flows.columns[name][row] ?? 0;
      distributions.take(row, all);
    }
    return { ...all, counters };
  }

  close(): void {
    this.#monitor.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** The bounds of each measurement, in seconds, the shortest first. */
export function ranked(name: DistributionName, of: Distribution): { above: number; upTo: number }[] {
  const { schema, lowestPower } = DISTRIBUTIONS[name];
  const bound = (i: number): number => (i < 0 ? 0 : 2 ** (lowestPower + i / 2 ** schema));
  return [...of.counts].flatMap((count, i) =>
    Array.from({ length: count }, () => ({ above: bound(i - 1), upTo: bound(i) })),
  );
}
