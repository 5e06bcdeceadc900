import { deepEqual } from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { FlowKey } from '../../../src/abi/records.gen.ts';
import type { Monitor } from '../../../src/libbpf/monitor.ts';
import { FlowTable } from '../../../src/tracker/flow-table.ts';
import { startTcpClient, startTcpServer } from '../../hosts/tcp-traffic.ts';
import { monitorAlone } from '../../support/monitor-alone.ts';
import { skippedBy, unlessSkipped } from './excuse.ts';
import type { Net } from './net.ts';
import type { Bytes, Run } from './run.ts';

const SECONDS = 3;

/** Walks without a pause while connections come and go: each byte is claimed once. By books of its own, beside an agent. */
export async function race(net: Net): Promise<{ run: Run; text: string }> {
  using monitor = monitorAlone({ slots: 1024, books: 256 });
  const at = net.fresh(4);
  const serving = await startTcpServer(net.server);
  const wanted = { address: at.server, port: serving.port, connections: 0, seconds: SECONDS, parallel: 2 };
  const running = startTcpClient(net.client, {
    ...wanted,
    close: 'mixed',
    request: [16, 3_000],
    response: [0, 9_000],
  });
  let walks = 0;
  for (; running.process.running; walks++) await walk(monitor);
  const [sent, served] = [await running.end(), await serving.stop()];
  await walk(monitor);
  deepEqual([sent.errors, served.errors, served.connections], [0, 0, sent.connections]);
  const client = { sentBytes: sent.wroteBytes, receivedBytes: sent.readBytes };
  const server = { sentBytes: served.wroteBytes, receivedBytes: served.readBytes };
  const connections = { opened: sent.connections, closed: sent.connections };
  const skipped = skippedBy(monitor);
  unlessSkipped(skipped, () => {
    deepEqual(accountOf(monitor, at.client, at.server), { ...client, ...connections });
    deepEqual(accountOf(monitor, at.server, at.client), { ...server, ...connections });
  });
  const text = `${sent.connections} connections, ${walks} walks, ${monitor.counter('handedOver')} handed over, ${skipped} skipped`;
  return { run: { name: 'TCP while walks never pause', at, client, server }, text };
}

async function walk(monitor: Monitor): Promise<void> {
  monitor.beginWalk();
  while (!monitor.step().done) await nextTurn();
  await nextTurn();
}

/** The sum of all books between two IPv4 addresses. */
function accountOf(
  monitor: Monitor,
  local: string,
  remote: string,
): Bytes & { opened: number; closed: number } {
  const flows = new FlowTable(monitor.books.memory);
  flows.update(monitor.walkNs);
  const rows = flows.rows.subarray(0, flows.rowCount).filter((row) => {
    const key = flows.key(row);
    return v4At(key, FlowKey.localAddr) === local && v4At(key, FlowKey.remoteAddr) === remote;
  });
  const sum = (column: Float64Array): number => rows.reduce((all, row) => all + (column[row] ?? 0), 0);
  const { sentBytes, receivedBytes, opened, closed } = flows.columns;
  return {
    sentBytes: sum(sentBytes),
    receivedBytes: sum(receivedBytes),
    opened: sum(opened),
    closed: sum(closed),
  };
}

function v4At(key: Uint8Array, offset: number): string {
  return key.subarray(offset + 12, offset + 16).join('.');
}
