// What our programs take of a CPU for each connection, both ends together, as the kernel itself times them. Its timing is
// in it: two clock reads a run, and each connection changes state about ten times. Prints JSON. As root:
// node bench/program-cost.ts [connections]
import { Features } from '../src/libbpf/features.ts';
import { Monitor } from '../src/libbpf/monitor.ts';
import { planMonitor } from '../src/libbpf/monitor-plan.ts';
import { RunStatistics } from '../src/libbpf/run-statistics.ts';
import { Lab } from '../test/hosts/lab.ts';
import { runTcpClient, startTcpServer } from '../test/hosts/tcp-traffic.ts';
import { machine, rounded } from './machine.ts';

const connections = Number(process.argv[2] ?? 30_000);
const object = new URL('../build/kube-netc.bpf.o', import.meta.url).pathname;

await using lab = await Lab.create();
const host = await lab.host('one');

async function measure(trackProcess: boolean): Promise<Record<string, unknown>> {
  using features = new Features();
  const sizes = { slots: 65_536, books: 16_384, cgroupRoot: null };
  using monitor = Monitor.start(planMonitor(features, 'off'), { object, trackProcess, ...sizes });
  using _statistics = RunStatistics.enable();
  const server = await startTcpServer(host, { cpu: 1 });
  const ran = await runTcpClient(host, {
    address: '127.0.0.1',
    port: server.port,
    connections,
    request: 64,
    response: 64,
    cpu: 1,
  });
  await server.stop();
  const programs = ['tcp_state', 'tcp_destroy', ...(trackProcess ? ['tcp_connect'] : [])];
  const of = programs.map((name) => {
    const { runTimeNs, runCount, missed } = monitor.stats(name);
    return [
      name,
      {
        nsPerConnection: rounded(runTimeNs / connections, 0),
        runsPerConnection: rounded(runCount / connections, 1),
        missed,
      },
    ];
  });
  return {
    trackProcess,
    connectionsPerSecond: Math.round(ran.connectionsPerSecond),
    ...(Object.fromEntries(of) as object),
  };
}

const result = [];
for (const track of [false, true, false, true, false, true]) result.push(await measure(track));
console.log(JSON.stringify({ bench: 'program-cost', connections, result, machine: machine() }, null, 2));
