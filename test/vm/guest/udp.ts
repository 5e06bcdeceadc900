import { deepEqual } from 'node:assert/strict';
import {
  runUdpClient,
  startUdpServer,
  type UdpClientOptions,
  type UdpServerOptions,
  type UdpTotals,
} from '../../hosts/udp-traffic.ts';
import type { Net } from './net.ts';
import { type Bytes, mirrored, type Run, sumOf } from './run.ts';

const LONGEST = 65_507; // what one datagram of IPv4 carries
const PORT_WITHOUT_SERVER = 9;

interface Case {
  readonly name: string;
  readonly family?: 4 | 6;
  readonly client: Partial<UdpClientOptions>;
}

/** Answered with what was asked, by one server: on an IPv6 socket, where there are such. */
const ECHOED: readonly Case[] = [
  { name: 'connected', client: { connected: true } },
  { name: 'unconnected', client: {} },
  { name: 'IPv6, connected', family: 6, client: { connected: true } },
  { name: 'IPv6, unconnected', family: 6, client: {} },
  { name: 'IPv4 by an IPv6 socket, connected', client: { mapped: true, connected: true } },
  { name: 'IPv4 by an IPv6 socket, unconnected', client: { mapped: true } },
  { name: '64 KiB', client: { size: LONGEST, count: 5 } },
  { name: 'empty', client: { size: 0, count: 5 } },
];

/** Each to a server of its own. */
const TAKEN: readonly (Case & { readonly server: UdpServerOptions })[] = [
  {
    name: 'MSG_PEEK before each read',
    client: { reply: true },
    server: { reply: 333, peek: true, address: '0.0.0.0' },
  },
  { name: 'read into too little room', client: {}, server: { buffer: 30 } },
  { name: 'MSG_TRUNC', family: 6, client: {}, server: { buffer: 30, trunc: true } },
  { name: 'sendmmsg, recvmmsg', client: { send: 'sendmmsg' }, server: { receive: 'recvmmsg' } },
  { name: 'UDP_SEGMENT', client: { send: 'gso', connected: true }, server: { receive: 'recvmsg' } },
  { name: 'MSG_MORE', family: 6, client: { send: 'more' }, server: { connectBack: true } },
];

const SIZES = { count: 20, size: 100, wait: 10_000 } as const;

/** Datagrams of every kind. */
export async function runUdp(net: Net): Promise<Run[]> {
  const can = ({ family = 4, client }: Case): boolean =>
    net.families.includes(client.mapped === true ? 6 : family);
  const runs = await runEchoed(net, ECHOED.filter(can));
  for (const each of TAKEN.filter(can)) runs.push(await runTaken(net, each));
  return [...runs, await runRefused(net)];
}

/** Of the family that takes what there is. */
function anywhere(net: Net): UdpServerOptions {
  return net.families.includes(6) ? {} : { address: '0.0.0.0' };
}

async function runEchoed(net: Net, cases: readonly Case[]): Promise<Run[]> {
  const serving = await startUdpServer(net.server, { ...anywhere(net), echo: true });
  const runs: Run[] = [];
  for (const { name, family, client } of cases) {
    const at = net.fresh(family ?? 4);
    const options = { ...SIZES, reply: true, ...client, address: at.server, port: serving.port };
    const counted = bytesOf(name, await runUdpClient(net.client, options));
    runs.push({ name: `UDP ${name}`, at, client: counted, server: mirrored(counted) });
  }
  deepEqual(bytesOf('echo', await serving.stop()), sumOf(runs.map(({ server }) => server)));
  return runs;
}

async function runTaken(net: Net, { name, family, client, server }: (typeof TAKEN)[number]): Promise<Run> {
  const at = net.fresh(family ?? 4);
  const serving = await startUdpServer(net.server, { ...anywhere(net), ...server });
  const options = { ...SIZES, ...client, address: at.server, port: serving.port };
  const sent = bytesOf(name, await runUdpClient(net.client, options));
  return { name: `UDP ${name}`, at, client: sent, server: bytesOf(name, await serving.stop()) };
}

/** The first send passes, and the ICMP error that comes back refuses the next. */
async function runRefused(net: Net): Promise<Run> {
  const at = net.fresh(4);
  const to = { address: at.server, port: PORT_WITHOUT_SERVER, count: 10, size: 50, gap: 20_000 };
  const sent = await runUdpClient(net.client, { ...to, connected: true });
  if (sent.refused === 0 || sent.sentDatagrams === 0)
    throw new Error(`nothing was refused: ${JSON.stringify(sent)}`);
  const none = { sentBytes: 0, receivedBytes: 0 };
  return { name: 'UDP refused', at, client: { ...none, sentBytes: sent.sentBytes }, server: none };
}

function bytesOf(name: string, totals: UdpTotals): Bytes {
  if (totals.errors + totals.missing > 0) throw new Error(`${name}: ${JSON.stringify(totals)}`);
  return { sentBytes: totals.sentBytes, receivedBytes: totals.receivedBytes };
}
