import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type News, type Tenure, tenures } from './tenures.ts';
import { START_MS, World } from './world.ts';

const RUNS = Number(process.env['PROPERTY_RUNS'] ?? 40);
const ADDRESSES = ['10.1.0.5', '10.1.0.6'];

/** Whom the directory may name for a moment: who truly had the address; nobody, nobody; see below. */
function allowed(history: readonly Tenure[], address: string, atMs: number): ReadonlySet<string> {
  const own = history.filter((tenure) => tenure.address === address);
  const had = own.filter(({ fromMs, untilMs }) => fromMs <= atMs && atMs <= untilMs);
  if (had.length > 0) return new Set(had.map(({ uid }) => uid));
  // Nobody had it, so no connection can have been made: those who had it about that time do no harm.
  return new Set(
    own
      .filter(({ fromMs, untilMs }) => fromMs < atMs + 15_000 && untilMs > atMs - 15_000)
      .map(({ uid }) => uid),
  );
}

/** A history as text, for when a test fails. */
function told(history: readonly Tenure[]): string {
  const says = ({ record }: News): string => {
    if (record === null) return 'removed';
    const word = record.done
      ? 'done'
      : record.terminating
        ? 'terminating'
        : record.addresses.length > 0
          ? 'has it'
          : 'pending';
    const times = [record.startedMs, record.networkMs, record.endedMs];
    return `${word} (${times.map((time) => (time === null ? '-' : time - START_MS)).join(' ')})`;
  };
  return history
    .map(({ uid, fromMs, untilMs, news }) => {
      const items = news.map(
        (item) => `${item.writtenMs - START_MS}..${item.heardMs - START_MS} ${says(item)}`,
      );
      return `${uid}: ${fromMs - START_MS} to ${untilMs - START_MS}; ${items.join(', ')}`;
    })
    .join('\n');
}

/** Moments at which something is about to change hands. */
function moments(history: readonly Tenure[]): number[] {
  const edges = history.flatMap(({ fromMs, untilMs, news }) => [
    fromMs,
    untilMs,
    ...news.map((item) => item.heardMs),
  ]);
  const near = [-5000, -2001, -1999, -1, 0, 1, 1999, 5000];
  return [...new Set(edges.flatMap((edge) => near.map((by) => edge + by)))];
}

/** Tells the world all that is heard until a moment, at its time; after each news `look` is called. */
class Telling {
  readonly #world: World;
  readonly #left: News[];

  constructor(world: World, history: readonly Tenure[]) {
    this.#world = world;
    this.#left = history.flatMap(({ news }) => news).toSorted((a, b) => a.heardMs - b.heardMs);
  }

  until(untilMs: number, look: () => void = () => undefined): void {
    for (let next = this.#left[0]; next !== undefined && next.heardMs <= untilMs; next = this.#left[0]) {
      this.#left.shift();
      this.#world.pass(Math.max(0, next.heardMs - this.#world.nowMs));
      this.#tell(next);
      look();
    }
    this.#world.pass(Math.max(0, untilMs - this.#world.nowMs));
  }

  /** A list: what is written until now, and not told yet. The news between do not come any more. */
  list(): void {
    const written = this.#left.filter(({ writtenMs }) => writtenMs <= this.#world.nowMs);
    const last = new Map(written.map((item) => [item.uid, item]));
    for (const item of last.values()) this.#tell(item);
    for (const item of written) this.#left.splice(this.#left.indexOf(item), 1);
  }

  #tell({ uid, record }: News): void {
    const { pods } = this.#world.directory;
    if (record === null) pods.remove(uid);
    else pods.upsert(record);
  }
}

const histories = fc.tuple(...ADDRESSES.map((address) => tenures(address))).map((each) => each.flat());

