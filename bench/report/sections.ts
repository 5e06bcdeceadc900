import type { Figure } from '../support/figures.ts';
import type { Reader } from './reader.ts';
import { PEER } from './targets.ts';
import { caseOf, median, number, quantity, ratio, table } from './text.ts';

/** A part of the page: what its benchmark did, and its figures as tables. */
export interface Section {
  /** Of the benchmark whose result it shows. */
  readonly bench: string;
  readonly title: string;
  readonly about: string;
  readonly tables: (reader: Reader) => readonly string[];
}

/** Any result as it is: one line a figure. */
function plain(reader: Reader): readonly string[] {
  const rows = reader.result.figures.map((figure) => [
    figure.what,
    caseOf(figure.of) || '-',
    median(figure),
    String(figure.samples),
  ]);
  return [table(['what', 'of', 'median (quartiles)', 'samples'], rows)];
}

function overhead(reader: Reader): readonly string[] {
  const ways = reader.values('ratio', 'way');
  const ours = ways.filter((way) => !String(way).startsWith('per '));
  const others = ways.filter((way) => String(way).startsWith('per '));
  const rows = (shown: readonly (string | number)[]): string[][] =>
    reader
      .all('reached')
      .map((reached) => [
        `${reached.of['traffic']}, ${reached.of['path']}`,
        ...(shown === ours ? [quantity(reached.median, reached.unit)] : []),
        ...shown.map((way) => ratio(reader.one('ratio', { ...reached.of, way }))),
      ]);
  const named = (way: string | number): string => (way === 'nothing' ? 'nothing / nothing' : String(way));
  return [
    'Our programs:\n',
    table(['traffic', 'without anything', ...ours.map(named)], rows(ours)),
    'Other ways to count, in the same run:\n',
    table(['traffic', ...others.map(named)], rows(others)),
  ];
}

function latency(reader: Reader): readonly string[] {
  const columns = ['p50', 'p99', 'p99.9', 'longest', 'rounds'];
  const rows = reader
    .values('p50', 'beside')
    .map((beside) => [
      String(beside),
      ...columns.map((what) =>
        quantity(reader.one(what, { beside }).median, reader.one(what, { beside }).unit),
      ),
    ]);
  const sockets = number(Number(reader.values('p50', 'sockets')[0]));
  return [table([`beside it, and beside ${sockets} live sockets`, ...columns], rows)];
}

function snapshot(reader: Reader): readonly string[] {
  const stages = ['walk', 'longest step', 'decode', 'books', 'names', 'series', 'edges'];
  const figures = reader.all('walk');
  const rows = stages.map((what) => [
    what,
    ...figures.map(({ of }) => {
      const figure = reader.one(what, of);
      const most = what === 'longest step' ? `, at most ${quantity(figure.max, figure.unit)}` : '';
      return `${median(figure)}${most}`;
    }),
  ]);
  const perSocket = figures.map((figure) => {
    const whole = reader.one('walk and decode', figure.of).median;
    return `${number((whole * 1e6) / Number(figure.of['sockets']))} ns`;
  });
  const head = figures.map(({ of }) => caseOf(of));
  return [table(['stage', ...head], [...rows, ['walk and decoding, a socket', ...perSocket]])];
}

/** Sockets down, namespaces across. */
function passes(reader: Reader): readonly string[] {
  const namespaces = reader.values('pass', 'namespaces');
  const cell = (of: Figure['of']): string => {
    const [wall, cpu] = [reader.one('pass', of), reader.one('pass, CPU', of)];
    return `${number(wall.median)} ms, ${number(cpu.median)} ms of CPU`;
  };
  const rows = reader
    .values('pass', 'sockets')
    .map((sockets) => [
      `${number(Number(sockets))} live sockets`,
      ...namespaces.map((count) => cell({ sockets, namespaces: count })),
    ]);
  return [
    table(['', ...namespaces.map((count) => `${count} ${count === 1 ? 'namespace' : 'namespaces'}`)], rows),
    `For comparison: ${PEER.name}, says of itself ${PEER.passMs} ms on average for a pass on a node with`,
    `over ${PEER.pods} pods ([source](${PEER.source}); another machine, how many sockets is not told).\n`,
  ];
}

