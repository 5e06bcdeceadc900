import { deepEqual } from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Monitor } from '../../../src/libbpf/monitor.ts';
import { FlowTable, OTHER } from '../../../src/tracker/flow-table.ts';
import type { SpawnOptions } from '../../hosts/host.ts';
import { runTcpClient, startTcpServer } from '../../hosts/tcp-traffic.ts';
import { runUdpClient, startUdpServer } from '../../hosts/udp-traffic.ts';
import { monitorAlone } from '../../support/monitor-alone.ts';
import { skippedBy, unlessSkipped } from './excuse.ts';
import type { Net } from './net.ts';
import type { Bytes } from './run.ts';

/** By protocol, of one end. */
type Sums = Record<'tcp' | 'udp', Bytes>;

/** The books of one node of several on this kernel: they have the sockets below its cgroup, and no others. */
export async function oneNode(net: Net): Promise<string> {
  const { path, id } = net.container;
  const node = { cgroupRoot: path, nodeRootId: BigInt(id) };
  using monitor = monitorAlone({ udp: 'auto', slots: 1024, books: 256, ...node });
  const ours = await traffic(net, { cgroup: net.container });
  await traffic(net, {}); // of the same host, and not below the cgroup
  monitor.beginWalk();
  while (!monitor.step().done) await nextTurn();
  const skipped = skippedBy(monitor);
  unlessSkipped(skipped, () => deepEqual(sumsOf(monitor), ours));
  return `${ours.tcp.sentBytes + ours.udp.sentBytes} bytes sent`;
}

async function traffic(net: Net, spawn: SpawnOptions): Promise<Sums> {
  const [tcp, udp] = [net.fresh(4), net.fresh(6)];
  const serving = await startTcpServer(net.server);
  const echoing = await startUdpServer(net.server, { echo: true });
  const wanted = { address: tcp.server, port: serving.port, connections: 10, close: 'mixed' } as const;
  const sent = await runTcpClient(net.client, { ...wanted, request: [16, 3_000] }, spawn);
  const to = { address: udp.server, port: echoing.port, count: 10, size: 100, wait: 10_000, reply: true };
  const { sentBytes, receivedBytes, errors, missing } = await runUdpClient(net.client, to, spawn);
  await serving.stop();
  await echoing.stop();
  deepEqual([sent.errors, errors, missing], [0, 0, 0]);
  return {
    tcp: { sentBytes: sent.wroteBytes, receivedBytes: sent.readBytes + sent.unreadBytes },
    udp: { sentBytes, receivedBytes },
  };
}

/** Of all books. */
function sumsOf(monitor: Monitor): Sums {
  const flows = new FlowTable(monitor.books.memory);
  flows.update(monitor.walkNs);
  const { sentBytes, receivedBytes } = flows.columns;
  const of = (protocol: number): Bytes => {
    const rows = flows.rows
      .subarray(0, flows.rowCount)
      .filter((row) => row !== OTHER && flows.protocol(row) === protocol);
    const sum = (column: Float64Array): number => rows.reduce((all, row) => all + (column[row] ?? 0), 0);
    return { sentBytes: sum(sentBytes), receivedBytes: sum(receivedBytes) };
  };
  return { tcp: of(6), udp: of(17) };
}
