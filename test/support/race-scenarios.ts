import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { addRules } from '../hosts/firewall.ts';
import { HeldTcp } from '../hosts/tcp-traffic.ts';
import { ExactLab } from './exact-lab.ts';
import { buildMutant, type Edit } from './mutant.ts';
import { race, type RaceOptions, type RaceResult } from './race.ts';
import { only, STRETCHABLE } from './race-windows.ts';

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

const SECONDS = 2;
const LOSS_PERCENT = 8;

const SIZES = { request: [16, 3000], response: [0, 9000] } as const;

/** All that an exact race does not have. */
export function problemsOf(result: RaceResult): string[] {
  const { staleSlots } = result.counters;
  return [
    ...result.differences.map(({ what, difference }) => `${what} ${difference > 0 ? '+' : ''}${difference}`),
    ...result.fell.slice(0, 5).map((what) => `fell: ${what}`),
    ...result.segments
      .filter(({ verdict }) => verdict !== 'exact' && verdict !== 'explained')
      .map(
        ({ through, counter, unexplained, reason }) =>
          `${through} ${counter}: ${unexplained} unexplained ${reason}`,
      ),
    ...(staleSlots > result.missed ? [`${staleSlots} stale slots, ${result.missed} missed events`] : []),
  ];
}

/** Where some closes are missed, something may be lost; but nothing may be counted twice, or for another flow. */
function doubled(result: RaceResult): string[] {
  return result.differences
    .filter(({ difference }) => difference > 0)
    .map(({ what, difference }) => `${what} +${difference}`);
}

/** Without slots that closed between the pass and their being taken: those are stale by nature. */
function atStart(result: RaceResult): string[] {
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
    find: '\t\treturn on_close(sk, oldstate);\n',
    put: `\t\treturn sk->sk_lock.owned || bpf_get_prandom_u32() & ${mask} ? on_close(sk, oldstate) : 0;\n`,
  };
}

export const SCENARIOS = {
  /** Connections closed in all ways. */
  churn: { options: { seconds: SECONDS, older: 8 } },
  /** The same, few and in a small table, so that each is read often. */
  close: { options: { seconds: SECONDS, slots: 256, racers: [{ parallel: 3, ...SIZES, close: 'mixed' }] } },
  /** More sockets than slots. */
  crowd: { options: { seconds: SECONDS, slots: 64, older: 20 } },
  /** Sockets that are reset and connected again, each 50 times. */
  reuse: { options: { seconds: SECONDS, racers: [{ parallel: 4, reuse: 50, ...SIZES }] } },
  /** Short connections that lose packets, so that the last one is often sent again. */
  loss: { options: { seconds: SECONDS, racers: [{ parallel: 8, close: 'client' }] }, loss: true },
  /** A connection that rests now and then. */
  trickle: { options: { seconds: SECONDS, slots: 64, racers: [], traffic: trickle } },
  /** Connections that close while the agent starts. */
  older: { options: { seconds: 1, older: 400, olderClose: 'reset', racers: [] }, problems: atStart },
  /** Connections that are busy while the agent starts. */
  busy: { options: { seconds: 1, older: 200, racers: [] }, problems: atStart },
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
  /** Half of the closes by packet are not told, as when an interrupt meets the program: nothing is counted twice. */
  missed: {
    options: { seconds: SECONDS, older: 8, slots: 16_384 },
    fault: [missClose('1')],
    problems: doubled,
  },
  /** The same without the program that makes it good: something may be lost, and nothing counted twice. */
  hidden: {
    options: { seconds: SECONDS, racers: [{ parallel: 4, ...SIZES, close: 'mixed' }] },
    fault: [
      missClose('63'),
      {
        file: 'kernel/tcp.bpf.c',
        find: '\tif (cookie && find_slot_among(cookie, sk, SLOT_PROBES / 2) >= 0)\n',
        put: '\tif (0)\n',
      },
    ],
    problems: doubled,
  },
} as const satisfies Record<string, Scenario>;

export type ScenarioName = keyof typeof SCENARIOS;

/** Hosts for scenarios, with and without loss, made when they are first needed. */
export class RaceLabs {
  readonly #labs = new Map<boolean, Promise<ExactLab>>();

  /** Builds an object for a scenario, with more changes. It sees the hosts of this scenario alone. */
  async build(name: ScenarioName, edits: readonly Edit[] = []): Promise<Uint8Array> {
    const scenario: Scenario = SCENARIOS[name];
    const { client, server } = await this.#lab(scenario);
    const own = only([client.netnsInode, server.netnsInode]);
    return buildMutant([STRETCHABLE, ...own, ...(scenario.fault ?? []), ...edits]);
  }

  /** Runs a scenario once. */
  async race(name: ScenarioName, options: Partial<RaceOptions> = {}): Promise<RaceResult> {
    const scenario: Scenario = SCENARIOS[name];
    return race(await this.#lab(scenario), { seconds: SECONDS, ...scenario.options, ...options });
  }

  /** Runs a scenario once. @returns what is wrong with its result */
  async problems(name: ScenarioName, options: Partial<RaceOptions> = {}): Promise<string[]> {
    const scenario: Scenario = SCENARIOS[name];
    return (scenario.problems ?? problemsOf)(await this.race(name, options));
  }

  async close(): Promise<void> {
    for (const lab of this.#labs.values()) await (await lab).close();
  }

  async #lab({ loss = false }: Scenario): Promise<ExactLab> {
    let lab = this.#labs.get(loss);
    if (!lab) this.#labs.set(loss, (lab = loss ? lossyLab() : ExactLab.open()));
    return lab;
  }
}

/** Loses packets both ways, but none of a handshake: what a listener repeats, no socket counts. */
async function lossyLab(): Promise<ExactLab> {
  const exact = await ExactLab.open();
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