function pods(reader: Reader): readonly string[] {
  const whats = ['CPU', 'memory', 'memory, anonymous', 'live sockets', 'lines of a page'];
  const counts = reader.values('CPU', 'pods');
  const rows = whats.map((what) => [
    what,
    ...counts.map((count) => median(reader.one(what, { pods: count }))),
    what === 'CPU' ? `${PEER.millicores} millicores` : what === 'memory' ? `${PEER.memoryMiB} MiB` : '',
  ]);
  const head = [
    '',
    ...counts.map((count) => `${count} pods`),
    `[${PEER.name}](${PEER.source}), of over ${PEER.pods} pods`,
  ];
  return [table(head, rows)];
}

function page(reader: Reader): readonly string[] {
  const rows = reader.all('page, warm').map((warm) => {
    const of = (what: string): Figure => reader.one(what, warm.of);
    const slices = of('longest slice');
    return [
      `${number(Number(warm.of['lines']))} lines of ${warm.of['kind']}`,
      String(warm.of['format']),
      quantity(of('size').median, 'B'),
      median(warm),
      quantity(of('page, first').median, 'ms'),
      `${number(slices.median)} / ${quantity(slices.max, 'ms')}`,
      quantity(of('size, gzip').median, 'B'),
      quantity(of('gzip, CPU').median, 'ms'),
    ];
  });
  const head = [
    'page',
    'format',
    'size',
    'warm',
    'first page',
    'longest slice, median / max',
    'gzip of it',
    'CPU for gzip',
  ];
  return [table(head, rows)];
}

function scrape(reader: Reader): readonly string[] {
  const rows = reader.all('scrape').map((took) => {
    const of = (what: string): Figure => reader.one(what, took.of);
    const held = `${number(of('event loop held, longest').median)} / ${median(of('event loop held, 99 %'))}`;
    const still = median(of('machine stood still, longest'));
    const { lines, format } = took.of;
    return [
      number(Number(lines)),
      String(format),
      median(of('samples')),
      median(took),
      median(of('page')),
      held,
      still,
    ];
  });
  const head = [
    'lines of text',
    'format',
    'samples taken',
    'scrape, as Prometheus says',
    'page made in',
    'event loop held, longest / 99 %',
    'machine stood still, longest',
  ];
  return [table(head, rows)];
}

function programCost(reader: Reader): readonly string[] {
  const rows = reader
    .all('a connection')
    .map((cost) => [
      `\`${cost.of['program']}\``,
      String(cost.of['processes']),
      median(cost),
      median(reader.one('runs a connection', cost.of)),
    ]);
  return [table(['program', 'processes', 'a connection, both ends', 'runs'], rows)];
}

