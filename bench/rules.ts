// What the rules of deploy/prometheus cost a Prometheus: agents with edges that two of them tell each, all of them moving.
// Looked at after six minutes, when every window of five is full: of one evaluation, which comes each minute. node bench/rules.ts [agents] [edges of each]
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findTool } from '../test/hosts/find-tool.ts';
import { findCurrentPrometheus } from '../test/support/prometheus-programs.ts';
import { PrometheusServer } from '../test/support/prometheus.ts';
import { bench, type Figures, progress } from './support/bench.ts';
import { memory } from './support/memory.ts';

const agents = Number(process.argv[2] ?? 10);
const edges = Number(process.argv[3] ?? 2_000);
const RUN_MS = 360_000;
const SHOWN = 8;
const BOTH_WAYS = ['to_server', 'to_client'];
const startMs = Date.now();

/** An edge as one end tells it: of two edges of an agent one has its client there, and the other its server. */
function edgeLabels(agent: number, edge: number): string {
  const isSource = edge % 2 === 0;
  const id = (isSource ? agent : (agent + agents - 1) % agents) * edges + (edge >> 1);
  const [reporter, port, scope] = isSource ? ['source', 80, 'cluster'] : ['destination', 8080, 'cross_zone'];
  const source = `source_workload="w${id % 400}",source_kind="Deployment",source_namespace="n${id % 20}"`;
  const destination = `destination_workload="d${id >> 3}",destination_kind="Deployment",destination_namespace="n${id % 7}"`;
  const rest = `destination_service="s",destination_port="${port}",protocol="tcp",scope="${scope}"`;
  return `reporter="${reporter}",${source},${destination},${rest}`;
}

/** A page of the metrics that rules read. */
function page(agent: number): string {
  const seconds = (Date.now() - startMs) / 1000;
  const lines = [`kube_netc_agent_start_time_seconds ${startMs / 1000}`];
  for (let edge = 0; edge < edges; edge++) {
    const labels = edgeLabels(agent, edge);
    for (const direction of BOTH_WAYS) {
      const all = `{${labels},direction="${direction}"}`;
      lines.push(`kube_netc_edge_bytes_total${all} ${Math.floor(seconds * 1_000)}`);
      lines.push(`kube_netc_edge_segments_total${all} ${Math.floor(seconds * 10)}`);
    }
    const sent = BOTH_WAYS[edge % 2];
    lines.push(`kube_netc_edge_retransmitted_segments_total{${labels},direction="${sent}"} ${seconds | 0}`);
    lines.push(`kube_netc_edge_connections_opened_total{${labels}} ${seconds | 0}`);
    lines.push(`kube_netc_edge_connections_closed_total{${labels}} ${seconds | 0}`);
  }
  return `${lines.join('\n')}\n`;
}

/** A Prometheus with our rules that scrapes the pages of all agents. */
async function startPrometheus(folder: string, port: number): Promise<PrometheusServer> {
  const rules = resolve(import.meta.dirname, '../deploy/prometheus/rules');
  const programs = findCurrentPrometheus().folder;
  const jobs = Array.from(
    { length: agents },
    (_, agent) =>
      `{ job_name: a${agent}, metrics_path: /${agent}, static_configs: [{ targets: ['127.0.0.1:${port}'], labels: { node: n${agent} } }] }`,
  );
  return PrometheusServer.start(
    { folder },
    `{ global: { scrape_interval: 15s }, rule_files: ['${rules}/*.yaml'], scrape_configs: [${jobs.join()}] }`,
    [],
    programs === null ? findTool('prometheus') : join(programs, 'prometheus'),
  );
}

async function report(figures: Figures, prometheus: PrometheusServer): Promise<void> {
  const of = { agents, edges };
  const states = await prometheus.rules();
  const sick = states.filter(({ health }) => health !== 'ok').map(({ name }) => name);
  if (sick.length > 0) throw new Error(`these rules fail: ${sick.join()}`);
  figures.add('series', of, '', await prometheus.value('sum(scrape_samples_scraped)'));
  figures.add('edges recorded', of, '', await prometheus.value('count(edge:kube_netc_edge_bytes:rate5m)'));
  const sum = states.reduce((seconds, { evaluationTime }) => seconds + evaluationTime, 0);
  figures.add('evaluation', { ...of, rule: 'all' }, 'ms', sum * 1_000, 0);
  const dearest = states.toSorted((x, y) => y.evaluationTime - x.evaluationTime).slice(0, SHOWN);
  for (const { name, evaluationTime } of dearest)
    figures.add('evaluation', { ...of, rule: name }, 'ms', evaluationTime * 1_000, 0);
  figures.add('memory of Prometheus', of, 'MiB', memory(prometheus.process.pid).rssMiB, 0);
}

await bench(async (figures) => {
  const web = createServer((request, response) => {
    response.setHeader('content-type', 'text/plain; version=0.0.4');
    response.end(page(Number((request.url ?? '').slice(1))));
  });
  await new Promise<void>((done) => web.listen(0, '127.0.0.1', done));
  const folder = mkdtempSync(join(tmpdir(), 'kube-netc-rules-'));
  const prometheus = await startPrometheus(folder, (web.address() as AddressInfo).port);
  progress(`rules: ${RUN_MS / 1_000} s`);
  await sleep(RUN_MS);
  await report(figures, prometheus);
  await prometheus.stop();
  web.close();
  rmSync(folder, { recursive: true, force: true });
});
