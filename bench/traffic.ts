// What our programs cost traffic: request/response, connect-request-close, bulk and UDP echo over the loopback of one
// namespace, client and server on one CPU, so that throughput is the inverse of CPU cost. Slices of about 0.15 s, with and
// without the programs, follow each other in changing order: a machine that has neighbours is not steady for longer. A
// slice is compared with the mean of the two `off` of its round; `off` against `off` of the same round is the noise.
// Walks are not in it: they run on the other CPU; bench/snapshot.ts has them.
// Prints JSON. As root, on an idle machine: node bench/traffic.ts [rounds]
import { readFileSync } from 'node:fs';
import { findCgroup2Mount } from '../src/cluster/cgroup-mount.ts';
import { Features } from '../src/libbpf/features.ts';
import { Monitor } from '../src/libbpf/monitor.ts';
import { planMonitor, type UdpChoice } from '../src/libbpf/monitor-plan.ts';
import type { Host } from '../test/hosts/host.ts';
import { Lab } from '../test/hosts/lab.ts';
import { runTcpClient, startTcpServer, type TcpClientOptions } from '../test/hosts/tcp-traffic.ts';
import { runUdpClient, startUdpServer } from '../test/hosts/udp-traffic.ts';
import { machine, medianWithBounds, quantile } from './machine.ts';

const rounds = Number(process.argv[2] ?? 100);
const OBJECT = new URL('../build/kube-netc.bpf.o', import.meta.url).pathname;
const CPU = 1;
const cgroupRoot = findCgroup2Mount(readFileSync('/proc/self/mountinfo', 'utf8'))?.path ?? null;

interface Way {
  readonly trackProcess: boolean;
  readonly udp: UdpChoice;
}

const WAYS: Readonly<Record<string, Way | null>> = {
  off: null,
  'no processes, no UDP': { trackProcess: false, udp: 'off' },
  'processes, no UDP': { trackProcess: true, udp: 'off' },
  'off again': null,
  'processes, UDP by tracepoint': { trackProcess: true, udp: 'tracepoint' },
};
const OFF = ['off', 'off again'];

/** Runs one slice. @returns what it reached a second */
type Load = (host: Host) => Promise<number>;

function tcp(work: Partial<TcpClientOptions>, amount: number): Load {
  return async (host) => {
    const server = await startTcpServer(host, { cpu: CPU });
    const to = { address: '127.0.0.1', port: server.port, cpu: CPU };
    const { seconds } = await runTcpClient(host, { ...to, ...work });
    await server.stop();
    return amount / seconds;
  };
}

const udp: Load = async (host) => {
  const server = await startUdpServer(host, { cpu: CPU, echo: true });
  const to = { address: ['127.0.0.1'], port: server.port, cpu: CPU, connected: true };
  const { seconds, receivedDatagrams } = await runUdpClient(host, {
    ...to,
    count: 10_000,
    size: 64,
    reply: true,
  });
  await server.stop();
  return receivedDatagrams / seconds;
};

const LOADS: Readonly<Record<string, Load>> = {
  'request/response 64 B, rounds/s': tcp({ connections: 1, rounds: 8000, request: 64, response: 64 }, 8000),
  'connect-request-close, connections/s': tcp({ connections: 3000, request: 64, response: 64 }, 3000),
  'bulk, MB/s': tcp({ connections: 1, rounds: 400, request: 1_000_000, response: 0 }, 400),
  'UDP 64 B echo, datagrams/s': udp,
};

async function slice(host: Host, load: Load, way: Way | null): Promise<number> {
  if (way === null) return load(host);
  const sizes = { slots: 65_536, books: 16_384, cgroupRoot };
  using monitor = Monitor.start(planMonitor(features, way.udp), { object: OBJECT, ...sizes, ...way });
  const figure = await load(host);
  const off = monitor.probes().find(({ attached }) => !attached);
  if (off) throw new Error(`${off.name} is not attached: ${off.reason}`);
  return figure;
}

/** The ways of one round, each once, in an order that changes. */
async function round(host: Host, load: Load, number: number): Promise<Map<string, number>> {
  const names = Object.keys(WAYS);
  const figures = new Map<string, number>();
  for (let i = 0; i < names.length; i++) {
    const way = names[(i + number) % names.length] ?? 'off';
    figures.set(way, await slice(host, load, WAYS[way] ?? null));
  }
  return figures;
}

function compare(all: readonly Map<string, number>[]): Record<string, unknown> {
  const of = (figures: Map<string, number>, way: string): number => figures.get(way) ?? NaN;
  const off = (figures: Map<string, number>): number =>
    OFF.reduce((sum, way) => sum + of(figures, way), 0) / OFF.length;
  const ratios = Object.keys(WAYS)
    .filter((way) => !OFF.includes(way))
    .map((way) => [way, medianWithBounds(all.map((figures) => of(figures, way) / off(figures)))] as const);
  const noise = medianWithBounds(all.map((figures) => of(figures, 'off again') / of(figures, 'off')));
  const median = Math.round(quantile(all.map(off), 0.5));
  return { off: median, 'off again / off': noise, ...(Object.fromEntries(ratios) as object) };
}

using features = new Features();
await using lab = await Lab.create();
const host = await lab.host('one');
const result: Record<string, unknown> = {};
for (const [name, load] of Object.entries(LOADS)) {
  const all: Map<string, number>[] = [];
  for (let number = 0; number < rounds; number++) {
    process.stderr.write(`\r${name}: round ${number + 1} of ${rounds} `);
    all.push(await round(host, load, number));
  }
  process.stderr.write('\n');
  result[name] = compare(all);
}
console.log(JSON.stringify({ bench: 'traffic', rounds, result, machine: machine() }, null, 2));
