// Edges of programs that everybody knows have the bytes that these count, and a name server's clients draw no others.
import { describe, expect, it } from 'vitest';
import { runIperf3, runWrk, startDnsmasq, startIperf3, startNginx } from '../hosts/programs.ts';
import { whyNoLab } from '../hosts/why-no-lab.ts';
import type { TestAgent } from '../support/agent.ts';
import { expectOneSum, OwnLab, type Ways, ways, whyNoOwnCgroup } from '../support/edge-sums.ts';
import { freshPage } from '../support/exact-lab.ts';
import type { Page } from '../support/page.ts';
import { setUp } from '../support/set-up.ts';

const skip = whyNoLab() ?? whyNoOwnCgroup();
const PORT = 8_080;
const CONNECTIONS = 8;

describe('edges', () => {
  let lab: OwnLab;
  let agent: TestAgent;

  setUp(skip, async (closing) => {
    lab = closing.use(await OwnLab.open());
    agent = await lab.agent('--udp', 'tracepoint');
  });

  /** The edge of a client and of its server, as each end tells it. */
  async function edges(client: string, server: string, port: number): Promise<{ page: Page; told: Ways[] }> {
    const page = await freshPage(agent, 'connections', 'workloads');
    expectOneSum(page);
    const of = { destination_port: String(port) };
    const told = [
      ways(page, { ...of, reporter: 'source', source_workload: client }),
      ways(page, { ...of, reporter: 'destination', destination_workload: server }),
    ];
    return { page, told };
  }

  it('of iperf3 have its bytes, by both ends', async () => {
    const { exact } = lab;
    const service = await startIperf3(exact.server);
    const report = await runIperf3(exact.client, {
      address: exact.server.v4,
      seconds: 1,
      streams: 2,
      bitsPerSecond: 20e6, // with a limit nothing is under way at the end
    });
    await exact.settled(); // a service that is ended first says so to a client that is gone: a byte more
    await service.stop();
    const { told } = await edges('iperf3', 'iperf3', 5201);
    expect(told[0]).toEqual(told[1]);
    expect(told[0]?.toServer).toBeGreaterThanOrEqual(report.sentBytes);
    expect(told[0]?.toServer).toBeLessThan(report.sentBytes + 10_000); // of its control connection
  });

  it('of wrk and nginx have its bytes, but for answers under way when it ends', async () => {
    const { exact } = lab;
    const nginx = await startNginx(exact.lab, exact.server, {
      port: PORT,
      files: { 'index.html': 'hello\n' },
    });
    const url = `http://${exact.server.v4}:${PORT}/`;
    const report = await runWrk(exact.lab, exact.client, { url, seconds: 1, connections: CONNECTIONS });
    await exact.settled();
    const { page, told } = await edges('wrk', 'nginx', PORT);
    await nginx.stop();
    const [client, server] = told;
    const request = `GET / HTTP/1.1\r\nHost: ${exact.server.v4}:${PORT}\r\n\r\n`.length;
    const answer = Math.ceil(report.bytes / report.requests); // one that says it is the last is shorter
    expect(client?.toServer).toBe(server?.toServer);
    expect((client?.toServer ?? NaN) / request).toBeGreaterThanOrEqual(report.requests);
    expect((client?.toServer ?? NaN) / request).toBeLessThanOrEqual(report.requests + CONNECTIONS);
    expect(client?.toClient).toBeGreaterThanOrEqual(report.bytes);
    expect(client?.toClient).toBeLessThanOrEqual(Math.ceil(report.bytes) + CONNECTIONS * answer);
    expect(server?.toClient).toBeGreaterThanOrEqual(client?.toClient ?? NaN);
    expect(server?.toClient).toBeLessThanOrEqual(Math.ceil(report.bytes) + CONNECTIONS * answer);
    const of = { reporter: 'source', source_workload: 'wrk', destination_port: String(PORT) };
    const opened = page.sum('kube_netc_edge_connections_opened_total', of);
    expect(opened).toBeGreaterThanOrEqual(CONNECTIONS); // nginx ends one after 1,000 requests
    expect(page.sum('kube_netc_edge_connections_closed_total', of)).toBe(opened);
    expect(page.sum('kube_netc_edge_connect_duration_seconds_count', of)).toBe(opened);
    expect(page.sum('kube_netc_edge_connection_duration_seconds_count', of)).toBe(opened);
    expect(page.sum('kube_netc_edge_min_rtt_seconds_count', of)).toBe(opened);
  });

  it('of a load of questions to a name server are towards it alone, and have their bytes', async () => {
    const { exact } = lab;
    const to = exact.server.v4;
    const serving = await startDnsmasq(exact.server, { records: { 'a.test': to } });
    const ask = ['dig', `@${to}`, '+tries=1', '+notcp', '+qr', '+stats'];
    let [asked, answered] = [0, 0];
    for (let i = 0; i < 10; i++) {
      // five questions of one process, each by a socket of its own; now and then from a port of a fixed number
      const names = Array.from({ length: 5 }, (_, k) => (k % 2 === 0 ? 'a.test' : `b${i}${k}.test`));
      const said = await exact.client.exec([
        ...ask,
        ...(i % 3 === 0 ? ['-b', `0.0.0.0#${40_000 + i}`] : []),
        ...names,
      ]);
      for (const [, size] of said.matchAll(/QUERY SIZE: (\d+)/g)) asked += Number(size);
      for (const [, size] of said.matchAll(/MSG SIZE\s+rcvd: (\d+)/g)) answered += Number(size);
    }
    const { page, told } = await edges('dig', 'dnsmasq', 53);
    await serving.stop();
    expect(asked).toBeGreaterThan(1_000);
    expect(told).toEqual([
      { toServer: asked, toClient: answered },
      { toServer: asked, toClient: answered },
    ]);
    const datagrams = page.find('kube_netc_edge_bytes_total', { protocol: 'udp', direction: 'to_server' });
    const edge = datagrams.map(({ labels }) => `${labels['reporter']} ${labels['destination_port']}`);
    expect(edge.toSorted((a, b) => a.localeCompare(b))).toEqual(['destination 53', 'source 53']);
    expect(
      page.sum('kube_netc_edge_segments_total', {
        protocol: 'udp',
        reporter: 'source',
        direction: 'to_server',
      }),
    ).toBe(50);
  });
});
