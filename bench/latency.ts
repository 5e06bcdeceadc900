// How long a request and its response take while snapshots run, beside the same without: p50, p99, p99.9 and the longest,
// on one connection over loopback, with many live sockets beside it. Client and server are on CPU 1; who takes the
// snapshots is on CPU 0, or on CPU 1 too. "agent" is the agent, asked for its whole page each second; "without a pause" is
// a program that takes one snapshot after the other, which no agent does; "only computes" is a shell in a loop, for
// comparison: whatever has the CPU, others wait for it.
// As root: node bench/latency.ts [sockets] [seconds of each] [rounds]
import { setTimeout as sleep } from 'node:timers/promises';
import { HeldMany } from '../test/hosts/held-many.ts';
import { HostProcess } from '../test/hosts/host-process.ts';
import { Lab } from '../test/hosts/lab.ts';
import { type RoundTrips, runRoundTrips } from '../test/hosts/round-trips.ts';
import { startTcpServer } from '../test/hosts/tcp-traffic.ts';
import { TestAgent } from '../test/support/agent.ts';
import { bench, progress } from './support/bench.ts';
import { stayOn } from './support/stay-on.ts';

const sockets = Number(process.argv[2] ?? 100_000);
const seconds = Number(process.argv[3] ?? 5);
const rounds = Number(process.argv[4] ?? 3);
const CPU = 1;
const OTHER_CPU = 0;
const SLOTS = 2 ** Math.ceil(Math.log2(sockets * 2));
const WALK = new URL('support/walk-forever.ts', import.meta.url).pathname;
const ASKED_MS = 1_000;

/** Starts what runs beside the traffic; gives what ends it. */
type Neighbour = () => Promise<() => Promise<void>>;

function agentOn(cpu: number): Neighbour {
  return async () => {
    const flags = ['--interval', '1s', '--udp', 'off', '--max-sockets', String(SLOTS)];
    const agent = await TestAgent.start(flags, {}, ['taskset', '--cpu-list', String(cpu)]);
    await agent.rawPage();
    const ended = new AbortController();
    const asking = (async () => {
      while (!ended.signal.aborted) {
        await (await fetch(`${agent.url}/metrics`)).arrayBuffer();
        await sleep(ASKED_MS);
      }
    })();
    return async () => {
      ended.abort();
      await asking;
      await agent.stop();
    };
  };
}

function walksOn(cpu: number): Neighbour {
  return async () => {
    const on = ['taskset', '--cpu-list', String(cpu)];
    const walk = new HostProcess([...on, process.execPath, WALK, String(SLOTS)]);
    await walk.line(/^walking/);
    return async () => void (await walk.stop());
  };
}

function computesOn(cpu: number): Neighbour {
  return async () => {
    const loop = new HostProcess(['taskset', '--cpu-list', String(cpu), 'sh', '-c', 'while :; do :; done']);
    return async () => void (await loop.stop());
  };
}

const NEIGHBOURS: Readonly<Record<string, Neighbour>> = {
  nothing: async () => async () => {},
  'agent, on the other CPU': agentOn(OTHER_CPU),
  'agent, on the same CPU': agentOn(CPU),
  'snapshots without a pause, on the other CPU': walksOn(OTHER_CPU),
  'snapshots without a pause, on the same CPU': walksOn(CPU),
  'only computes, on the same CPU': computesOn(CPU),
};

await bench(async (figures) => {
  stayOn(OTHER_CPU);
  await using lab = await Lab.create();
  const host = await lab.host('one');
  const server = await startTcpServer(host, { cpu: CPU, timeout: 3_600 });
  const held = await HeldMany.open(host, { connections: sockets / 2, reset: true, timeout: 3_600 });
  const seen = new Map<string, RoundTrips[]>();
  for (let round = 0; round < rounds; round++) {
    for (const [name, start] of Object.entries(NEIGHBOURS)) {
      progress(`latency: round ${round + 1} of ${rounds}, ${name}`);
      const end = await start();
      const to = { address: '127.0.0.1', port: server.port };
      const trips = await runRoundTrips(host, { ...to, seconds, cpu: CPU });
      await end();
      seen.set(name, [...(seen.get(name) ?? []), trips]);
    }
  }
  await held.close();
  for (const [beside, trips] of seen) {
    const add = (what: string, unit: string, of: (each: RoundTrips) => number, digits: number): void =>
      figures.add(what, { beside, sockets: held.ready.sockets }, unit, trips.map(of), digits);
    add('p50', 'us', (each) => each.p50Us, 1);
    add('p99', 'us', (each) => each.p99Us, 1);
    add('p99.9', 'us', (each) => each.p999Us, 1);
    add('longest', 'us', (each) => each.maxUs, 0);
    add('rounds', 'rounds/s', (each) => each.rounds / seconds, 0);
  }
});
