import { deepEqual } from 'node:assert/strict';
import {
  runTcpClient,
  startTcpServer,
  type Closing,
  type TcpClientOptions,
  type TcpTotals,
} from '../../hosts/tcp-traffic.ts';
import type { TrafficServer } from '../../hosts/traffic-program.ts';
import type { Page } from '../../support/page.ts';
import { Net } from './net.ts';
import type { Report } from './report.ts';
import { mirrored, type Run, sumOf } from './run.ts';

const SIZES = { request: [16, 3_000], response: [0, 9_000] } as const;
const CLOSINGS: readonly Closing[] = [
  'client',
  'server',
  'both',
  'client-half',
  'server-half',
  'reset',
  'unread',
];
const MEGABYTE = 1_000_000;

type Server = TrafficServer<TcpTotals>;

/** Connections of every kind of close, over both families where there are both, and some from a container. */
export async function runTcp(net: Net): Promise<Run[]> {
  const over4 = await runOver4(net);
  return net.families.includes(6) ? [...over4, ...(await runOverBoth(net))] : over4;
}

async function runOver4(net: Net): Promise<Run[]> {
  const v4 = await startTcpServer(net.server, { address: '0.0.0.0' });
  const runs: Run[] = [];
  for (const close of CLOSINGS) runs.push(await run(net, v4, 4, `closed by ${close}`, { close }));
  runs.push(await run(net, v4, 4, '1 MB', { connections: 2, request: MEGABYTE, response: MEGABYTE }));
  await stop(v4, runs);
  return runs;
}

async function runOverBoth(net: Net): Promise<Run[]> {
  const both = await startTcpServer(net.server);
  const runs = [
    await run(net, both, 6, 'IPv6, closed by mixed', { close: 'mixed', connections: 40 }),
    await run(net, both, 6, 'IPv6, closed by reset', { close: 'reset' }),
    await run(net, both, 4, 'IPv4 to an IPv6 socket', { close: 'mixed' }),
    await run(net, both, 4, 'IPv4 by IPv6 sockets', { mapped: true }),
    await run(net, both, 6, 'from a container', {}, true),
  ];
  await stop(both, runs);
  return runs;
}

async function run(
  net: Net,
  server: Server,
  family: 4 | 6,
  name: string,
  options: Partial<TcpClientOptions>,
  contained = false,
): Promise<Run> {
  const at = net.fresh(family);
  const wanted = { connections: 15, ...SIZES, ...options, address: at.server, port: server.port };
  const sent = await runTcpClient(net.client, wanted, contained ? { cgroup: net.container } : {});
  if (sent.errors > 0) throw new Error(`${name}: ${JSON.stringify(sent)}`);
  const client = { sentBytes: sent.wroteBytes, receivedBytes: sent.readBytes + sent.unreadBytes };
  return { name: `TCP ${name}`, at, client, server: mirrored(client) };
}

/** Ends a server; it must have counted what its clients have. */
async function stop(server: Server, runs: readonly Run[]): Promise<void> {
  const { wroteBytes, readBytes, errors } = await server.stop();
  const counted = { sentBytes: wroteBytes, receivedBytes: readBytes, errors };
  deepEqual(counted, { ...sumOf(runs.map((each) => each.server)), errors: 0 });
}

/** Whose connections they are. */
export async function checkNames(report: Report, runs: readonly Run[], page: Page): Promise<void> {
  const clientsOf = (name: string): string[] => {
    const client = runs.find((each) => each.name === `TCP ${name}`)?.at.client ?? '';
    const owners = page
      .find('bytes_sent', { source_address: client })
      .map(({ labels }) => `${labels['source_kind']} ${labels['source_name']}`);
    return [...new Set(owners)];
  };
  await report.check('names: a process by its command', () => {
    const command = 'exact-tcp-client'.slice(0, 15); // the kernel keeps no more
    deepEqual(clientsOf('closed by client'), [`process ${command}`]);
  });
  await report.check('names: a container by its cgroup', () => {
    deepEqual(clientsOf('from a container'), [`container ${Net.containerId.slice(0, 12)}`]);
  });
}
