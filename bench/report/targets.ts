import type { Figure } from '../support/figures.ts';
import type { Reader } from './reader.ts';
import { bounds, median, quantity, ratio } from './text.ts';

interface Verdict {
  readonly seen: string;
  /** Null: the noise is too large to tell. */
  readonly met: boolean | null;
}

/** What a figure was to be, and whether it is: said by comparing, never by hand. */
export interface Target {
  readonly what: string;
  readonly limit: string;
  /** Of which benchmark. */
  readonly bench: string;
  /** Null: the result has no such figure, since it was run in another size. */
  readonly judge: (reader: Reader) => Verdict | null;
}

/** What a peer says of itself, of a node with over 60 pods: the least that it has published. */
export const PEER = {
  name: 'KubeSkoop, which polls sockets by inet_diag',
  source: 'https://github.com/alibaba/kubeskoop/pull/351',
  pods: 60,
  passMs: 306,
  millicores: 101,
  memoryMiB: 126,
} as const;

/** The agent's own way on a plain host, where its kernel gives fentry for UDP: then no program of TCP knows of UDP. */
const OURS = 'processes, no UDP';
/** Bounds wider apart than this hide what is to be seen: monitors that count at each call or packet cost as much. */
const TELLING = 0.05;
/** What the agent takes where fentry is refused. */
const BY_TRACEPOINT = 'processes, UDP by tracepoint';
const MEMORY = 'memory';

function same(traffic: string, path: string, way = OURS): Target {
  const more = way === OURS ? '' : `, ${way}`;
  return {
    what: `TCP ${traffic}, ${path}${more}, with our programs / without`,
    limit: '1.00, within what nothing / nothing shows',
    bench: 'overhead',
    judge: (reader) => {
      const ours = reader.one('ratio', { traffic, path, way });
      const nothing = reader.one('ratio', { traffic, path, way: 'nothing' });
      const [[low, high], [least, most]] = [bounds(ours), bounds(nothing)];
      const isSame = ours.median >= nothing.median || (high >= least && low <= most);
      const met = isSame && Math.max(high - low, most - least) > TELLING ? null : isSame;
      return { seen: `${ratio(ours)}; nothing / nothing ${ratio(nothing)}`, met };
    },
  };
}

function atLeast(least: number, way: string, path: string): Target {
  const traffic = 'connect-request-close';
  return {
    what: `TCP ${traffic}, one core, ${path}, ${way}`,
    limit: `at least ${least}`,
    bench: 'overhead',
    judge: (reader) => {
      const figure = reader.one('ratio', { traffic, path, way });
      const [low, high] = bounds(figure);
      const isHidden = high - low > TELLING && low <= least && least <= high;
      return { seen: ratio(figure), met: isHidden ? null : figure.median >= least };
    },
  };
}

type Pick = (reader: Reader) => readonly Figure[];

/** The largest median of some figures. */
function atMost(what: string, bench: string, most: number, unit: string, pick: Pick): Target {
  return {
    what,
    limit: `at most ${quantity(most, unit)}`,
    bench,
    judge: (reader) => {
      const [worst] = pick(reader).toSorted((a, b) => b.median - a.median);
      if (worst === undefined) return null;
      return { seen: median(worst), met: worst.median <= most };
    },
  };
}

/** The largest of all values. */
function never(what: string, bench: string, most: number, unit: string, pick: Pick): Target {
  return {
    what,
    limit: `never over ${quantity(most, unit)}`,
    bench,
    judge: (reader) => {
      const figures = pick(reader);
      if (figures.length === 0) return null;
      const longest = Math.max(...figures.map(({ max }) => max));
      const typical = Math.max(...figures.map((figure) => figure.median));
      return { seen: `${quantity(longest, unit)}; median ${quantity(typical, unit)}`, met: longest <= most };
    },
  };
}

const many = { sockets: 100_000 };

export const TARGETS: readonly Target[] = [
  same('request/response', 'loopback'),
  same('request/response', 'loopback', BY_TRACEPOINT),
  same('request/response', 'veth'),
  same('bulk', 'loopback'),
  same('bulk', 'veth'),
  ...['loopback', 'veth'].flatMap((path) => [
    atLeast(0.99, 'no processes, no UDP', path),
    atLeast(0.99, OURS, path),
  ]),
  atMost('snapshot of 100,000 live sockets, kernel and decoding', 'snapshot', 35, 'ms', (r) =>
    r.all('walk and decode', many),
  ),
  never('longest hold of a CPU in it', 'snapshot', 2, 'ms', (r) => r.all('longest step', many)),
  atMost('page of 10,000 lines, dearest kind and format', 'page', 10, 'ms', (r) =>
    r.all('page, warm', { lines: 10_000 }),
  ),
  atMost('page of 100,000 lines, dearest kind and format', 'page', 60, 'ms', (r) =>
    r.all('page, warm', { lines: 100_000 }),
  ),
  never('longest slice of a page', 'page', 10, 'ms', (r) => r.all('longest slice')),
  never('event loop held while Prometheus scrapes', 'scrape', 10, 'ms', (r) =>
    r.all('event loop held, longest'),
  ),
  atMost('memory, idle', 'agent', 60, 'MiB', (r) => r.all(MEMORY, { sockets: 0 })),
  atMost('memory, 10,000 sockets and 5,000 pods (here 10,000)', 'cluster', 100, 'MiB', (r) =>
    r.all(MEMORY, { sockets: 10_000 }),
  ),
  atMost('memory, 100,000 sockets and 50,000 pods', 'cluster-5000', 200, 'MiB', (r) => r.all(MEMORY, many)),
  atMost(
    'CPU at 600 new connections a second, a scrape each 15 s, identity of a cluster',
    'cluster',
    10,
    'millicores',
    (r) => r.all('CPU', { while: '600 connections/s' }),
  ),
  atMost('the same without a cluster', 'agent', 10, 'millicores', (r) => r.all('CPU')),
  never('event loop held, in a cluster', 'cluster', 10, 'ms', (r) => r.all('event loop held, longest')),
  atMost('start to first full page', 'agent', 1_000, 'ms', (r) => r.all('start to first page')),
  atMost('pass of the agent, dearest number of sockets and namespaces', 'passes', PEER.passMs, 'ms', (r) =>
    r.all('pass'),
  ),
  atMost(`CPU with ${PEER.pods} pods`, 'pods', PEER.millicores, 'millicores', (r) =>
    r.all('CPU', { pods: PEER.pods }),
  ),
  atMost(`memory with ${PEER.pods} pods`, 'pods', PEER.memoryMiB, 'MiB', (r) =>
    r.all(MEMORY, { pods: PEER.pods }),
  ),
  atMost('runs in which a byte, connection or segment was lost or doubled', 'races', 0, '', (r) =>
    r.all('runs that differ'),
  ),
];
