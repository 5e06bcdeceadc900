import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import type { Identity } from '../cluster/identity.ts';
import { type AgentReadings, agentSamples } from '../collector/agent-samples.ts';
import { apiSamples } from '../collector/api-samples.ts';
import { auditSamples } from '../collector/audit-samples.ts';
import { ConnectionSeries } from '../collector/connection-series.ts';
import { FlowNames } from '../collector/flow-names.ts';
import { Networks } from '../collector/networks.ts';
import { toBlocks } from '../collector/samples.ts';
import type { Group } from '../expose/metric.ts';
import type { PageBlock } from '../expose/page.ts';
import type { Monitor } from '../libbpf/monitor.ts';
import { libbpfVersion } from '../libbpf/native.ts';
import type { AgentPort, Health } from '../server/agent-port.ts';
import type { PageStatistics } from '../server/page-maker.ts';
import { type Refusal, REFUSALS } from '../server/refusal.ts';
import { FlowTable } from '../tracker/flow-table.ts';
import { LiveTable } from '../tracker/live-table.ts';
import { inSlices } from '../util/slices.ts';
import { LoopLag } from '../util/loop-lag.ts';
import { eventLoop } from '../util/turns.ts';
import { monotonicNs } from '../util/clock.ts';
import type { AgentOptions } from './agent-options.ts';
import { Auditor } from './auditor.ts';
import { apiReadings, type Cluster } from './cluster.ts';
import { lostReadings } from './lost-readings.ts';
import { Sampler } from './sampler.ts';
import { VERSION } from './version.ts';
import { Workloads } from './workloads.ts';

const SHARE_OF_A_CORE = 0.01; // snapshots are stretched so that they stay below it,
const STRETCH_LIMIT_MS = 10_000; // but never so far that a scrape each 15 s would see an older one
const SPLIT_MS = 50; // between looks at addresses that have gone over: an address is not given again faster
const SPLIT_AT_ONCE = 512; // each is a syscall: 1 ms
const UNWATCHED_MS = 15_000; // between snapshots when nobody looks: flows age, rates stay young

/** What the agent tells, and is told, of what is around it. */
interface AgentSurroundings {
  /** A snapshot has been taken, whether somebody looks or not. */
  readonly onSnapshot: () => void;
  /** Told when a snapshot fails; the agent goes on and tries again. */
  readonly onError: (error: unknown) => void;
  readonly logLinesLost: () => number;
}

/** The running agent: snapshots on demand and in between, and what the server asks for. */
export class Agent implements AgentPort {
  readonly #monitor: Monitor;
  readonly #options: AgentOptions;
  readonly #flows: FlowTable;
  readonly #live: LiveTable;
  readonly #names: FlowNames;
  readonly #cluster: Cluster | null;
  readonly #series: ConnectionSeries;
  readonly #workloads: Workloads;
  readonly #auditor: Auditor;
  readonly #sampler: Sampler;
  readonly #lag = new LoopLag();
  readonly #startTimeSeconds = Date.now() / 1000;
  #page = { seconds: 0, count: 0 };
  #timer: NodeJS.Timeout | null = null;
  #splitTimer: NodeJS.Timeout | null = null;
  /** The look at addresses that is under way. */
  #looking: Promise<void> | null = null;
  readonly #refused = Object.fromEntries(REFUSALS.map((reason) => [reason, 0])) as Record<Refusal, number>;
  readonly #around: AgentSurroundings;
  #problem: string | null = null;

