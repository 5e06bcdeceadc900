import type { Monitor } from '../libbpf/monitor.ts';
import type { FlowTable } from '../tracker/flow-table.ts';
import type { LiveTable } from '../tracker/live-table.ts';
import { monotonicNs } from '../util/clock.ts';
import { inSlices } from '../util/slices.ts';
import { eventLoop } from '../util/turns.ts';

const RETIRE_AT_ONCE = 256; // flows to begin forgetting a snapshot: each costs a syscall

/** What a snapshot has cost. */
export interface SamplerStatistics {
  snapshots: number;
  retired: number;
  /** Of the last snapshot: from its beginning to its end, and the CPU time of this process meanwhile. */
  lastMs: number;
  lastCpuMs: number;
  /** The smaller of the last two: one alone may have met a collection of garbage, or run its code for the first time. */
  usualCpuMs: number;
  totalCpuMs: number;
  /** The longest single step of the last snapshot. */
  longestStepMs: number;
}

/** What happens around a snapshot. */
export interface SamplerHooks {
  /** Before the walk begins. */
  before?: () => void;
  /** A flow is over: its row is cleared next. */
  retiring: (row: number) => void;
  /** Everything is read: make of it what is shown. The snapshot ends with it. @param nowNs CLOCK_MONOTONIC */
  after: (nowNs: number) => Promise<void>;
}

/**
 * Takes snapshots: walks the live sockets step by step, reads the books, lets go of flows that have been idle. Gives
 * the event loop a turn between steps. One snapshot at a time; who asks meanwhile gets the one under way.
 */
export class Sampler {
  readonly statistics: SamplerStatistics = {
    snapshots: 0,
    retired: 0,
    lastMs: 0,
    lastCpuMs: 0,
    usualCpuMs: 0,
    totalCpuMs: 0,
    longestStepMs: 0,
  };
  /** CLOCK_MONOTONIC of the end of the last snapshot; 0 before the first. */
  takenNs = 0;
  readonly #monitor: Monitor;
  readonly #flows: FlowTable;
  readonly #live: LiveTable;
  readonly #idleNs: number;
  readonly #hooks: SamplerHooks;
  #running: Promise<void> | null = null;
  #stopped = false;

  /** @param idleNs a flow is forgotten when nothing of it has moved for so long and no socket of it lives */
  constructor(monitor: Monitor, flows: FlowTable, live: LiveTable, idleNs: number, hooks: SamplerHooks) {
    this.#monitor = monitor;
    this.#flows = flows;
    this.#live = live;
    this.#idleNs = idleNs;
    this.#hooks = hooks;
  }

  /** Connections from now on are of another flow than this row, though their key is the same. */
  detach(row: number): void {
    if (this.#flows.detached[row] === 1) return; // the key may be another row's by now
    this.#monitor.books.forget(this.#flows.key(row));
    this.#flows.detach(row);
  }

  /** A snapshot now, or the one under way. Throws what the monitor throws. */
  snapshot(): Promise<void> {
    this.#running ??= this.#take().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  /** Ends after the step under way: the monitor may be closed then. Never throws: who asked for the snapshot is told. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running?.catch(() => {});
  }

  async #take(): Promise<void> {
    if (this.#stopped) return;
    const startedMs = performance.now();
    const startedCpu = process.cpuUsage();
    let longestMs = 0;
    const timed = <T>(work: () => T): T => {
      const from = performance.now();
      const result = work();
      longestMs = Math.max(longestMs, performance.now() - from);
      return result;
    };
    timed(() => {
      this.#hooks.before?.();
      this.#live.begin(this.#flows);
      this.#monitor.beginWalk();
    });
    while (timed(() => this.#step())) {
      await eventLoop.next();
      if (this.#stopped) return;
    }
    await eventLoop.next();
    const nowNs = monotonicNs();
    await inSlices(this.#flows.read(nowNs));
    await eventLoop.next();
    timed(() => this.#retire(nowNs));
    await eventLoop.next();
    await this.#hooks.after(nowNs);
    // not time that went by: where others take the CPU in between, snapshots would be stretched for nothing
    const cpu = process.cpuUsage(startedCpu);
    const cpuMs = (cpu.user + cpu.system) / 1000;
    this.takenNs = nowNs;
    const { statistics } = this;
    statistics.snapshots++;
    statistics.lastMs = performance.now() - startedMs;
    statistics.usualCpuMs = statistics.snapshots > 1 ? Math.min(cpuMs, statistics.lastCpuMs) : 0;
    statistics.lastCpuMs = cpuMs;
    statistics.totalCpuMs += cpuMs;
    statistics.longestStepMs = longestMs;
  }

  /** @returns whether there is more to walk */
  #step(): boolean {
    const { records, nowNs, done } = this.#monitor.step();
    this.#live.add(this.#monitor.records, records, nowNs, this.#flows);
    return !done;
  }

  /** In two snapshots: first the key goes, and when nobody can be adding any more, the book. */
  #retire(nowNs: number): void {
    for (const row of this.#flows.retired(nowNs)) {
      this.#hooks.retiring(row);
      this.#flows.clear(row);
      this.#monitor.books.release(row);
      this.statistics.retired++;
    }
    for (const row of this.#flows.idle(nowNs, this.#idleNs, RETIRE_AT_ONCE)) {
      this.detach(row);
      this.#flows.beginRetiring(row, nowNs);
    }
    for (const row of this.#flows.orphans) this.#monitor.books.release(row);
  }
}
