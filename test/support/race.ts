import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Sampler } from '../../src/cli/sampler.ts';
import type { AuditRow } from '../../src/collector/audit.ts';
import { Features } from '../../src/libbpf/features.ts';
import { Monitor } from '../../src/libbpf/monitor.ts';
import { planMonitor } from '../../src/libbpf/monitor-plan.ts';
import { FlowTable } from '../../src/tracker/flow-table.ts';
import { LiveTable, TcpState } from '../../src/tracker/live-table.ts';
import { TREE } from '../hosts/find-tool.ts';
import {
  HeldTcp,
  startTcpClient,
  startTcpServer,
  type TcpClientOptions,
  type TcpServerOptions,
  type TcpTotals,
} from '../hosts/tcp-traffic.ts';
import type { ExactLab, Family } from './exact-lab.ts';
import { type Difference, Ledger, type Sides, type SideSums } from './race-ledger.ts';

/** A client of a race: it goes on for the time of the race. */
export type Racer = Omit<Partial<TcpClientOptions>, 'address' | 'port' | 'seconds' | 'connections'>;

export interface RaceOptions {
  readonly seconds: number;
  readonly family?: Family;
  readonly trackProcess?: boolean;
  /** The bytes of an object; that of the build by default. */
  readonly object?: Uint8Array;
  readonly slots?: number;
  readonly books?: number;
  /** A flow is forgotten when nothing of it has moved for so long; never by default. */
  readonly idleNs?: number;
  readonly racers?: readonly Racer[];
  readonly server?: TcpServerOptions;
  /** Connections opened before the agent starts, which carry data all the time. */
  readonly older?: number;
  /** In place of the flow table of the agent. */
  readonly flows?: (books: ArrayBuffer) => FlowTable;
  /** false: no walk until the traffic is over. */
  readonly walk?: boolean;
}

const COUNTERS = [
  'handedOver',
  'handoffFull',
  'staleSlots',
  'slotsFull',
  'booksFull',
  'unseenClosed',
  'roleGuessed',
  'bootFound',
] as const;

export interface RaceResult {
  /** Counted less expected: empty if not one byte or connection was lost or doubled. */
  readonly differences: readonly Difference[];
  /** Counters that fell between two snapshots. */
  readonly fell: readonly string[];
  /** Segments against the kernel's own counters of both namespaces. */
  readonly segments: readonly AuditRow[];
  readonly expected: Sides;
  readonly other: SideSums;
  readonly counters: Readonly<Record<(typeof COUNTERS)[number], number>>;
  /** Runs of our programs that the kernel left out because the program was running on that CPU already. */
  readonly missed: number;
  readonly walks: number;
  /** Live sockets that all walks together have read. */
  readonly read: number;
  readonly retired: number;
  readonly connectionsPerSecond: number;
}

/** Short connections closed in all ways, some that live for many walks, and some that are reset. */
export const CHURN: readonly Racer[] = [
  { parallel: 4, request: [16, 3000], response: [0, 9000], close: 'mixed' },
  { parallel: 2, rounds: 30, request: [16, 20_000], response: [0, 40_000], close: 'mixed' },
  { parallel: 1, request: [16, 3000], response: [0, 3000], close: 'reset' },
  { parallel: 1, rounds: 3, request: [16, 3000], response: [0, 3000], close: 'unread' },
];

const SETTLE_LIMIT_MS = 8_000;
const SETTLED_TCP = 2; // snapshots in a row without a connection of ours

/** The agent's own snapshots, taken without a pause in this process while connections come and go. */
class Walker {
  readonly flows: FlowTable;
  readonly live: LiveTable;
  readonly ledger: Ledger;
  readonly monitor: Monitor;
  readonly sampler: Sampler;
  read = 0;
  #ended = false;
  #walking: Promise<void> = Promise.resolve();

  constructor(exact: ExactLab, options: RaceOptions) {
    this.monitor = startMonitor(options);
    const books = this.monitor.books.memory;
    this.flows = options.flows?.(books) ?? new FlowTable(books);
    this.live = new LiveTable(this.monitor.slots);
    this.ledger = new Ledger(this.flows, exact);
    this.sampler = new Sampler(this.monitor, this.flows, this.live, options.idleNs ?? Infinity, {
      retiring: (row) => this.ledger.forget(row),
      after: async () => {
        this.read += this.live.count;
        this.ledger.watch();
      },
    });
  }

  start(): void {
    this.#walking = this.#walk();
  }

  async stop(): Promise<void> {
    this.#ended = true;
    await this.#walking;
  }