  /** @param cluster null: a plain host */
  constructor(
    monitor: Monitor,
    host: Identity,
    cluster: Cluster | null,
    options: AgentOptions,
    around: AgentSurroundings,
  ) {
    this.#monitor = monitor;
    this.#options = options;
    this.#around = around;
    this.#flows = new FlowTable(monitor.books.memory);
    this.#live = new LiveTable(monitor.slots);
    this.#cluster = cluster;
    const identity = cluster?.identity ?? host;
    this.#names = new FlowNames(this.#flows, identity, new Networks(options.networks));
    this.#series = new ConnectionSeries(this.#flows, this.#live, this.#names, options.seriesBudget);
    const tables = { flows: this.#flows, live: this.#live, names: this.#names, identity };
    this.#workloads = new Workloads(monitor, tables, options);
    this.#auditor = new Auditor(monitor, this.#flows, this.#live);
    this.#sampler = new Sampler(monitor, this.#flows, this.#live, options.seriesTtlMs * 1e6, {
      before: () => this.#auditor.begin(),
      retiring: (row) => {
        this.#auditor.forget(row);
        this.#series.forget(row);
        this.#workloads.forget(row);
        this.#names.forget(row);
      },
      after: (nowNs) => this.#show(nowNs),
    });
    this.#lag.start();
  }

  /** Takes the first snapshot, and one every now and then from here on. */
  async start(): Promise<void> {
    await this.#sampler.snapshot();
    this.#timer = setInterval(() => void this.#fresh(UNWATCHED_MS), UNWATCHED_MS);
    this.#timer.unref();
    if (this.#cluster === null) return;
    this.#splitTimer = setInterval(() => {
      this.#looking ??= this.#lookForMoved().finally(() => (this.#looking = null));
    }, SPLIT_MS);
    this.#splitTimer.unref();
  }

  async stop(): Promise<void> {
    if (this.#timer) clearInterval(this.#timer);
    if (this.#splitTimer) clearInterval(this.#splitTimer);
    this.#lag.stop();
    await this.#looking;
    await this.#sampler.stop();
  }

  async blocks(groups: ReadonlySet<Group>): Promise<readonly PageBlock[]> {
    await this.#fresh(this.#options.intervalMs);
    const blocks: PageBlock[] = [];
    if (groups.has('connections')) blocks.push(...this.#series.blocks());
    if (groups.has('workloads')) blocks.push(...this.#workloads.blocks());
    if (groups.has('agent')) {
      const audited = auditSamples(this.#auditor.report().rows);
      const api = this.#cluster ? apiSamples(apiReadings(this.#cluster)) : [];
      blocks.push(...toBlocks([...agentSamples(this.#readings()), ...api, ...audited]));
    }
    return blocks;
  }

  health(): Health {
    const { takenNs } = this.#sampler;
    const problems = this.#monitor
      .probes()
      .flatMap((probe) => (probe.attached ? [] : [`${probe.name}: ${probe.reason}`]));
    problems.push(...this.#monitor.plan.notes);
    if (this.#problem !== null) problems.push(this.#problem);
    if (this.#cluster) problems.push(...this.#cluster.watch.problems().map((line) => `API server: ${line}`));
    return {
      ready: takenNs > 0 && this.#problem === null,
      problems,
      snapshotAgeMs: takenNs === 0 ? null : (monotonicNs() - takenNs) / 1e6,
    };
  }

  /** The server tells what a page took. */
  pageMade({ seconds }: PageStatistics): void {
    this.#page = { seconds, count: this.#page.count + 1 };
  }

  /** The server tells what it has turned away. */
  refused(reason: Refusal): void {
    this.#refused[reason]++;
  }

  /** Names what is new, and makes what is shown. */
  async #show(nowNs: number): Promise<void> {
    await inSlices(this.#auditor.end());
    await eventLoop.next();
    await this.#names.learn();
    await this.#workloads.learn();
    await inSlices(this.#names.update(nowNs));
    this.#splitMoved();
    await inSlices(this.#series.update(nowNs));
    await inSlices(this.#workloads.update(nowNs));
    await eventLoop.next();
    this.#series.publish();
    this.#workloads.publish(); // in one turn, so that a page has both of one snapshot
    this.#around.onSnapshot();
  }

  /** Between snapshots: what has gone over is split at once, and not when it has been counted with what was before. */
  async #lookForMoved(): Promise<void> {
    try {
      await inSlices(this.#names.noteChanges());
      this.#splitMoved();
    } catch (error) {
      this.#around.onError(error);
    }
  }

  /** Connections from now on to an address that has gone over are not counted with those before. */
  #splitMoved(): void {
    for (const row of this.#names.takeMoved(SPLIT_AT_ONCE)) this.#sampler.detach(row);
  }

  /** A snapshot, unless the last is young enough or the next would cost more than our share of a core. */
  async #fresh(maxAgeMs: number): Promise<void> {
    const ageMs = (monotonicNs() - this.#sampler.takenNs) / 1e6;
    const stretchMs = Math.min(this.#sampler.statistics.usualCpuMs / SHARE_OF_A_CORE, STRETCH_LIMIT_MS);
    if (ageMs < Math.max(maxAgeMs, stretchMs)) return;
    try {
      await this.#sampler.snapshot();
      this.#problem = null;
    } catch (error) {
      this.#problem = `the last snapshot failed: ${error instanceof Error ? error.message : String(error)}`;
      this.#around.onError(error);
    }
  }

  #readings(): AgentReadings {
    const { statistics } = this.#sampler;
    const { series, foldedPairs } = this.#series.stats;
    const cpu = process.cpuUsage();
    return {
      build: { version: VERSION, libbpf: libbpfVersion(), kernel: release(), node: process.version },
      startTimeSeconds: this.#startTimeSeconds,
      probes: this.#monitor.probes().map((probe) => this.#probeReadings(probe.name, probe.attached)),
      snapshot: {
        seconds: statistics.lastMs / 1000,
        count: statistics.snapshots,
        cpuSeconds: statistics.totalCpuMs / 1000,
        longestHoldSeconds: statistics.longestStepMs / 1000,
      },
      page: this.#page,
      refused: this.#refused,
      logLinesLost: this.#around.logLinesLost(),
      liveSockets: this.#live.count,
      liveSlots: this.#monitor.slots,
      flows: this.#monitor.books.used,
      flowsLimit: this.#flows.capacity - 1,
      flowsRetired: statistics.retired,
      series,
      seriesBudget: this.#series.budget,
      foldedSeries: foldedPairs,
      edges: this.#workloads.stats,
      lost: lostReadings(this.#monitor),
      udpMode: this.#monitor.udp,
      unknownOwnerBytes: this.#series.unknownOwnerBytes,
      unsettledFlows: this.#names.unsettled,
      residentBytes: residentBytes(),
      cpuSeconds: (cpu.user + cpu.system) / 1e6,
      eventLoopLagSeconds: this.#lag.takeMaxSeconds(),
    };
  }

  #probeReadings(name: string, attached: boolean): AgentReadings['probes'][number] {
    const { runTimeNs, runCount } = attached ? this.#monitor.stats(name) : { runTimeNs: 0, runCount: 0 };
    return { name, attached, runSeconds: runTimeNs / 1e9, runs: runCount };
  }
}

/** process.memoryUsage() asks V8 too; this asks the kernel alone. */
function residentBytes(): number {
  const pages = Number(readFileSync('/proc/self/statm', 'utf8').split(' ')[1]);
  return pages * 4096;
}
