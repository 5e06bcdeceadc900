import { deepEqual } from 'node:assert/strict';
import { runTcpClient, startTcpServer } from '../../hosts/tcp-traffic.ts';
import { runUdpClient, startUdpServer } from '../../hosts/udp-traffic.ts';
import type { Net } from './net.ts';
import type { Report } from './report.ts';
import { bytesOf, type Bytes } from './run.ts';
import { RunningAgent } from './running-agent.ts';

const UDP_PORT = 4242;
const SENDS = { count: 20, size: 100, wait: 10_000, reply: true, connected: true } as const;

/** An agent of one node of several on this kernel: it tells of the sockets below its cgroup, and of no others. */
export async function checkNode(report: Report, net: Net, flags: readonly string[]): Promise<void> {
  const agent = await RunningAgent.start([...flags, '--cgroup-root', net.container.path]);
  const serving = await startTcpServer(net.server);
  const echoing = await startUdpServer(net.server, { echo: true, port: UDP_PORT });
  const ours = new Map<string, { server: string; bytes: Bytes }>();
  for (const spawn of [{ cgroup: net.container }, {}]) {
    const [tcp, udp] = [net.fresh(4), net.fresh(6)];
    const sent = await runTcpClient(
      net.client,
      { address: tcp.server, port: serving.port, connections: 15, request: [16, 3_000], close: 'mixed' },
      spawn,
    );
    const datagrams = await runUdpClient(
      net.client,
      { ...SENDS, address: udp.server, port: UDP_PORT },
      spawn,
    );
    if (!('cgroup' in spawn)) continue;
    const bytes = { sentBytes: sent.wroteBytes, receivedBytes: sent.readBytes + sent.unreadBytes };
    ours.set(tcp.client, { server: tcp.server, bytes });
    ours.set(udp.client, { server: udp.server, bytes: datagrams });
  }
  await serving.stop();
  await echoing.stop();
  const page = await agent.page();
  await report.check('agent of one node of several: its own bytes alone', () => {
    const sources = page.find('bytes_sent').map(({ labels }) => labels['source_address'] ?? '');
    deepEqual([...new Set(sources)].sort(), [...ours.keys()].sort());
    for (const [client, { server, bytes }] of ours) {
      const { sentBytes, receivedBytes } = bytes;
      deepEqual(bytesOf(page, client, server), { sentBytes, receivedBytes });
    }
  });
  await agent.stop();
}
