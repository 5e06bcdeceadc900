import { runTcpClient, startTcpServer, type TcpTotals } from '../../hosts/tcp-traffic.ts';
import { runUdpClient, startUdpServer } from '../../hosts/udp-traffic.ts';
import type { CountedBytes, Labels, LabelLedger, LedgerEntry } from './label-ledger.ts';
import type { PodLab } from './pod-lab.ts';
import type { Local } from './table-locals.ts';
import { FAR_PORTS } from './table-targets.ts';
import type { Target } from './target.ts';

const SOME = { connections: 3, rounds: 2, request: [16, 3000], response: [0, 9000], close: 'mixed' } as const;
const SOME_UDP = { count: 20, size: [1, 1200], reply: true } as const;

/** Somebody who connects to a server of our node. */
export interface Caller {
  readonly what: string;
  /** Of `far`, or of the host of the local that calls. */
  readonly address: string;
  readonly local?: Local;
  /** The labels of the destination, for the server is the source. */
  readonly seed: Labels;
  /** The client's labels of the edge, and the scope. */
  readonly edge: Labels;
}

/** Servers on `far`, of TCP on all addresses, until the returned function is called. */
export async function serveFar(
  { far }: PodLab,
  datagrams: readonly string[] = [],
): Promise<() => Promise<void>> {
  const servers = [
    ...(await Promise.all(FAR_PORTS.tcp.map(async (port) => startTcpServer(far, { port })))),
    ...(await Promise.all(
      datagrams.map(async (address) => startUdpServer(far, { address, port: FAR_PORTS.udp, echo: true })),
    )),
  ];
  return async () => void (await Promise.all(servers.map(async (server) => server.stop())));
}

/** Traffic of a local to a target, by both families, and what the page must say of it. */
export async function connect(ledger: LabelLedger, from: Local, to: Target, what = to.what): Promise<void> {
  await Promise.all(to.addresses.map(async (address) => connectOnce(ledger, from, to, address, what)));
}

async function connectOnce(
  ledger: LabelLedger,
  from: Local,
  to: Target,
  address: string,
  what: string,
): Promise<void> {
  const { port, protocol } = to;
  const bytes =
    protocol === 'tcp'
      ? ofTcp(await runTcpClient(from.host, { ...SOME, address, port }, from.spawn))
      : ofUdp(await runUdpClient(from.host, { ...SOME_UDP, connected: true, address, port }, from.spawn));
  const [name, kind, namespace] = from.workload;
  ledger.add({
    what,
    ...bytes,
    seed: {
      ...from.seed,
      ...to.seed,
      source_address: address.includes(':') ? from.host.v6 : from.host.v4,
      destination_address: address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`,
    },
    edge: {
      reporter: 'source',
      source_workload: name,
      source_kind: kind,
      source_namespace: namespace,
      destination_port: String(port),
      protocol,
      ...to.edge,
    },
  });
}

/** A server of a local is called by everybody, one after the other. */
export async function serve(
  ledger: LabelLedger,
  lab: PodLab,
  server: Local,
  port: number,
  edge: Labels,
  callers: readonly Caller[],
): Promise<void> {
  for (const caller of callers) {
    const { address, local } = caller;
    const serving = await startTcpServer(server.host, { port }, server.spawn);
    const to = address.includes(':') ? server.host.v6 : server.host.v4;
    const client = { ...SOME, bind: [address], address: to, port };
    const sent = await runTcpClient(local?.host ?? lab.far, client, local?.spawn);
    const served = await serving.stop();
    if (sent.errors + served.errors > 0) throw new Error(`${caller.what}: the programs failed`);
    const [name, kind, namespace] = server.workload;
    ledger.add({
      what: caller.what,
      sentBytes: served.wroteBytes,
      receivedBytes: served.readBytes,
      seed: { ...server.seed, ...caller.seed, source_address: to, destination_address: address },
      edge: {
        reporter: 'destination',
        destination_workload: name,
        destination_kind: kind,
        destination_namespace: namespace,
        destination_port: String(port),
        protocol: 'tcp',
        ...edge,
        ...caller.edge,
      },
    });
    if (local) ledger.add(clientsEntry(caller, local, server, { sent, to, port, edge }));
  }
}

/** Where the client is of our node too, it is on the page by itself. */
function clientsEntry(
  { what, address, edge: callersEdge }: Caller,
  local: Local,
  server: Local,
  { sent, to, port, edge }: { sent: TcpTotals; to: string; port: number; edge: Labels },
): LedgerEntry {
  const ofServer = Object.entries(server.seed).filter(([label]) => label.startsWith('source_'));
  const [name, kind, namespace] = server.workload;
  return {
    what,
    ...ofTcp(sent),
    seed: {
      ...local.seed,
      ...Object.fromEntries(
        ofServer.map(([label, value]) => [label.replace('source_', 'destination_'), value]),
      ),
      source_address: address,
      destination_address: to.includes(':') ? `[${to}]:${port}` : `${to}:${port}`,
    },
    edge: {
      reporter: 'source',
      destination_workload: name,
      destination_kind: kind,
      destination_namespace: namespace,
      destination_port: String(port),
      protocol: 'tcp',
      ...edge,
      ...callersEdge,
    },
  };
}

/** What a client's program counted. Throws where it failed. */
export function ofTcp(totals: TcpTotals): CountedBytes {
  if (totals.errors > 0) throw new Error(`the client failed ${totals.errors} times`);
  return { sentBytes: totals.wroteBytes, receivedBytes: totals.readBytes + totals.unreadBytes };
}

function ofUdp(totals: Awaited<ReturnType<typeof runUdpClient>>): CountedBytes {
  if (totals.errors > 0 || totals.missing > 0) throw new Error('the client of datagrams failed');
  return { sentBytes: totals.sentBytes, receivedBytes: totals.receivedBytes };
}
