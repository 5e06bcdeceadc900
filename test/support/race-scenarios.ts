import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type * as flowTable from '../../src/tracker/flow-table.ts';
import { addRules } from '../hosts/firewall.ts';
import { HeldTcp, startTcpServer, type TcpTotals } from '../hosts/tcp-traffic.ts';
import { ExactLab } from './exact-lab.ts';
import { buildMutant, type Edit, importMutant } from './mutant.ts';
import { race, type RaceOptions, type RaceResult } from './race.ts';
import { TELL_TIMES } from './race-times.ts';
import { only, STRETCHABLE } from './race-windows.ts';
import { untilTold } from './untold.ts';

/** A kind of race that can be run many times. */
export interface Scenario {
  readonly options: Partial<RaceOptions>;
  /** Whether the hosts lose packets. */
  readonly loss?: boolean;
  /** What the kernel is made to do, beside what the race itself needs. */
  readonly fault?: readonly Edit[];
  /** What of a result is wrong; problemsOf() by default. */
  readonly problems?: (result: RaceResult) => string[];
}

/** Fast Open for those who ask for it. */
const HOSTS = { sysctls: { 'net.ipv4.tcp_fastopen': 3 } };

const SECONDS = 2;
const LOSS_PERCENT = 8;

const SIZES = { request: [16, 3000], response: [0, 9000] } as const;

/** All that an exact race does not have. */
export function problemsOf(result: RaceResult): string[] {
  const { staleSlots } = result.counters;
  return [
    ...result.differences.map(({ what, difference }) => `${what} ${difference > 0 ? '+' : ''}${difference}`),
    ...result.fell.slice(0, 5).map((what) => `fell: ${what}`),
    ...wrongTimes(result),
    ...result.segments
      .filter(({ verdict }) => verdict !== 'exact' && verdict !== 'explained')
      .map(
        ({ through, counter, unexplained, reason }) =>
          `${through} ${counter}: ${unexplained} unexplained ${reason}`,
      ),
    ...(staleSlots > result.missed ? [`${staleSlots} stale slots, ${result.missed} missed events`] : []),
  ];
}

/** Each connection is measured once in each way, unless it cannot be; and is busy for as long as it was. */
function wrongTimes({ times, unmeasured, missed, expected: { client, server } }: RaceResult): string[] {
  const closed = client.closed + server.closed;
  const missing = {
    connect: client.opened - times.connect,
    rtt: closed - times.rtt,
    duration: closed - times.duration,
  };
  // 0: programs that do not tell. Where a close was missed, what the socket waited for then is told by walks alone.
  const busy = times.toldJiffies === 0 || missed > 0 ? 0 : times.busyJiffies - times.toldJiffies;
  return [
    ...Object.entries(missing)
      .filter(([, count]) => count < 0 || count > 2 * unmeasured + missed)
      .map(([name, count]) => `${name}: ${count} missing`),
    ...(busy === 0 ? [] : [`busy jiffies ${busy > 0 ? '+' : ''}${busy}`]),
  ];
}

/** Where some closes are missed, something may be lost; but nothing may be counted twice, or for another flow. */
function doubled(result: RaceResult): string[] {
  return result.differences
    .filter(({ difference }) => difference > 0)
    .map(({ what, difference }) => `${what} +${difference}`);
}

/** Where slots may be stale by nature: closed between the pass and their being taken, or closed and not told. */
function exceptStale(result: RaceResult): string[] {
  return problemsOf({ ...result, counters: { ...result.counters, staleSlots: 0 } });
}

/** A connection that does a little now and then, so that its counters stand still between snapshots. */
const trickle: RaceOptions['traffic'] = async (client, to) => {
  const held = await HeldTcp.open(client, { ...to, connections: 1 });
  const end = performance.now() + SECONDS * 1000;
  while (performance.now() < end) {
    await held.send(64);
    await sleep(randomInt(0, 3));
  }
  return held.close();
};

