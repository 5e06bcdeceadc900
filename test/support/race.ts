import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AuditRow } from '../../src/collector/audit.ts';
import type { Host } from '../hosts/host.ts';
import {
  type Closing,
  HeldTcp,
  startTcpClient,
  startTcpServer,
  type TcpClientOptions,
  type TcpServerOptions,
  type TcpTotals,
} from '../hosts/tcp-traffic.ts';
import type { ExactLab, Family } from './exact-lab.ts';
import { type Difference, kernelCounters, type Sides, type SideSums } from './race-ledger.ts';
import type { TimesResult } from './race-times.ts';
import { Walker, type WalkerOptions } from './race-walker.ts';
import { Untold } from './untold.ts';

/** A client of a race: it goes on for the time of the race. */
export type Racer = Omit<Partial<TcpClientOptions>, 'address' | 'port' | 'seconds' | 'connections'>;

export interface RaceOptions extends WalkerOptions {
  readonly seconds: number;
  readonly family?: Family;
  readonly racers?: readonly Racer[];
  readonly server?: TcpServerOptions;
  /** The client's addresses, used in turn: each is a flow of its own. 1 by default; IPv4 alone. */
  readonly sources?: number;
  /** Connections opened before the agent starts, which carry data all the time. */
  readonly older?: number;
  /** They close in this way while the agent looks for them, instead of at the end. */
  readonly olderClose?: Closing;
  /** More traffic, of a kind of its own. */
  readonly traffic?: (client: Host, to: Target) => Promise<TcpTotals>;
  /** Rests so long between walks, and does not go before everything else: so both CPUs have connections to make. */
  readonly pauseMs?: number;
}

/** Where the clients of a race connect to. */
export interface Target {
  readonly address: string;
  readonly port: number;
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
  readonly times: TimesResult;
  /** Connections that cannot be measured in full: older than the agent, or without a slot. */
  readonly unmeasured: number;
  readonly counters: Readonly<Record<(typeof COUNTERS)[number], number>>;
  /** Runs of our programs that the kernel left out because the program was running on that CPU already. */
  readonly missed: number;
  /** Changes of state that the kernel told no program of: see Untold. Nothing can be exact then. */
  readonly untold: number;
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

/** What connections that are older than the agent carry. */
const OLDER = { request: [16, 9000], response: [0, 9000] } as const;

/** Lets connections race with walks for some seconds, and compares what is in the books with what was sent. */
export async function race(exact: ExactLab, options: RaceOptions): Promise<RaceResult> {
  const before = await kernelCounters(exact);
  const serving = await startTcpServer(exact.server, options.server);
  const [, address] = exact.addresses(options.family);
  const bind = options.sources ? { bind: await addSources(exact, options.sources) } : {};
  const racers = (options.racers ?? CHURN).map((racer) => ({ ...racer, ...bind }));
  const to = { address, port: serving.port };
  const older = options.older
    ? await HeldTcp.open(exact.client, {
        ...to,
        ...OLDER,
        close: options.olderClose ?? 'mixed',
        connections: options.older,
      })
    : null;
  using untold = new Untold(serving.port);
  const walker = new Walker(exact, options);
  try {
    const held = older && leave(older, options);
    if (held) await sleep(2); // what it was told must have left this process before the pass, which keeps it busy
    walker.monitor.findOlder();
    walker.start(options.pauseMs);
    const totals = await Promise.all([
      ...racers.map(async (racer) => startRacer(exact.client, to, racer, options.seconds)),
      ...(options.traffic ? [options.traffic(exact.client, to)] : []),
      ...(held ? [held] : []),
    ]);
    const served = await serving.stop();
    await walker.stop();
    await walker.settle([exact.client, exact.server]);
    const segments = await walker.ledger.audit(before, walker.monitor);
    const counted = { client: sum(totals), server: served };
    return { ...resultOf(walker, serving.port, counted, segments, options), untold: untold.end() };
  } finally {
    await walker.stop();
    walker.monitor.close();
  }
}

/** Gives the client more addresses of its network, from .100 on. */
async function addSources(exact: ExactLab, count: number): Promise<string[]> {
  const network = exact.client.v4.replace(/\d+$/, '');
  const addresses = Array.from({ length: count }, (_, i) => `${network}${100 + i}`);
  const device = exact.segment.device(exact.client);
  await exact.client.ip(addresses.map((address) => `addr replace ${address}/24 dev ${device}`).join('\n'));
  return addresses;
}

/** Has connections that are older than the agent carry data, or end, from now on. */
async function leave(held: HeldTcp, options: RaceOptions): Promise<TcpTotals> {
  if (options.olderClose === undefined) {
    await held.run(options.seconds);
  } else {
    // A round first, so that the pass for them is on its way when they end.
    held.program.process.write('send 1000 3\n');
  }
  return held.close();
}

async function startRacer(client: Host, to: Target, racer: Racer, seconds: number): Promise<TcpTotals> {
  const seed = randomInt(1, 2 ** 31);
  return startTcpClient(client, { seed, ...racer, ...to, connections: 0, seconds }).end();
}

function resultOf(
  walker: Walker,
  port: number,
  counted: Sides<TcpTotals>,
  segments: AuditRow[],
  options: RaceOptions,
): Omit<RaceResult, 'untold'> {
  const { ledger, monitor, sampler } = walker;
  if (counted.client.errors + counted.server.errors > 0)
    throw new Error(`the traffic itself went wrong: ${JSON.stringify(counted)}`);
  const expected = { client: sumsOf(counted.client), server: sumsOf(counted.server) };
  const programs = ['tcp_state', 'tcp_destroy', ...((options.trackProcess ?? true) ? ['tcp_connect'] : [])];
  return {
    differences: ledger.differences(port, expected),
    fell: ledger.fell,
    segments,
    expected,
    other: ledger.other,
    times: ledger.times.result(),
    unmeasured: (options.older ?? 0) + monitor.counter('slotsFull') + monitor.counter('unseenClosed'),
    counters: Object.fromEntries(
      COUNTERS.map((name) => [name, monitor.counter(name)]),
    ) as RaceResult['counters'],
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
