import fc from 'fast-check';
import type { PodRecord } from '../../../../src/cluster/objects/records.ts';
import { pod, START_MS } from './world.ts';

/** One news of the API server: what it says from `writtenMs` on, and we hear at `heardMs`. Null: the pod is removed. */
export interface News {
  readonly writtenMs: number;
  readonly heardMs: number;
  readonly uid: string;
  readonly record: PodRecord | null;
}

/** A pod that truly had an address; `news` in the order in which they were written. */
export interface Tenure {
  readonly uid: string;
  readonly address: string;
  readonly fromMs: number;
  /** Its last container ended: after that it has no connection, though it may still have the address. */
  readonly untilMs: number;
  readonly news: readonly News[];
}

/** How a tenure goes; all times in milliseconds. */
interface Plan {
  readonly gapMs: number;
  readonly lengthMs: number;
  readonly skewMs: number;
  readonly startBeforeMs: number;
  readonly networkAfterMs: number | null;
  readonly toldAfterMs: number;
  readonly end: 'removed' | 'forced' | 'done';
  readonly graceMs: number | null;
  readonly silentMs: number;
  readonly forcedBeforeMs: number;
  readonly endedTold: boolean;
  readonly delaysMs: readonly [number, number, number, number];
  readonly removedAfterMs: number;
}

const ms = (max: number) => fc.integer({ min: 0, max });

/** Delays and clocks at the limits of what the directory allows for. */
const anyPlan: fc.Arbitrary<Plan> = fc.record({
  gapMs: fc.oneof(ms(20), ms(3000), ms(60_000)),
  lengthMs: fc.oneof(ms(1000), ms(10_000), ms(120_000)),
  skewMs: fc.integer({ min: -2000, max: 2000 }),
  startBeforeMs: ms(3000),
  networkAfterMs: fc.option(ms(2000)),
  toldAfterMs: fc.oneof(ms(1000), ms(4500)),
  end: fc.constantFrom('removed', 'forced', 'done'),
  graceMs: fc.option(ms(10_000)),
  silentMs: ms(2000),
  forcedBeforeMs: ms(7000),
  endedTold: fc.boolean(),
  delaysMs: fc.tuple(ms(2000), ms(2000), ms(2000), ms(2000)),
  removedAfterMs: ms(30_000),
});

/** Tenures of one address, one after another. */
export function tenures(address: string): fc.Arbitrary<readonly Tenure[]> {
  return fc.array(anyPlan, { minLength: 1, maxLength: 5 }).map((plans) => {
    const made: Tenure[] = [];
    let nowMs = START_MS;
    for (const [i, each] of plans.entries()) {
      const fromMs = nowMs + each.gapMs;
      nowMs = fromMs + each.lengthMs;
      made.push(tenure(`${address} no. ${i}`, address, fromMs, nowMs, each));
    }
    return made;
  });
}

const second = (timeMs: number): number => Math.floor(timeMs / 1000) * 1000;

function tenure(uid: string, address: string, fromMs: number, untilMs: number, plan: Plan): Tenure {
  const { skewMs, delaysMs, networkAfterMs } = plan;
  const startMs = fromMs - plan.startBeforeMs;
  const silentMs = Math.max(fromMs, untilMs - plan.silentMs);
  const record = pod({
    name: uid,
    uid,
    addresses: [address],
    createdMs: second(startMs),
    startedMs: second(startMs + skewMs),
    networkMs: networkAfterMs === null ? null : second(fromMs + networkAfterMs + skewMs),
  });
  const news: News[] = [];
  const write = (atMs: number, delayMs: number, next: PodRecord | null): void => {
    const writtenMs = Math.max(atMs, news.at(-1)?.writtenMs ?? 0);
    news.push({
      uid,
      record: next,
      writtenMs,
      heardMs: Math.max(writtenMs + delayMs, news.at(-1)?.heardMs ?? 0),
    });
  };
  write(startMs, delaysMs[0], { ...record, addresses: [], networkMs: null });
  const forcedMs = Math.max(fromMs, untilMs - plan.forcedBeforeMs);
  const endMs = plan.end === 'forced' ? forcedMs : plan.end === 'done' ? silentMs : untilMs;
  const heardLastMs = (plan.end === 'forced' ? forcedMs : untilMs) + 2000;
  const toldMs = Math.min(fromMs + plan.toldAfterMs, endMs);
  write(toldMs, Math.min(delaysMs[1], fromMs + 4500 - toldMs), record);
  let last = record;
  if (plan.graceMs !== null) {
    last = { ...record, terminating: true };
    write(Math.min(endMs, Math.max(toldMs, untilMs - plan.graceMs)), delaysMs[2], last);
  }
  const ended = plan.endedTold ? second(silentMs + skewMs) : null;
  const done = { ...last, done: true, endedMs: ended };
  write(endMs, 0, plan.end === 'done' ? done : null);
  const end = news.pop() as News;
  const heardMs = Math.min(Math.max(end.writtenMs + delaysMs[3], news.at(-1)?.heardMs ?? 0), heardLastMs);
  // what was written before is heard before
  const ordered = news.map((item) => ({ ...item, heardMs: Math.min(item.heardMs, heardMs) }));
  ordered.push({ ...end, heardMs });
  if (plan.end === 'done') {
    const removedMs = untilMs + plan.removedAfterMs;
    ordered.push({ uid, record: null, writtenMs: removedMs, heardMs: Math.max(removedMs, heardMs) });
  }
  const speaksUntilMs = plan.end === 'done' ? silentMs : untilMs;
  return { uid, address, fromMs, untilMs: speaksUntilMs, news: ordered };
}