/** Leaves out closes that a packet brings: one in so many, less one. */
function missClose(mask: string): Edit {
  return {
    file: 'kernel/tcp.bpf.c',
    find: '\t\treturn on_close(sk, oldstate, index);\n',
    put: `\t\treturn sk->sk_lock.owned || bpf_get_prandom_u32() & ${mask} ? on_close(sk, oldstate, index) : 0;\n`,
  };
}

/** Opens and closes listeners on the client, where nobody connects to them. */
const listeners: RaceOptions['traffic'] = async (client) => {
  const end = performance.now() + SECONDS * 1000;
  let served: TcpTotals | undefined;
  while (served === undefined || performance.now() < end)
    served = await (await startTcpServer(client)).stop();
  return served;
};

/** All is there, some of it in `other`; and the agent says that there was no room. */
function spilled(result: RaceResult): string[] {
  const { differences, other, counters } = result;
  const missing = (name: string): number =>
    differences
      .filter(({ what }) => what.endsWith(` ${name}`))
      .reduce((sum, { difference }) => sum - difference, 0);
  return [
    ...(counters.booksFull > 0 ? [] : ['no book was missing']),
    ...doubled(result),
    ...(Object.keys(other) as (keyof typeof other)[])
      .filter((name) => missing(name) !== other[name])
      .map((name) => `${name}: ${missing(name)} missing, ${other[name]} in other`),
  ];
}

export const SCENARIOS = {
  /** Connections closed in all ways. */
  churn: { options: { seconds: SECONDS, older: 8 } },
  /** The same, few and in a small table, so that each is read often. */
  close: { options: { seconds: SECONDS, slots: 256, racers: [{ parallel: 3, ...SIZES, close: 'mixed' }] } },
  /** More sockets than slots. */
  crowd: { options: { seconds: SECONDS, slots: 64, older: 20 } },
  /** More flows than books: what has no book is in `other`. */
  spill: {
    options: {
      seconds: SECONDS,
      books: 64,
      sources: 64,
      racers: [{ parallel: 4, ...SIZES, close: 'mixed' }],
      trackProcess: false,
    },
    problems: spilled,
  },
  /** Data in the SYN. */
  fastOpen: {
    options: {
      seconds: SECONDS,
      racers: [{ parallel: 4, fastOpen: true, ...SIZES, close: 'mixed' }],
      server: { fastOpen: true },
    },
  },
  /** Sockets of TCP below sockets of MPTCP. */
  mptcp: {
    options: {
      seconds: SECONDS,
      racers: [{ parallel: 4, mptcp: true, ...SIZES, close: 'mixed' }],
      server: { mptcp: true },
    },
  },
  /** Sockets whose program has closed them, or ended, while they still have much to send. */
  orphans: {
    options: {
      seconds: SECONDS,
      racers: [{ parallel: 4, request: [16, 3000], response: [100_000, 2_000_000], close: 'both' }],
    },
  },
  /** Listeners that come and go. */
  listeners: { options: { seconds: SECONDS, traffic: listeners } },
  /** Sockets that are reset and connected again, each 50 times. */
  reuse: { options: { seconds: SECONDS, racers: [{ parallel: 4, reuse: 50, ...SIZES }] } },
  /** Short connections that lose packets, so that the last one is often sent again. */
  loss: {
    // Walks that go before all else could hold up a handshake for a second on a busy machine: then it is repeated too.
    options: { seconds: SECONDS, racers: [{ parallel: 8, close: 'client' }], pauseMs: 1 },
    loss: true,
  },
  /** A connection that rests now and then. */
  trickle: { options: { seconds: SECONDS, slots: 64, racers: [], traffic: trickle } },
  /** Connections that close while the agent starts. */
  older: { options: { seconds: 1, older: 400, olderClose: 'reset', racers: [] } },
  /** Connections that are busy while the agent starts. */
  busy: { options: { seconds: 1, older: 200, racers: [] } },
  /** Flows that are forgotten as soon as they rest. */
  retiring: {
    options: {
      seconds: SECONDS,
      racers: [{ parallel: 2, ...SIZES, close: 'mixed' }],
      sources: 64,
      idleNs: 4e6,
      books: 16_384,
      trackProcess: false,
      pauseMs: 1,
    },
  },
  /** Half of the closes by packet are not told, as when an interrupt meets the program. */
  missed: {
    options: { seconds: SECONDS, older: 8, slots: 16_384 },
    fault: [missClose('1')],
    problems: (result) => exceptStale({ ...result, times: { ...result.times, toldJiffies: 0 } }),
  },
  /** The same without the program that makes it good: something may be lost, and nothing counted twice. */
  hidden: {
    options: { seconds: SECONDS, racers: [{ parallel: 4, ...SIZES, close: 'mixed' }] },
    fault: [
      missClose('63'),
      {
        file: 'kernel/tcp.bpf.c',
        find: '\tif (cookie)\n\t\tindex = find_slot(cookie, sk);\n\tif (index >= 0) /*',
        put: '\tif (index >= 0) /*',
      },
    ],
    problems: doubled,
  },
} as const satisfies Record<string, Scenario>;

