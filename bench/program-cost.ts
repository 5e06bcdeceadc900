// What our programs take of a CPU for each connection, both ends together, as the kernel itself times them. Its timing is
// in it: two clock reads a run, and each connection changes state about ten times. As root:
// node bench/program-cost.ts [connections] [rounds]
import { RunStatistics } from '../src/libbpf/run-statistics.ts';
import type { Host } from '../test/hosts/host.ts';
import { Lab } from '../test/hosts/lab.ts';
import { runTcpClient, startTcpServer } from '../test/hosts/tcp-traffic.ts';
import { monitorAlone } from '../test/support/monitor-alone.ts';
import { bench, progress } from './support/bench.ts';

const connections = Number(process.argv[2] ?? 30_000);
const rounds = Number(process.argv[3] ?? 3);

/** @returns of each program what a connection takes of it, and how often it ran for one */
async function measure(host: Host, trackProcess: boolean): Promise<[string, number, number][]> {
  using monitor = monitorAlone({ slots: 65_536, trackProcess });
  using _statistics = RunStatistics.enable();
  const server = await startTcpServer(host, { cpu: 1 });
  await runTcpClient(host, {
    address: '127.0.0.1',
    port: server.port,
    connections,
    request: 64,
    response: 64,
    cpu: 1,
  });
  await server.stop();
  const programs = ['tcp_state', 'tcp_destroy', ...(trackProcess ? ['tcp_connect'] : [])];
  return programs.map((name) => {
    const { runTimeNs, runCount, missed } = monitor.stats(name);
    if (missed > 0) throw new Error(`${name} was not run ${missed} times`);
    return [name, runTimeNs / connections, runCount / connections];
  });
}

await bench(async (figures) => {
  await using lab = await Lab.create();
  const host = await lab.host('one');
  for (const trackProcess of [false, true]) {
    const seen = new Map<string, { ns: number[]; runs: number[] }>();
    for (let round = 0; round < rounds; round++) {
      progress(
        `program-cost: round ${round + 1} of ${rounds}, processes ${trackProcess ? 'kept' : 'not kept'}`,
      );
      for (const [name, ns, runs] of await measure(host, trackProcess)) {
        const all = seen.get(name) ?? { ns: [], runs: [] };
        all.ns.push(ns);
        all.runs.push(runs);
        seen.set(name, all);
      }
    }
    for (const [program, { ns, runs }] of seen) {
      const of = { program, processes: trackProcess ? 'kept' : 'not kept' };
      figures.add('a connection', of, 'ns', ns, 0);
      figures.add('runs a connection', of, '', runs, 1);
    }
  }
});
