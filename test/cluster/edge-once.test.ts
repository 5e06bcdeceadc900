// The merge rule on a running agent in a cluster: two pods, both ends named at both ends, each byte once.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RULES } from '../../tools/gen-rules.ts';
import { whyNoBpf } from '../fixtures/bpf/fixture.ts';
import { TREE } from '../hosts/find-tool.ts';
import { HeldTcp, startTcpServer } from '../hosts/tcp-traffic.ts';
import { whyNoLab } from '../hosts/why-no-lab.ts';
import type { TestAgent } from '../support/agent.ts';
import { PrometheusServer } from '../support/prometheus.ts';
import { fastRules } from '../support/rules.ts';
import { type LocalPod, OWN_NODE, PodLab, synced } from './support/pod-lab.ts';
import { whyNoApiServer } from './support/programs.ts';

const skipReason = whyNoApiServer() ?? whyNoBpf() ?? whyNoLab();
const LIMIT_MS = 60_000;
const EDGE = `source_workload="web", source_namespace="shop", destination_workload="db", destination_namespace="data"`;

let lab: PodLab;
let agent: TestAgent;
let web: LocalPod;
let db: LocalPod;
let prometheus: PrometheusServer;

beforeAll(async () => {
  if (skipReason !== null) return;
  lab = await PodLab.open(['web', 'db']);
  web = await lab.localPod({ name: 'web', namespace: 'shop', host: lab.host('web') });
  db = await lab.localPod({ name: 'db', namespace: 'data', host: lab.host('db') });
  agent = await lab.agent();
  await synced(agent);
  prometheus = await startPrometheus();
});
beforeEach((context) => {
  if (skipReason !== null) context.skip(skipReason);
});
afterAll(async () => {
  await prometheus?.stop();
  await agent?.[Symbol.asyncDispose]();
  await lab?.close();
});

/** A Prometheus that scrapes the agent and records each second. */
async function startPrometheus(): Promise<PrometheusServer> {
  const folder = join(lab.lab.folder, 'prometheus');
  mkdirSync(folder);
  const target = new URL(agent.url).host;
  return PrometheusServer.start(
    { folder },
    `${fastRules(folder, [join(TREE, RULES, 'recording.yaml')])}scrape_configs:
  - job_name: kube-netc
    honor_labels: true
    static_configs: [{ targets: ['${target}'], labels: { node: ${OWN_NODE} } }]`,
  );
}

/** Connections that are open, and what their client has sent. */
async function talk(client: Pick<LocalPod, 'host' | 'spawn'>, port: number): Promise<number> {
  await startTcpServer(db.host, { port }, db.spawn);
  const to = { address: db.host.v4, port, connections: 3 };
  const held = await HeldTcp.open(client.host, to, client.spawn);
  await prometheus.until(`count(kube_netc_edge_bytes_total{destination_port="${port}"}) == 4`, LIMIT_MS);
  const { wroteBytes } = await held.send(10_000, 20);
  return wroteBytes;
}

/** What is recorded of a port. */
async function recorded(port: number): Promise<Readonly<Record<string, string>>[]> {
  const edge = `edge:kube_netc_edge_bytes:rate5m{destination_port="${port}", direction="to_server"}`;
  await prometheus.until(edge, LIMIT_MS);
  return (await prometheus.query(edge)).map(({ labels }) => labels);
}

describe('an edge', () => {
  it('between two pods is told by both ends, and recorded once', async () => {
    const wroteBytes = await talk(web, 5_432);
    const told = `kube_netc_edge_bytes_total{${EDGE}, direction="to_server"}`;
    await prometheus.until(`count(${told} == ${wroteBytes}) == 2`, LIMIT_MS);
    const edges = await recorded(5_432);
    expect(edges).toHaveLength(1);
    expect(edges[0]).toMatchObject({
      source_workload: 'web',
      destination_workload: 'db',
      scope: 'same_node',
    });
    expect(edges[0]).not.toHaveProperty('reporter');
    const edge = `edge:kube_netc_edge_bytes:rate5m{${EDGE}, direction="to_server"}`;
    const sent = `namespace_scope:kube_netc_sent_bytes:rate5m{namespace="shop"}`;
    await prometheus.until(`${sent} / on () ${edge} < 1.5`, LIMIT_MS); // not twice it
  });

  it('from a unit of a node, whose name the other end does not know, is recorded once, by its name', async () => {
    await talk({ host: lab.nodeHost, spawn: { cgroup: lab.cgroup('system.slice/sshd.service') } }, 5_433);
    const told = `kube_netc_edge_bytes_total{destination_port="5433", direction="to_server"}`;
    const names = (await prometheus.query(told)).map(({ labels }) => labels['source_workload']);
    expect(new Set(names)).toEqual(new Set([OWN_NODE, 'sshd.service']));
    const edges = await recorded(5_433);
    expect(edges.map(({ source_workload: name }) => name)).toEqual(['sshd.service']);
  });
});