/** Asks for every moment of interest, as of now; answers for older ones than `sinceMs` have been asked for before. */
function check(world: World, history: readonly Tenure[], atMs: readonly number[], sinceMs = Infinity): void {
  for (const address of ADDRESSES) {
    for (const ms of atMs) {
      if (ms < world.nowMs - sinceMs) continue;
      const { name, kind } = world.directory.remote(address, 0, 'tcp', ms);
      if (kind === 'unknown') continue;
      if (!allowed(history, address, ms).has(name)) {
        throw new Error(
          `${name} was named for ${address} at ${ms - START_MS}, asked at ${world.nowMs - START_MS}\n${told(history)}`,
        );
      }
    }
  }
}

describe('whatever comes, late by two seconds and by clocks two seconds off,', () => {
  test('nobody is named for an address at a moment but who had it', () => {
    fc.assert(
      fc.property(histories, (history) => {
        const world = new World().listed();
        world.offsetMs += START_MS - world.nowMs - 5000;
        const atMs = moments(history);
        new Telling(world, history).until(Math.max(...atMs), () => check(world, history, atMs, 20_000));
        for (const ms of [1000, 5000, 15_000, 60_000]) {
          world.pass(ms);
          check(world, history, atMs);
        }
      }),
      { numRuns: RUNS },
    );
  });

  test('who had it is named, from when that was heard until there was a sign of the end', () => {
    fc.assert(
      fc.property(histories, (history) => {
        const world = new World().listed();
        world.offsetMs += START_MS - world.nowMs - 5000;
        new Telling(world, history).until(Math.max(...moments(history)) + 60_000);
        for (const { uid, address, news } of history) {
          const fromMs = news.find(({ record }) => record?.addresses.length === 1)?.heardMs ?? Infinity;
          const signs = news.filter(({ record }) => record === null || record.done || record.terminating);
          const endedMs = news.find(({ record }) => record?.done)?.record?.endedMs;
          const untilMs = Math.min(endedMs ?? Infinity, signs[0]?.heardMs ?? 0) - 2000;
          for (const ms of [fromMs, untilMs]) {
            if (ms < fromMs || ms > untilMs) continue;
            expect(
              world.directory.remote(address, 0, 'tcp', ms).name,
              `${ms - START_MS}\n${told(history)}`,
            ).toBe(uid);
          }
        }
      }),
      { numRuns: RUNS },
    );
  });

  test('nor where the agent starts in between, with a list that takes its time', () => {
    fc.assert(
      fc.property(
        histories,
        fc.integer({ min: 0, max: 100_000 }),
        fc.integer({ min: 0, max: 8000 }),
        (history, start, takes) => {
          const world = new World();
          world.offsetMs += START_MS + start - world.nowMs;
          const telling = new Telling(world, history);
          const atMs = moments(history);
          telling.list();
          world.pass(takes);
          check(world, history, atMs);
          world.directory.pods.synced();
          world.directory.services.synced();
          world.directory.nodes.synced();
          check(world, history, atMs);
          telling.until(Math.max(...atMs) + 60_000, () => check(world, history, atMs, 20_000));
          check(world, history, atMs);
        },
      ),
      { numRuns: RUNS },
    );
  });

  test('nor where the watch is lost, and a list or the rest of the news comes later', () => {
    const at = fc.integer({ min: 0, max: 100_000 });
    fc.assert(
      fc.property(histories, at, at, fc.boolean(), (history, start, length, relist) => {
        const world = new World().listed();
        world.offsetMs += START_MS - world.nowMs - 5000;
        const telling = new Telling(world, history);
        const atMs = moments(history);
        telling.until(START_MS + start, () => check(world, history, atMs, 20_000));
        world.directory.pods.lost(0);
        world.pass(length / 2);
        check(world, history, atMs);
        world.pass(length / 2);
        if (relist) {
          telling.list();
          check(world, history, atMs);
          world.directory.pods.synced();
        } else {
          telling.until(world.nowMs, () => check(world, history, atMs, 20_000));
          world.directory.pods.whole();
        }
        check(world, history, atMs);
        telling.until(Math.max(...atMs) + 60_000, () => check(world, history, atMs, 20_000));
        check(world, history, atMs);
      }),
      { numRuns: RUNS },
    );
  });
});