  /** Snapshots until no connection of these namespaces lives. */
  async settle(netns: readonly number[]): Promise<void> {
    const end = performance.now() + SETTLE_LIMIT_MS;
    for (let quiet = 0; quiet < SETTLED_TCP && performance.now() < end; ) {
      await this.sampler.snapshot();
      quiet = this.#connections(netns) === 0 ? quiet + 1 : 0;
      await sleep(50);
    }
  }

  #connections(netns: readonly number[]): number {
    let count = 0;
    for (let row = 0; row < this.live.count; row++) {
      const listens = this.live.state[row] === TcpState.listen;
      if (!listens && netns.includes(this.live.netns[row] ?? 0)) count++;
    }
    return count;
  }

  async #walk(): Promise<void> {
    while (!this.#ended) await this.sampler.snapshot();
  }
}

function startMonitor(options: RaceOptions): Monitor {
  const features = new Features();
  try {
    return Monitor.start(planMonitor(features, 'off'), {
      object: options.object ?? join(TREE, 'build/kube-netc.bpf.o'),
      slots: options.slots ?? 4096,
      books: options.books ?? 1024,
      trackProcess: options.trackProcess ?? true,
      cgroupRoot: null,
    });
  } finally {
    features.close();
  }
}

/** Lets connections race with walks for some seconds, and compares what is in the books with what was sent. */
export async function race(exact: ExactLab, options: RaceOptions): Promise<RaceResult> {
  const serving = await startTcpServer(exact.server, options.server);
  const [, address] = exact.addresses(options.family);
  const to = { address, port: serving.port };
  const older = options.older
    ? await HeldTcp.open(exact.client, { ...to, connections: options.older, request: [16, 9000], response: [0, 9000] })
    : null;
  const walker = new Walker(exact, options);
  try {
    await walker.ledger.readKernel(null);
    walker.monitor.findOlder();
    if (options.walk ?? true) walker.start();
    const totals = await Promise.all([
      ...(options.racers ?? CHURN).map(async (racer) => {
        const seed = randomInt(1, 2 ** 31);
        return startTcpClient(exact.client, { seed, ...racer, ...to, connections: 0, seconds: options.seconds }).end();
      }),
      ...(older ? [older.run(options.seconds).then(async () => older.close())] : []),
    ]);
    const served = await serving.stop();
    await walker.stop();
    await walker.settle([exact.client.netnsInode, exact.server.netnsInode]);
    await walker.ledger.readKernel(walker.monitor);
    return resultOf(walker, serving.port, { client: sum(totals), server: served }, options);
  } finally {
    await walker.stop();
    walker.monitor.close();
  }
}

function resultOf(walker: Walker, port: number, counted: Sides<TcpTotals>, options: RaceOptions): RaceResult {
  const { ledger, monitor, sampler } = walker;
  if (counted.client.errors + counted.server.errors > 0)
    throw new Error(`the traffic itself went wrong: ${JSON.stringify(counted)}`);
  const expected = { client: sumsOf(counted.client), server: sumsOf(counted.server) };
  const programs = ['tcp_state', ...((options.trackProcess ?? true) ? ['tcp_connect'] : [])];
  return {
    differences: ledger.differences(port, expected),
    fell: ledger.fell,
    segments: ledger.segments(),
    expected,
    other: ledger.other,
    counters: Object.fromEntries(COUNTERS.map((name) => [name, monitor.counter(name)])) as RaceResult['counters'],
    missed: programs.reduce((missed, name) => missed + monitor.stats(name).missed, 0),
    walks: sampler.statistics.snapshots,
    read: walker.read,
    retired: sampler.statistics.retired,
    connectionsPerSecond: Math.round(counted.client.connections / options.seconds),
  };
}

function sumsOf(totals: TcpTotals): SideSums {
  return {
    sentBytes: totals.wroteBytes,
    receivedBytes: totals.readBytes + totals.unreadBytes,
    opened: totals.connections,
    closed: totals.connections,
  };
}

function sum(all: readonly TcpTotals[]): TcpTotals {
  const [first, ...rest] = all;
  if (!first) throw new Error('a race without traffic');
  return rest.reduce(
    (a, b) => ({
      ...a,
      connections: a.connections + b.connections,
      wroteBytes: a.wroteBytes + b.wroteBytes,
      readBytes: a.readBytes + b.readBytes,
      unreadBytes: a.unreadBytes + b.unreadBytes,
      errors: a.errors + b.errors,
    }),
    first,
  );
}
