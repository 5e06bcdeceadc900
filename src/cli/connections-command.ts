import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { FlowTable } from '../tracker/flow-table.ts';
import { readConnection } from '../tracker/connection.ts';
import { jiffiesPerSecond, type Moment } from '../tracker/jiffies.ts';
import { LiveTable } from '../tracker/live-table.ts';
import type { Monitor } from '../libbpf/monitor.ts';
import { DEFAULTS, defaultSlots } from './agent-options.ts';
import {
  type ConnectionRow,
  formatConnections,
  type Output,
  type Sort,
  SORTS,
  toRow,
} from './connection-table.ts';
import { openHost, type Host } from './host.ts';
import { startMonitor } from './start-monitor.ts';

export interface ConnectionsOptions {
  readonly output: Output;
  readonly sort: Sort;
  readonly limit: number;
  /** Whole addresses, either end. */
  readonly address?: string | undefined;
  /** Either end. */
  readonly port?: number | undefined;
  /** Part of a process or owner name, or a pid. */
  readonly process?: string | undefined;
  readonly cgroupRoot?: string | undefined;
}

const CLOCK_GAP_MS = 60; // between two readings of the kernel's tick

/** Prints the open TCP sockets of this machine, read once. Needs no agent; leaves nothing behind. */
export async function showConnections(options: ConnectionsOptions, log: Logger): Promise<void> {
  const host = openHost(options.cgroupRoot);
  const { nodeRootId } = host;
  const sizes = { slots: defaultSlots(), books: DEFAULTS.books };
  const monitor = startMonitor(
    { udp: 'off', trackProcess: true, cgroupRoot: null, nodeRootId, ...sizes },
    log,
  );
  try {
    const rows = await readAll(monitor, host);
    const shown = rows.filter((row) => matches(row, options)).sort(SORTS[options.sort]);
    process.stdout.write(formatConnections(shown.slice(0, options.limit), options.output));
    const more = shown.length - options.limit;
    const people = options.output === 'table' || options.output === 'wide';
    if (more > 0 && people) process.stdout.write(`... and ${more} more: --limit shows them\n`);
    if (more > 0 && !people) log.warn(`${more} more sockets are left out: --limit brings them`);
  } finally {
    monitor.close();
  }
}

async function readAll(monitor: Monitor, host: Host): Promise<ConnectionRow[]> {
  const flows = new FlowTable(monitor.books.memory);
  const live = new LiveTable(monitor.slots, true);
  walk(monitor, live, flows);
  const first: Moment = { jiffies: monitor.walkJiffies, ns: monitor.walkNs };
  await sleep(CLOCK_GAP_MS);
  walk(monitor, live, flows);
  const hz = jiffiesPerSecond(first, { jiffies: monitor.walkJiffies, ns: monitor.walkNs });
  const connections = Array.from({ length: live.count }, (_, row) =>
    readConnection(live.records, row, monitor.walkNs, hz),
  );
  await host.identity.learn(new Set(connections.map((connection) => connection.cgroupId)));
  return connections.map((connection) => toRow(connection, host.identity));
}

function walk(monitor: Monitor, live: LiveTable, flows: FlowTable): void {
  live.begin(flows);
  monitor.beginWalk();
  for (;;) {
    const { records, nowNs, done } = monitor.step();
    live.add(monitor.records, records, nowNs, flows);
    if (done) return;
  }
}

/** Whether the flags ask for this connection. */
export function matches(row: ConnectionRow, { address, port, process: name }: ConnectionsOptions): boolean {
  if (address !== undefined && row.localAddress !== address && row.remoteAddress !== address) return false;
  if (port !== undefined && row.localPort !== port && row.remotePort !== port) return false;
  if (name === undefined) return true;
  return row.comm.includes(name) || row.ownerName.includes(name) || String(row.pid) === name;
}
