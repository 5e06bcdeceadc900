import { kindLabel } from '../collector/label-values.ts';
import type { Identity } from '../cluster/identity.ts';
import type { Connection } from '../tracker/connection.ts';
import { monotonicNs } from '../util/clock.ts';
import { formatAddressBytes, formatEndpoint } from '../util/ip.ts';
import type { SORT_NAMES } from './flags.ts';
import { formatBytes, formatDuration, formatUs } from './quantities.ts';
import { type Column, formatCsv, formatTable } from './table.ts';

/** A connection with its owner's name, as `kube-netc connections` shows it. */
export interface ConnectionRow extends Omit<Connection, 'localAddress' | 'remoteAddress'> {
  readonly localAddress: string;
  readonly remoteAddress: string;
  readonly ownerName: string;
  readonly ownerKind: string;
}

export function toRow(of: Connection, identity: Identity): ConnectionRow {
  const localAddress = formatAddressBytes(of.localAddress, 0);
  const now = monotonicNs();
  const end = {
    ...of,
    address: localAddress,
    port: of.role === 'client' ? 0 : of.localPort,
    protocol: 'tcp' as const,
  };
  const { party } = identity.local(end, { fromNs: now, toNs: now });
  return {
    ...of,
    localAddress,
    remoteAddress: formatAddressBytes(of.remoteAddress, 0),
    ownerName: party.name,
    ownerKind: kindLabel(party),
  };
}

type Cells = readonly Column<ConnectionRow>[];

const NARROW: Cells = [
  { title: 'STATE', cell: (c) => c.state },
  { title: 'ROLE', cell: (c) => c.role },
  { title: 'LOCAL', cell: (c) => formatEndpoint(c.localAddress, c.localPort) },
  {
    title: 'REMOTE',
    cell: (c) => (c.role === 'listener' ? '*' : formatEndpoint(c.remoteAddress, c.remotePort)),
  },
  { title: 'OWNER', cell: (c) => c.ownerName || 'unknown' },
  { title: 'PID', cell: (c) => (c.pid === 0 ? '-' : String(c.pid)), right: true },
  { title: 'SENT', cell: (c) => formatBytes(c.sentBytes), right: true },
  { title: 'RECEIVED', cell: (c) => formatBytes(c.receivedBytes), right: true },
  { title: 'RTT', cell: (c) => formatUs(c.rttUs), right: true },
  { title: 'RETRANS', cell: (c) => String(c.retransSegs), right: true },
  { title: 'IDLE', cell: (c) => formatDuration(c.idleMs), right: true },
];

const WIDE: Cells = [
  ...NARROW,
  { title: 'AGE', cell: (c) => formatDuration(c.ageMs), right: true },
  { title: 'KIND', cell: (c) => c.ownerKind || 'unknown' },
  { title: 'COMM', cell: (c) => c.comm || 'unknown' },
  { title: 'SEGS', cell: (c) => `${c.sentSegs}/${c.receivedSegs}`, right: true },
  { title: 'MINRTT', cell: (c) => formatUs(c.minRttUs), right: true },
  { title: 'CONNECT', cell: (c) => formatUs(c.connectUs), right: true },
  { title: 'RTTVAR', cell: (c) => formatUs(c.rttvarUs), right: true },
  { title: 'CWND', cell: (c) => String(c.cwndSegs), right: true },
  { title: 'RATE', cell: (c) => `${formatBytes(c.deliveryRateBytes)}/s`, right: true },
  { title: 'BUSY', cell: (c) => formatDuration(c.busyMs), right: true },
  { title: 'RWND-LIMITED', cell: (c) => formatDuration(c.receiverLimitedMs), right: true },
  { title: 'SNDBUF-LIMITED', cell: (c) => formatDuration(c.sndbufLimitedMs), right: true },
  { title: 'LIMITED-BY', cell: (c) => c.limitedBy ?? '-' },
  { title: 'QUEUES', cell: (c) => `${c.sendQueueBytes}/${c.receiveQueueBytes}`, right: true },
  { title: 'BACKLOG', cell: (c) => (c.backlog === null ? '-' : `${c.backlog}/${c.backlogMax}`), right: true },
  { title: 'DROPS', cell: (c) => (c.drops === null ? '-' : String(c.drops)), right: true },
  { title: 'NETNS', cell: (c) => String(c.netns) },
  { title: 'CGROUP', cell: (c) => String(c.cgroupId) },
];

export type Output = 'table' | 'wide' | 'json' | 'csv';

export function formatConnections(rows: readonly ConnectionRow[], output: Output): string {
  if (output === 'json') return `${JSON.stringify(rows, null, 2)}\n`;
  if (output !== 'csv') return formatTable(output === 'wide' ? WIDE : NARROW, rows);
  return formatCsv(
    CSV_COLUMNS,
    rows.map((row) => CSV_COLUMNS.map((name) => row[name])),
  );
}

/** What a CSV holds, with or without connections. */
export const CSV_COLUMNS = [
  'state',
  'role',
  'localAddress',
  'remoteAddress',
  'localPort',
  'remotePort',
  'netns',
  'cgroupId',
  'pid',
  'comm',
  'cookie',
  'sentBytes',
  'receivedBytes',
  'ackedBytes',
  'sentSegs',
  'receivedSegs',
  'retransSegs',
  'retransBytes',
  'rttUs',
  'rttvarUs',
  'minRttUs',
  'connectUs',
  'cwndSegs',
  'mssBytes',
  'deliveryRateBytes',
  'sendQueueBytes',
  'receiveQueueBytes',
  'ageMs',
  'idleMs',
  'busyMs',
  'receiverLimitedMs',
  'sndbufLimitedMs',
  'limitedBy',
  'backlog',
  'backlogMax',
  'drops',
  'ownerName',
  'ownerKind',
] as const satisfies readonly (keyof ConnectionRow)[];

export type Sort = (typeof SORT_NAMES)[number];

/** 10.0.0.9 is before 10.0.0.10. */
const inOrder = new Intl.Collator('en', { numeric: true });

/** What `--sort` takes, each with the larger first, and addresses in order. */
export const SORTS = {
  bytes: (a, b) => b.sentBytes + b.receivedBytes - (a.sentBytes + a.receivedBytes),
  sent: (a, b) => b.sentBytes - a.sentBytes,
  received: (a, b) => b.receivedBytes - a.receivedBytes,
  rtt: (a, b) => (b.rttUs ?? -1) - (a.rttUs ?? -1),
  retrans: (a, b) => b.retransSegs - a.retransSegs,
  age: (a, b) => (b.ageMs ?? Infinity) - (a.ageMs ?? Infinity) || 0,
  idle: (a, b) => (b.idleMs ?? -1) - (a.idleMs ?? -1),
  local: (a, b) => inOrder.compare(a.localAddress, b.localAddress) || a.localPort - b.localPort,
  remote: (a, b) => inOrder.compare(a.remoteAddress, b.remoteAddress) || a.remotePort - b.remotePort,
} as const satisfies Record<Sort, (a: ConnectionRow, b: ConnectionRow) => number>;
