/** One benchmark of `npm run bench`. */
export interface Part {
  /** bench/results/NAME.json. */
  readonly name: string;
  /** bench/SCRIPT.ts. */
  readonly script: string;
  readonly args: readonly (string | number)[];
  /** Instead of `args`, to see in moments that it runs: figures of this are worth nothing. */
  readonly short: readonly (string | number)[];
  /** Of Node. */
  readonly flags?: readonly string[];
  /** Run by its name alone: it takes many minutes, or a Kubernetes API server. */
  readonly byName?: true;
  /** About so long it takes on two cores; it is ended after three times as long. */
  readonly minutes: number;
}

/** In the order in which they run and stand on the page. */
export const PARTS: readonly Part[] = [
  { name: 'overhead', script: 'overhead', args: [20], short: [1], minutes: 5 },
  { name: 'latency', script: 'latency', args: [100_000, 5, 3], short: [2_000, 1, 1], minutes: 2.5 },
  { name: 'program-cost', script: 'program-cost', args: [30_000, 3], short: [2_000, 1], minutes: 0.5 },
  { name: 'snapshot', script: 'snapshot', args: [21], short: [3], minutes: 1 },
  { name: 'passes', script: 'passes', args: [5], short: [1, 1_000, 60], minutes: 4 },
  { name: 'pods', script: 'pods', args: [60], short: [15], minutes: 3 },
  { name: 'agent', script: 'agent', args: [10_000, 600, 30], short: [1_000, 100, 15], minutes: 2 },
  { name: 'page', script: 'page', args: [20], short: [2], minutes: 0.5 },
  { name: 'scrape', script: 'scrape', args: [4], short: [1], minutes: 2 },
  {
    name: 'directory',
    script: 'directory',
    args: [50_000],
    short: [2_000],
    flags: ['--expose-gc'],
    minutes: 0.5,
  },
  {
    name: 'cluster',
    script: 'cluster',
    args: [1_000, 10_000, 10_000, 60],
    short: [10, 100, 100, 5],
    byName: true,
    minutes: 6,
  },
  {
    name: 'cluster-5000',
    script: 'cluster',
    args: [5_000, 50_000, 100_000, 60],
    short: [10, 100, 100, 5],
    byName: true,
    minutes: 12,
  },
  { name: 'turns', script: 'turns', args: [1_000, 10_000, 4], short: [10, 100, 1], byName: true, minutes: 3 },
  { name: 'rules', script: 'rules', args: [10, 2_000], short: [2, 100], byName: true, minutes: 7 },
  { name: 'races', script: 'races', args: [20, 60], short: [2, 3], byName: true, minutes: 24 },
];