export type ScenarioName = keyof typeof SCENARIOS;

/** What a race needs to run with changed sources. */
export type Changed = Pick<RaceOptions, 'object' | 'flows'>;

/** Hosts for scenarios, with and without loss, made when they are first needed. */
export class RaceLabs {
  readonly #labs = new Map<boolean, Promise<ExactLab>>();

  /** Builds what a scenario runs with, with more changes, of kernel/ or of src/. It sees the hosts of this scenario alone. */
  async prepare(name: ScenarioName, edits: readonly Edit[] = []): Promise<Changed> {
    const scenario: Scenario = SCENARIOS[name];
    const { client, server } = await this.#lab(scenario);
    const ours = only([client.netnsInode, server.netnsInode]);
    const all = [...TELL_TIMES, ...ours, ...(scenario.fault ?? []), ...edits];
    const object = await buildMutant([STRETCHABLE, ...all.filter(({ file }) => file.startsWith('kernel/'))]);
    const tracker = all.filter(({ file }) => file.startsWith('src/'));
    if (tracker.length === 0) return { object };
    const { FlowTable } = await importMutant<typeof flowTable>('src/tracker/flow-table.ts', tracker);
    return { object, flows: (books) => new FlowTable(books) };
  }

  /** Runs a scenario once. */
  async race(name: ScenarioName, options: Partial<RaceOptions> = {}): Promise<RaceResult> {
    const scenario: Scenario = SCENARIOS[name];
    return race(await this.#lab(scenario), { seconds: SECONDS, ...scenario.options, ...options });
  }

  /** Runs a scenario, and again where the kernel kept ends of connections to itself. @returns what is wrong with its result */
  async problems(name: ScenarioName, options: Partial<RaceOptions> = {}): Promise<string[]> {
    const scenario: Scenario = SCENARIOS[name];
    const result = await untilTold(async () => this.race(name, options));
    return [
      ...(scenario.problems ?? problemsOf)(result),
      ...(result.untold > 0 ? [`${result.untold} changes of state untold, and some in each run before`] : []),
    ];
  }

  async close(): Promise<void> {
    for (const lab of this.#labs.values()) await (await lab).close();
  }

  async #lab({ loss = false }: Scenario): Promise<ExactLab> {
    let lab = this.#labs.get(loss);
    if (!lab) this.#labs.set(loss, (lab = loss ? lossyLab() : ExactLab.open(HOSTS)));
    return lab;
  }
}

/** Loses packets both ways, but none of a handshake: what a listener repeats, no socket counts. */
async function lossyLab(): Promise<ExactLab> {
  const exact = await ExactLab.open(HOSTS);
  for (const host of [exact.client, exact.server]) {
    await addRules(
      host,
      `table inet filter {
        chain prerouting {
          type filter hook prerouting priority filter;
          tcp flags & syn == 0 numgen random mod 100 < ${LOSS_PERCENT} drop
        }
      }`,
    );
  }
  return exact;
}
