// Two CPUs may each make a socket of one handshake: it takes many that are answered twice to meet that.
import { beforeEach, describe, expect, it } from 'vitest';
import { drop } from '../hosts/firewall.ts';
import { runTcpClient, startTcpServer } from '../hosts/tcp-traffic.ts';
import { whyNoLab } from '../hosts/why-no-lab.ts';
import { ExactLab, freshPage, startAgent } from '../support/exact-lab.ts';
import { kernelCounter } from '../support/kernel-counter.ts';

const skip = whyNoLab();

describe('handshakes of which answers are lost', () => {
  beforeEach((context) => {
    if (skip !== null) context.skip(skip);
  });

  it('are exact where two CPUs make a socket each of one handshake', async () => {
    await using exact = await ExactLab.open();
    await using agent = await startAgent('--udp', 'off', ...exact.networkFlags);
    const serving = await startTcpServer(exact.server, { backlog: 1024 });
    const [from, to] = exact.addresses();
    // a second after its SYN a client may get two answers, and answers both: from two CPUs at once, by chance
    const answers = `tcp sport ${serving.port} tcp flags & (syn | ack) == syn | ack`;
    await drop(exact.client, 'prerouting', `${answers} numgen random mod 2 == 0`);
    const one = { address: to, port: serving.port, connections: 6, parallel: 64, request: 64, response: 64 };
    await Promise.all([1, 2, 3, 4].map(async () => runTcpClient(exact.client, one)));
    const served = await serving.stop();
    expect(served).toMatchObject({ errors: 0, connections: 1536 });
    const page = await freshPage(agent, 'connections', 'workloads');
    expect(page.pair(to, from)).toMatchObject({
      sentBytes: served.wroteBytes,
      receivedBytes: served.readBytes,
    });
    for (const [host, reporter] of [
      [exact.client, 'source'],
      [exact.server, 'destination'],
    ] as const) {
      const labels = { reporter, ...exact.edge(serving.port) };
      const again = await kernelCounter(host, 'snmp', 'Tcp', 'RetransSegs');
      expect(again).toBeGreaterThan(0);
      expect(page.sum('kube_netc_edge_retransmitted_segments_total', labels)).toBe(again);
    }
  });
});
