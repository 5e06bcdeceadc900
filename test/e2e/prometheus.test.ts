// Prometheus' own tools read the page: promtool finds nothing wrong with it, and a server of it answers what iperf3 says.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { GROUPS } from '../../src/expose/metric.ts';
import { findTool } from '../hosts/find-tool.ts';
import { run } from '../hosts/host-process.ts';
import { type Iperf3Report, readIperf3, startIperf3, startIperf3Client } from '../hosts/programs.ts';
import { startTcpClient, startTcpServer } from '../hosts/tcp-traffic.ts';
import { runUdpClient, startUdpServer } from '../hosts/udp-traffic.ts';
import { whyNoLab } from '../hosts/why-no-lab.ts';
import type { TestAgent } from '../support/agent.ts';
import { OwnLab, whyNoOwnCgroup } from '../support/edge-sums.ts';
import { type ExactLab, freshPage } from '../support/exact-lab.ts';
import { commOf, holdTcpAs, HOSTILE_NAMES } from '../support/named-process.ts';
import { PrometheusServer } from '../support/prometheus.ts';
import { setUp } from '../support/set-up.ts';

const skip = whyNoLab() ?? whyNoOwnCgroup();
/** More than SNAPSHOTS take: a busy machine is late to scrape, and makes fewer. */
const IPERF3_SECONDS = 30;
/** So many new snapshots are met by scrapes: one a second on an idle machine. */
const SNAPSHOTS = 9;
/** Of what is no counter: shorter than the time in which those come. */
const WINDOW_SECONDS = 8;
const PORT = 5_301;

/** What the README tells people to configure, for this agent and every second. */
function configuration(agent: TestAgent): string {
  const blocks = readFileSync('README.md', 'utf8').matchAll(/```yaml\n(scrape_configs:[^]*?)```/g);
  const yaml = blocks.map(([, text = '']) => text).find((text) => text.includes('static_configs'));
  const scrapes = yaml?.replace('localhost:9655', new URL(agent.url).host);
  if (scrapes === undefined || scrapes === yaml)
    throw new Error('the README has no scrape_configs for localhost:9655');
  return `global: { scrape_interval: 1s }\n${scrapes}`;
}

/** The mean of iperf3's own intervals from its second second on: the first has the start of TCP in it. */
function steadyBytesPerSecond(report: Iperf3Report): number {
  const { intervals } = report.raw as { intervals: { sum: { bytes: number; seconds: number } }[] };
  const steady = intervals.slice(1, IPERF3_SECONDS - 1).map(({ sum }) => sum);
  return (
    steady.reduce((all, { bytes }) => all + bytes, 0) / steady.reduce((all, { seconds }) => all + seconds, 0)
  );
}

/** Bytes a second between the first and the last scrape that met a new snapshot: a busy agent makes fewer than scrapes. */
function slope(samples: Awaited<ReturnType<PrometheusServer['samples']>>): number {
  const fresh = samples.filter(({ value }, i) => i > 0 && value !== samples[i - 1]?.value);
  const [first, last] = [fresh.at(0), fresh.at(-1)];
  if (first === undefined || last === undefined || first === last) throw new Error('no two new snapshots');
  return (last.value - first.value) / (last.seconds - first.seconds);
}

async function expectLabels(prometheus: PrometheusServer, query: string): Promise<void> {
  const [series] = await prometheus.query(query);
  const labels = series?.labels ?? {};
  expect(labels).toMatchObject({ job: 'kube-netc', source_name: 'iperf3', source_kind: 'process' });
  expect(Object.keys(labels).filter((label) => label.startsWith('exported_'))).toEqual([]);
  expect(await prometheus.unit('kube_netc_agent_cpu_seconds')).toBe('seconds'); // so it was OpenMetrics
}

describe('Prometheus', () => {
  let exact: ExactLab;
  let agent: TestAgent;

  setUp(skip, async (closing) => {
    // sockets of others would make its snapshots cost more, and so come more seldom
    const lab = closing.use(await OwnLab.open());
    exact = lab.exact;
    agent = await lab.agent();
  });

  it('finds nothing wrong with pages of live traffic, whole and in parts', async () => {
    const tcp = await startTcpServer(exact.server);
    const client = startTcpClient(exact.client, {
      address: exact.server.v6,
      port: tcp.port,
      connections: 0,
      seconds: 2,
      close: 'mixed',
    });
    const udp = await startUdpServer(exact.server, { echo: true });
    await runUdpClient(exact.client, { address: exact.server.v4, port: udp.port, count: 20, reply: true });
    const parts = [
      '',
      ...GROUPS.map((group) => `?collect[]=${group}`),
      '?collect[]=agent&collect[]=workloads',
    ];
    await freshPage(agent, 'connections'); // so that there is something to find
    for (const query of parts) {
      const page = await agent.rawPage(query);
      expect(page.samples.length).toBeGreaterThan(5);
      expect(await run([findTool('promtool'), 'check', 'metrics'], page.text)).toBe('');
    }
    await client.end();
  });

  it('scrapes OpenMetrics as the README says, and answers what iperf3 says, within 5 %', async () => {
    const prometheus = await PrometheusServer.start(exact.lab, configuration(agent));
    const { port } = await startTcpServer(exact.server);
    const to = { address: exact.server.v4, port, connections: 1 };
    for (const name of HOSTILE_NAMES) await holdTcpAs(exact.lab, exact.client, name, to);
    await prometheus.until('up == 1'); // it begins some seconds after its start
    await startIperf3(exact.server, PORT);
    const client = startIperf3Client(exact.client, {
      address: exact.server.v4,
      port: PORT,
      seconds: IPERF3_SECONDS,
      bitsPerSecond: 80e6,
    });
    const pair = `source_address="${exact.client.v4}",destination_address="${exact.server.v4}:${PORT}"`;
    const all = `[${IPERF3_SECONDS}s]`;
    await prometheus.until(`changes(bytes_sent{${pair}}${all}) >= ${SNAPSHOTS}`);
    const served = `{reporter="destination",destination_port="${PORT}",direction="to_server"}`; // the same, as the server's end tells it
    const window = `[${WINDOW_SECONDS}s]`;
    const answers = {
      gauge: await prometheus.value(`avg_over_time(bytes_sent_per_second{${pair}}${window})`),
      sent: slope(await prometheus.samples(`bytes_sent{${pair}}${all}`)),
      received: slope(await prometheus.samples(`kube_netc_edge_bytes_total${served}${all}`)),
    };
    expect(await prometheus.value(`max_over_time(active_connections{${pair}}${window})`)).toBe(2); // of data, and of control
    const report = readIperf3(await client.success());
    const expected = steadyBytesPerSecond(report);
    for (const answer of Object.values(answers)) {
      expect(answer / expected).toBeGreaterThan(0.95);
      expect(answer / expected).toBeLessThan(1.05);
    }
    const { sentBytes } = report; // without the few of the control connection
    await prometheus.until(`bytes_sent{${pair}} > ${sentBytes} < ${sentBytes + 10_000}`);
    await prometheus.until(`kube_netc_edge_bytes_total${served} > ${sentBytes} < ${sentBytes + 10_000}`);
    await expectLabels(prometheus, `bytes_sent{${pair}}`);
    const named = await prometheus.query(`bytes_sent{destination_address="${exact.server.v4}:${port}"}`);
    expect(new Set(named.map(({ labels }) => labels['source_name']))).toEqual(
      new Set(HOSTILE_NAMES.map(commOf)),
    );
    await prometheus.stop();
  });
});
