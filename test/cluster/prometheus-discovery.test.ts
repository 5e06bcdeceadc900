// deploy/prometheus/scrape-kubernetes.yaml against a real API server: which pods it scrapes, and what it calls them.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseManifests } from '../support/manifests.ts';
import { whyNoBpf } from '../fixtures/bpf/fixture.ts';
import { TREE } from '../hosts/find-tool.ts';
import { TestAgent } from '../support/agent.ts';
import { findCurrentPrometheus } from '../support/prometheus-programs.ts';
import { PrometheusServer } from '../support/prometheus.ts';
import { ApiServer } from './support/api-server.ts';
import { pod } from './support/objects.ts';
import { whyNoApiServer } from './support/programs.ts';

const { folder: programs, why } = findCurrentPrometheus(); // Debian builds its own without the discovery of Kubernetes
const skipReason = why ?? whyNoApiServer() ?? whyNoBpf();
const [daemons] = parseManifests(readFileSync(join(TREE, 'config/install.yaml'), 'utf8')).filter(
  ({ kind }) => kind === 'DaemonSet',
);

let api: ApiServer;
let agent: TestAgent;
const folder = mkdtempSync(join(tmpdir(), 'kube-netc-discovery-'));

/** A pod at the agent's address. */
async function agentPod(name: string, namespace: string, labels: Record<string, string>): Promise<void> {
  const port = Number(new URL(agent.url).port);
  const ports = [{ name: 'metrics', containerPort: port }];
  const at = { node: `node-of-${name}`, addresses: ['127.0.0.1'], ports };
  await api.admin.create(pod({ name, namespace, labels, ...at }));
}

beforeAll(async () => {
  if (skipReason !== null) return;
  [api, agent] = await Promise.all([ApiServer.start(), TestAgent.start()]);
  const { labels } = daemons.spec.template.metadata;
  for (const namespace of ['kube-netc', 'elsewhere']) await api.admin.namespace(namespace);
  await agentPod('one', 'kube-netc', labels);
  await agentPod('test', 'kube-netc', { 'app.kubernetes.io/name': 'kube-netc-test' });
  await agentPod('other', 'elsewhere', labels);
});
afterAll(async () => {
  await agent?.[Symbol.asyncDispose]();
  await api?.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('the scrape configuration for Kubernetes', () => {
  it('finds the agents of config/install.yaml with a right to read pods, and says which node each is of', async (context) => {
    if (skipReason !== null) context.skip(skipReason);
    const token = await api.token('prometheus', [
      { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list', 'watch'] },
    ]);
    const written = readFileSync(join(TREE, 'deploy/prometheus/scrape-kubernetes.yaml'), 'utf8');
    const scrape = written.replace(
      '- role: pod',
      `- kubeconfig_file: ${api.kubeconfigFile(token)}\n        role: pod`,
    );
    const prometheus = await PrometheusServer.start(
      { folder },
      `global: { scrape_interval: 1s }\n${scrape}`,
      [],
      join(programs ?? '', 'prometheus'),
    );
    await prometheus.until('up', 60_000);
    const up = await prometheus.query('up');
    expect(up.map(({ labels, value }) => [labels['job'], labels['node'], value])).toEqual([
      ['kube-netc', 'node-of-one', 1],
    ]);
    await prometheus.stop();
  });
});
