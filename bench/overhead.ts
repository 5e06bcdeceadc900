// What watching costs traffic: request/response, connect-request-close and bulk over the loopback of one namespace and
// over a cable (veth) between two, and UDP echo; without anything, with our programs in each way they can be run, and
// with two programs of bench/bpf that count as other monitors do, at each call and at each packet. Client and server are
// on one CPU, so that throughput is the inverse of CPU cost.
//
// A machine that has neighbours is steady for seconds at most. So slices of some 0.15 s follow each other, and each way
// stands between two turns of nothing: it is compared with the mean of these two. Nothing itself, compared with the
// turns of nothing before and after it, is the noise. The order of the ways changes from round to round.
// Walks are not in it, they run on another CPU: bench/snapshot.ts has them, bench/latency.ts what they do to traffic.
// As root: node bench/overhead.ts [rounds]
import { setTimeout as sleep } from 'node:timers/promises';
import type { Host } from '../test/hosts/host.ts';
import { Lab } from '../test/hosts/lab.ts';
import { runTcpClient, startTcpServer, type TcpClientOptions } from '../test/hosts/tcp-traffic.ts';
import { runUdpClient, startUdpServer } from '../test/hosts/udp-traffic.ts';
import { bench, type Figures, progress } from './support/bench.ts';
import { stayOn } from './support/stay-on.ts';
import { type Way, Ways } from './support/ways.ts';

const rounds = Number(process.argv[2] ?? 20);
const CPU = 1;
const OTHER_CPU = 0;
const SERVERS = { cpu: CPU, timeout: 3_600 };
/** What has been taken away is freed by the kernel after a grace period, on some CPU. */
const FREED_MS = 50;
const NOTHING: Way = async () => async () => {};

interface Load {
  readonly traffic: string;
  readonly path: 'loopback' | 'veth';
  readonly unit: string;
  /** Runs one slice. @returns what it reached a second */
  run(): Promise<number>;
}

async function tcpLoads(client: Host, server: Host, path: Load['path']): Promise<Load[]> {
  const { port } = await startTcpServer(server, SERVERS);
  const to = { address: path === 'loopback' ? '127.0.0.1' : server.v4, port, cpu: CPU };
  const small = { ...to, request: 64, response: 64 };
  const bulk = { ...to, connections: 1, rounds: 300, request: 1_000_000, response: 0 };
  const run = (work: TcpClientOptions, of: 'roundsPerSecond' | 'connectionsPerSecond') => async () =>
    (await runTcpClient(client, work))[of];
  return [
    {
      traffic: 'request/response',
      path,
      unit: 'rounds/s',
      run: run({ ...small, connections: 1, rounds: 8_000 }, 'roundsPerSecond'),
    },
    {
      traffic: 'connect-request-close',
      path,
      unit: 'connections/s',
      run: run({ ...small, connections: 2_000 }, 'connectionsPerSecond'),
    },
    { traffic: 'bulk', path, unit: 'MB/s', run: run(bulk, 'roundsPerSecond') },
  ];
}

async function udpLoad(host: Host): Promise<Load> {
  const { port } = await startUdpServer(host, { ...SERVERS, echo: true });
  const run = async (): Promise<number> => {
    const to = { address: ['127.0.0.1'], port, cpu: CPU, connected: true };
    const done = await runUdpClient(host, { ...to, count: 10_000, size: 64, reply: true });
    return done.receivedDatagrams / done.seconds;
  };
  return { traffic: 'UDP echo', path: 'loopback', unit: 'datagrams/s', run };
}

/** One turn of a way: a slice of each load. @returns what each reached, in their order */
async function turn(way: Way, loads: readonly Load[]): Promise<number[]> {
  const detach = await way();
  try {
    const reached: number[] = [];
    for (const load of loads) reached.push(await load.run());
    return reached;
  } finally {
    await detach();
    await sleep(FREED_MS);
  }
}

/** The names in an order that is another in each round. */
function rotated(names: readonly string[], round: number): string[] {
  const order = names.map((_, i) => names[(i + round) % names.length] ?? '');
  return round % 2 === 0 ? order : order.reverse();
}

function mean(a: number | undefined, b: number | undefined): number {
  return ((a ?? NaN) + (b ?? NaN)) / 2;
}

function report(figures: Figures, load: Load, of: readonly Turn[], index: number): void {
  const { traffic, path, unit } = load;
  const at = (turnIndex: number): number | undefined => of[turnIndex]?.reached[index];
  const nothing = of.flatMap(({ way }, i) => (way === 'nothing' ? [i] : []));
  figures.add(
    'reached',
    { traffic, path },
    unit,
    nothing.map((i) => at(i) ?? NaN),
    0,
  );
  const ratios = (way: string, distance: number): number[] =>
    of.flatMap((each, i) => {
      const inside = i >= distance && i + distance < of.length;
      return each.way === way && inside ? [(at(i) ?? NaN) / mean(at(i - distance), at(i + distance))] : [];
    });
  figures.add('ratio', { traffic, path, way: 'nothing' }, '', ratios('nothing', 2));
  for (const way of new Set(of.map((each) => each.way).filter((name) => name !== 'nothing')))
    figures.add('ratio', { traffic, path, way }, '', ratios(way, 1));
}

interface Turn {
  readonly way: string;
  readonly reached: readonly number[];
}

await bench(async (figures) => {
  stayOn(OTHER_CPU);
  await using lab = await Lab.create();
  const [one, two] = [await lab.host('one'), await lab.host('two')];
  await lab.join(one, two);
  using ways = new Ways(lab, [one]);
  for (const text of ways.refused) figures.note(text);
  const loads = [
    ...(await tcpLoads(one, one, 'loopback')),
    ...(await tcpLoads(one, two, 'veth')),
    await udpLoad(one),
  ];
  await turn(NOTHING, loads); // for caches
  const turns: Turn[] = [{ way: 'nothing', reached: await turn(NOTHING, loads) }];
  for (let round = 0; round < rounds; round++) {
    progress(`overhead: round ${round + 1} of ${rounds}`);
    for (const name of rotated([...ways.all.keys()], round)) {
      turns.push({ way: name, reached: await turn(ways.all.get(name) ?? NOTHING, loads) });
      turns.push({ way: 'nothing', reached: await turn(NOTHING, loads) });
    }
  }
  loads.forEach((load, index) => report(figures, load, turns, index));
});
