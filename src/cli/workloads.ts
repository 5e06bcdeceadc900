import { setTimeout as sleep } from 'node:timers/promises';
import type { Identity } from '../cluster/identity.ts';
import { EdgeSeries } from '../collector/edge-series.ts';
import type { FlowNames } from '../collector/flow-names.ts';
import { ListenerSeries } from '../collector/listener-series.ts';
import type { PageBlock } from '../expose/page.ts';
import type { Monitor } from '../libbpf/monitor.ts';
import { FlowDistributions } from '../tracker/flow-distributions.ts';
import type { FlowTable } from '../tracker/flow-table.ts';
import { jiffiesPerSecond, type Moment } from '../tracker/jiffies.ts';
import type { LiveTable } from '../tracker/live-table.ts';
import type { AgentOptions } from './agent-options.ts';

const JIFFIES_GAP_MS = 60; // readings that far apart tell the rate

/** The tables that a snapshot fills, and who is at their ends. */
export interface WorkloadTables {
  readonly flows: FlowTable;
  readonly live: LiveTable;
  readonly names: FlowNames;
  readonly identity: Identity;
}

/** The group `workloads` of a page: edges and listeners. */
export class Workloads {
  readonly #monitor: Monitor;
  readonly #edges: EdgeSeries;
  readonly #listeners: ListenerSeries;
  #jiffiesPerSecond = NaN;

  constructor(monitor: Monitor, { flows, live, names, identity }: WorkloadTables, options: AgentOptions) {
    this.#monitor = monitor;
    const ttlNs = options.seriesTtlMs * 1e6;
    this.#edges = new EdgeSeries({
      flows,
      live,
      names,
      distributions: new FlowDistributions(monitor.books.distributions, flows.capacity),
      budget: options.edgesBudget,
      ttlNs,
      view: options.edgeView,
      jiffiesPerSecond: () => this.#jiffiesPerSecond,
    });
    this.#listeners = new ListenerSeries({ live, identity, level: options.edgeView.level, ttlNs });
  }

  get stats(): EdgeSeries['stats'] {
    return this.#edges.stats;
  }

  /** Finds out how long a jiffy is. Before the first snapshot: a counter of seconds must not change its unit. */
  async start(): Promise<void> {
    const first = this.#moment();
    await sleep(JIFFIES_GAP_MS);
    this.#jiffiesPerSecond = jiffiesPerSecond(first, this.#moment());
  }

  /** A flow is over: before its row is cleared. */
  forget(row: number): void {
    this.#edges.forget(row);
  }

  /** Looks for names of listeners. To be awaited before update(). */
  learn(): Promise<void> {
    return this.#listeners.learn();
  }

  /** Makes the series of a snapshot, which publish() shows. Yields where it may pause. */
  *update(nowNs: number): Generator<void> {
    yield* this.#edges.update(nowNs);
    yield* this.#listeners.update(nowNs);
  }

  publish(): void {
    this.#edges.publish();
  }

  /** They stay as they are until the update after the next. */
  blocks(): readonly PageBlock[] {
    return [...this.#edges.blocks(), ...this.#listeners.blocks()];
  }

  #moment(): Moment {
    this.#monitor.beginWalk();
    this.#monitor.step(); // the walk notes the time; what it finds, the next walk finds too
    return { jiffies: this.#monitor.walkJiffies, ns: this.#monitor.walkNs };
  }
}
