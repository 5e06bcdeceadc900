import { growthOf, judged, median, type Point } from './growth.ts';
import { rounded } from '../support/numbers.ts';

/** What is looked at, and by how much it may grow after the warm-up, however long that is: by `absolute` and by a `share` of itself. */
interface Quantity {
  readonly unit: string;
  readonly title: string;
  readonly absolute: number;
  readonly share: number;
}

const of = (title: string, unit: string, absolute: number, share = 0): Quantity => {
  return { title, unit, absolute, share };
};

/**
 * What is counted must not grow by one. Times are told and not judged, for what else the machine does is in them: work that
 * grows shows in the CPU.
 */
export const QUANTITIES = {
  anonMiB: of('memory of its own', 'MiB', 3),
  rssMiB: of('memory in all (RSS)', 'MiB', 4),
  descriptors: of('open descriptors', '', 1),
  threads: of('threads', '', 0.5),
  bpfObjects: of('programs, links and maps in the kernel', '', 0.5),
  mapMiB: of('memory of its maps', 'MiB', 0.1),
  liveSockets: of('live sockets', '', 20, 0.05),
  flows: of('flows', '', 20, 0.1),
  series: of('series', '', 20, 0.1),
  millicores: of('CPU', 'millicores', 3, 0.5),
  holdMs: of('event loop held, longest in 5 s', 'ms', Infinity),
  textMs: of('scrape, text', 'ms', Infinity),
  openMetricsMs: of('scrape, OpenMetrics with gzip', 'ms', Infinity),
  protobufMs: of('scrape, protobuf', 'ms', Infinity),
} as const satisfies Readonly<Record<string, Quantity>>;

export type Name = keyof typeof QUANTITIES;
export const NAMES = Object.keys(QUANTITIES) as Name[];

/** The points of each quantity, oldest first. A few an hour of seconds: bounded by the length of the run. */
export class Courses {
  readonly of: Readonly<Record<Name, Point[]>>;

  constructor() {
    this.of = Object.fromEntries(NAMES.map((name): [Name, Point[]] => [name, []])) as Record<Name, Point[]>;
  }

  add(name: Name, second: number, value: number): void {
    this.of[name].push({ second, value });
  }
}

export interface Verdict {
  readonly median: number;
  readonly max: number;
  /** Over the judged time. */
  readonly growth: number;
  readonly allowed: number;
  readonly grows: boolean;
}

/** What the course of a quantity comes to, after the warm-up. */
export function verdict(name: Name, points: readonly Point[]): Verdict {
  const settled = judged(points);
  const values = settled.map(({ value }) => value);
  const middle = median(values);
  const allowed = QUANTITIES[name].absolute + QUANTITIES[name].share * middle;
  const growth = growthOf(settled);
  return {
    median: rounded(middle),
    max: rounded(points.reduce((most, { value }) => Math.max(most, value), 0)),
    growth: rounded(growth),
    allowed: rounded(allowed),
    grows: !(growth <= allowed), // without any value too
  };
}
