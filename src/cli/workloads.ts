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

const JIFFIES_GAP_MS = 150; // readings that far apart tell 250 from 300 a second, also where ticks come late

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
  readonly #started: Moment;
  #jiffiesPerSecond = NaN;

  constructor(monitor: Monitor, { flows, live, names, identity }: WorkloadTables, options: AgentOptions) {
    this.#monitor = monitor;
    this.#started = this.#moment();
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

  /** A flow is over: before its row is cleared. */
  forget(row: number): void {
    this.#edges.forget(row);
  }

  /** Looks for names of listeners, and for the length of a jiffy. To be awaited before update(), while nobody walks. */
  async learn(): Promise<void> {
    await this.#listeners.learn();
    if (Number.isNaN(this.#jiffiesPerSecond)) this.#jiffiesPerSecond = await this.#measureJiffies();
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

  /** Once, before the first page: a counter of seconds must not change its unit. */
  async #measureJiffies(): Promise<number> {
    // by the kernel's clock alone: in a time namespace ours may be hours behind it
    const gapMs = (this.#moment().ns - this.#started.ns) / 1e6;
    if (gapMs < JIFFIES_GAP_MS) await sleep(JIFFIES_GAP_MS - gapMs);
    return jiffiesPerSecond(this.#started, this.#moment());
  }

  #moment(): Moment {
    this.#monitor.beginWalk();
    this.#monitor.step(); // the walk notes the time; what it finds, the next walk finds too
    return { jiffies: this.#monitor.walkJiffies, ns: this.#monitor.walkNs };
  }
}