/** In the order of the page. */
export const SECTIONS: readonly Section[] = [
  {
    bench: 'overhead',
    title: 'What it costs traffic',
    about: `Client and server on one CPU, so that throughput is the inverse of CPU cost. Each way to watch stands between two turns of
nothing and is compared with their mean: the median of these ratios, and between which values the true one lies with 95 %.
"nothing / nothing" is what the machine itself does meanwhile, measured the same way. Requests,
responses and datagrams are of 64 bytes, bulk is writes of 1 MB. Processes are kept by default, since on a plain host most
sockets have no other name; \`--processes off\` takes that away.
"per call" is a hash looked up at each send and receive, "per packet" one at each packet at both sides of a device (TC): two
programs of ours in \`bench/bpf/\`, for comparison, that count as other monitors do. Of a cable one end has it, as on a node.
Walks are not in it, they run on another CPU: see the next section.`,
    tables: overhead,
  },
  {
    bench: 'latency',
    title: 'Requests while snapshots run',
    about: `One connection over loopback, 64 bytes each way, client and server on CPU 1. "agent" is the agent,
asked for its whole page each second. "snapshots without a pause" is a program that takes one after the other, which no agent
does. "only computes" is a shell in a loop: whatever has the CPU, others wait for it. Medians of the runs.`,
    tables: latency,
  },
  {
    bench: 'program-cost',
    title: 'What a connection costs in the kernel',
    about: `The kernel's own timing of each program, which is in it: two clock reads a run.`,
    tables: programCost,
  },
  {
    bench: 'snapshot',
    title: 'A snapshot',
    about: `The walk in the kernel, step by step, and what is made of it. The longest step is the longest time for which it has a CPU without
letting others run. Times of walk and decoding are without those in which others had the processor, but what the hypervisor takes away
is in them. A slot is a place in the table of live sockets, and each is looked at: of few sockets in a large table most of the
cost is the table.`,
    tables: snapshot,
  },
  {
    bench: 'passes',
    title: 'A pass of the agent',
    about: `All that a snapshot is to the agent, the audit of every network namespace with it: as it counts it itself, by the clock (the
turns that it gives to others in between are in it) and in CPU time.`,
    tables: passes,
  },
  {
    bench: 'pods',
    title: 'A node of many pods',
    about: `The whole agent: each pod in a network namespace and a cgroup of its own, with 20 connections that carry a request a second, and
two more each second that open, carry one and close. A scrape of everything each 15 s. No cluster is there to name them.`,
    tables: pods,
  },
  {
    bench: 'agent',
    title: 'The agent on a plain host',
    about: `Memory is what the agent has between two scrapes, half a minute after the start and later, when what is not used has gone
back: see [008](decisions/008-a-small-agent.md), also for what file pages are; as a scrape is answered it is more for two seconds.
CPU is with a scrape of everything each 15 s.`,
    tables: plain,
  },
  {
    bench: 'page',
    title: 'A page',
    about: `Times are without those in which others had the processor (the kernel's own count of what the thread waited for it). Lines are
those of a text page; in protobuf a histogram with its ten lines is one series. gzip is done on threads of its own.`,
    tables: page,
  },
  {
    bench: 'scrape',
    title: 'A Prometheus that scrapes',
    about: `A real Prometheus on the same cores, a scrape every 5 s with gzip, half of the lines of histograms. By default it asks for
OpenMetrics, with \`--enable-feature=native-histograms\` for protobuf. Scrapes and pages are by the clock, neighbours and all; the
event loop is without waits for a processor, and without the time in which the hypervisor let nobody run: the last column is the
longest of it, and [015](decisions/015-holds-and-what-is-none.md) why. The server runs at real-time priority.`,
    tables: scrape,
  },
  {
    bench: 'directory',
    title: 'The directory of cluster objects',
    about: 'Without an API server: what its objects take of the heap, and how many a second of CPU time.',
    tables: plain,
  },
  ...['cluster', 'cluster-5000'].map((bench, i) => ({
    bench,
    title: i === 0 ? 'A cluster' : 'A large cluster',
    about:
      i === 0
        ? `A real API server with so many nodes and pods, with Services and EndpointSlices, on the same cores; the agent as in a pod, at
real-time priority, asked for its own metrics each 15 s. Pods are replaced for a minute, then connections open and close to the
address of a pod, then sockets stay open. Holds of the event loop are without the time in which the hypervisor let nobody run,
which is told beside them.`
        : 'The same, larger.',
    tables: plain,
  })),
  {
    bench: 'turns',
    title: 'Turns of the event loop while lists are read',
    about: `Of each start the longest, by CPU time, which is right to the kernel's tick of 4 ms. Nobody asks for a page meanwhile.`,
    tables: plain,
  },
  {
    bench: 'rules',
    title: 'The rules in Prometheus',
    about: `Agents with full budgets, every series moving. One evaluation, which comes each minute; groups of rules run side by side and take
time from one another. Where it is too much: fewer labels of edges (\`--edge-labels=-destination_port\`),
\`--edge-level=namespace\`, or a smaller \`--edges\`.`,
    tables: plain,
  },
  {
    bench: 'races',
    title: 'Walks that race with closes',
    about: `Walks that never pause against connections that close in all ways, IPv4 and IPv6 in turn, processes tracked or not. Every byte,
connection and segment must be accounted for once, each connection measured once, each jiffy of busy time counted once. What the
kernel tells no program of: [009](decisions/009-events-that-no-program-is-told-of.md).`,
    tables: plain,
  },
];
