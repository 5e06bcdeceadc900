import { equal, ok } from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Monitor } from '../../../src/libbpf/monitor.ts';
import { FlowTable, OTHER, Protocol } from '../../../src/tracker/flow-table.ts';
import { runUdpClient, startUdpServer } from '../../hosts/udp-traffic.ts';
import { monitorAlone } from '../../support/monitor-alone.ts';
import type { Net } from './net.ts';

const SENDERS = 3;
const SECONDS = 1;

/**
 * More senders than one on a CPU that may be taken from them within a program: each datagram is counted, or told as one of
 * a program that the kernel skipped.
 */
export async function busyUdp(net: Net): Promise<string> {
  using monitor = monitorAlone({ udp: 'fentry', slots: 1024, books: 256, trackProcess: false });
  const address = net.fresh(4).server;
  const serving = await startUdpServer(net.server);
  const wanted = { address, port: serving.port, size: 100, seconds: SECONDS, cpu: 0, connected: true };
  const sent = await Promise.all(Array.from({ length: SENDERS }, () => runUdpClient(net.client, wanted)));
  const { receivedDatagrams } = await serving.stop();
  monitor.beginWalk();
  while (!monitor.step().done) await nextTurn();
  const told = sumsOf(monitor);
  const sentDatagrams = sent.reduce((sum, each) => sum + each.sentDatagrams, 0);
  const skipped = monitor.stats('udp_send').missed;
  ok(sentDatagrams > 0);
  equal(
    sent.reduce((sum, { errors, sendErrors }) => sum + errors + sendErrors, 0),
    0,
  );
  equal(told.sent + skipped, sentDatagrams);
  equal(told.received + monitor.stats('udp_receive').missed, receivedDatagrams);
  return `${sentDatagrams} sent, ${skipped} of them skipped by the kernel`;
}

/** Datagrams of all books. */
function sumsOf(monitor: Monitor): { sent: number; received: number } {
  const flows = new FlowTable(monitor.books.memory);
  flows.update(monitor.walkNs);
  const { sentSegs, receivedSegs } = flows.columns;
  const rows = flows.rows
    .subarray(0, flows.rowCount)
    .filter((row) => row !== OTHER && flows.protocol(row) === Protocol.udp);
  const sum = (column: Float64Array): number => rows.reduce((all, row) => all + (column[row] ?? 0), 0);
  return { sent: sum(sentSegs), received: sum(receivedSegs) };
}
