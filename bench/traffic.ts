// What the agent costs traffic: request/response, connect-request-close and bulk over the loopback of one namespace, with
// client and server on one CPU, so that throughput is the inverse of CPU cost. Each round runs every way once, in
// another order; a ratio is taken to the first `off` of the same round, and `off` runs twice: the second shows the noise.
// Prints JSON. As root, on an idle machine: node bench/traffic.ts [rounds] [seconds]
import { type Host } from '../test/hosts/host.ts';
import { Lab } from '../test/hosts/lab.ts';
import { runTcpClient, startTcpServer, type TcpClientOptions } from '../test/hosts/tcp-traffic.ts';
import { runUdpClient, startUdpServer } from '../test/hosts/udp-traffic.ts';
import { TestAgent } from '../test/support/agent.ts';
import { machine, quantile, rounded } from './machine.ts';

const rounds = Number(process.argv[2] ?? 11);
const seconds = Number(process.argv[3] ?? 1);
const CPU = 1;

const WAYS: Readonly<Record<string, readonly string[] | null>> = {
  off: null,
  'off again': null,
  'agent, no processes, no UDP': ['--processes', 'off', '--udp', 'off'],
  'agent, processes, no UDP': ['--udp', 'off'],
  'agent, processes, UDP by tracepoint': ['--udp', 'tracepoint'],
};

type Load = (host: Host) => Promise<number>;

function tcp(
  options: Partial<TcpClientOptions>,
  figure: 'connectionsPerSecond' | 'roundsPerSecond' | 'bytes',
): Load {
  return async (host) => {
    const server = await startTcpServer(host, { cpu: CPU });
    const ran = await runTcpClient(host, {
      address: '127.0.0.1',
      port: server.port,
      cpu: CPU,
      seconds,
      ...options,
    });
    await server.stop();
    return figure === 'bytes' ? ran.wroteBytes / ran.seconds : ran[figure];
  };
}

const udp: Load = async (host) => {
  const server = await startUdpServer(host, { cpu: CPU, echo: true });
  const count = 40_000 * seconds;
  const from = performance.now();
  const ran = await runUdpClient(host, {
    address: ['127.0.0.1'],
    port: server.port,
    cpu: CPU,
    connected: true,
    count,
    size: 64,
    reply: true,
  });
  const took = (performance.now() - from) / 1000;
  await server.stop();
  return ran.receivedDatagrams / took;
};

const LOADS: Readonly<Record<string, Load>> = {
  'request/response 64 B, rounds/s': tcp(
    { connections: 1, rounds: 0, request: 64, response: 64 },
    'roundsPerSecond',
  ),
  'connect-request-close, connections/s': tcp(
    { connections: 0, request: 64, response: 64 },
    'connectionsPerSecond',
  ),
  'bulk, bytes/s': tcp({ connections: 1, rounds: 0, request: 1_000_000, response: 0 }, 'bytes'),
  'UDP 64 B echo, datagrams/s': udp,
};

await using lab = await Lab.create();
const host = await lab.host('one');
const figures = new Map<string, number[]>();
for (let round = 0; round < rounds; round++) {
  const names = Object.keys(WAYS);
  for (let i = 0; i < names.length; i++) {
    const way = names[(i + round) % names.length] ?? 'off';
    const flags = WAYS[way];
    const agent = flags ? await TestAgent.start(flags) : null;
    for (const [load, run] of Object.entries(LOADS)) {
      const key = `${load}\0${way}`;
      figures.set(key, [...(figures.get(key) ?? []), await run(host)]);
    }
    await agent?.stop();
  }
  process.stderr.write(`round ${round + 1} of ${rounds}\n`);
}

const result = Object.keys(LOADS).map((load) => {
  const base = figures.get(`${load}\0off`) ?? [];
  const ways = Object.keys(WAYS).map((way) => {
    const ratios = (figures.get(`${load}\0${way}`) ?? []).map((value, i) => value / (base[i] ?? NaN));
    return [
      way,
      {
        ratio: rounded(quantile(ratios, 0.5), 3),
        quartiles: [rounded(quantile(ratios, 0.25), 3), rounded(quantile(ratios, 0.75), 3)],
      },
    ];
  });
  return { load, off: Math.round(quantile(base, 0.5)), ...(Object.fromEntries(ways) as object) };
});
console.log(JSON.stringify({ bench: 'traffic', rounds, seconds, result, machine: machine() }, null, 2));
