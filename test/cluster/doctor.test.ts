// kube-netc doctor and a real API server: what it says of account, rights and node.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { checkApi } from '../../src/cli/cluster-checks.ts';
import { ACCESS_RULES } from '../../src/cluster/access-rules.ts';
import type { ApiConfig } from '../../src/cluster/api/api-config.ts';
import { inClusterConfig } from '../../src/cluster/api/in-cluster.ts';
import { runCommand } from '../support/agent.ts';
import { ApiServer } from './support/api-server.ts';
import { node } from './support/objects.ts';
import { whyNoApiServer } from './support/programs.ts';
import type { Rule } from './support/service-token.ts';

const why = whyNoApiServer();
const RULES = ACCESS_RULES.map(({ resource, verbs }): Rule => {
  return { apiGroups: [resource.group], resources: [resource.plural], verbs: [...verbs] };
});
/** Without `watch endpointslices`, and without jobs. */
const FEWER = RULES.filter(({ resources }) => !resources.includes('jobs')).map((rule) =>
  rule.resources.includes('endpointslices') ? { ...rule, verbs: ['get', 'list'] } : rule,
);

beforeEach((context) => {
  if (why !== null) context.skip(why);
});

describe('doctor and a real API server', () => {
  let server: ApiServer;
  let folder = '';
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'kube-netc-doctor-'));
    if (why !== null) return;
    server = await ApiServer.start();
    await server.admin.create(node({ name: 'node-a', addresses: ['192.0.2.10'] }));
  });
  afterAll(async () => {
    rmSync(folder, { recursive: true });
    await server?.close();
  });

  /** As in a pod: a folder with token and CA. */
  function inPod(token: string): ApiConfig {
    const path = mkdtempSync(join(folder, 'account-'));
    writeFileSync(join(path, 'token'), token);
    writeFileSync(join(path, 'ca.crt'), server.ca);
    const { hostname, port } = new URL(server.url);
    const env = { KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port };
    return inClusterConfig({ folder: path, env })!;
  }

  async function doctor(kubeconfig: string, ...more: string[]): Promise<{ rows: string[]; stdout: string }> {
    const { stdout } = await runCommand(['doctor', '--kubeconfig', kubeconfig, ...more]);
    const lines = stdout.split('\n');
    const rows = lines.slice(0, lines.indexOf('')).map((line) => line.replaceAll(/ {2,}/g, ' | '));
    return { rows, stdout };
  }

  it('finds nothing missing with the rights of the manifest', async () => {
    const checks = await checkApi(inPod(await server.token('whole', RULES)), 'node-a');
    expect(checks.filter(({ verdict }) => verdict !== 'ok')).toEqual([]);
    const said = checks.map(({ name, found }) => `${name}: ${found}`);
    expect(said).toContainEqual(
      expect.stringMatching(
        /^credentials: a token of system:serviceaccount:kube-system:whole, good for \d+ min$/,
      ),
    );
    expect(said).toContainEqual(expect.stringMatching(/^API server: v1\.\d+\.\d+\S* in \d+ ms /));
    expect(said).toContain('node name: node-a');
  });

  it('names the rule that an account is without, with a kubeconfig too', async () => {
    const file = server.kubeconfigFile(await server.token('fewer', FEWER));
    const { rows, stdout } = await doctor(file, '--node-name', 'node-b');
    expect(rows).toContain('right: pods | ok | get, list, watch');
    expect(rows).toContain('right: endpointslices.discovery.k8s.io | less | not allowed: watch');
    expect(rows).toContain('right: jobs.batch | less | not allowed: get');
    expect(rows).toContain('node name | less | the cluster has no node node-b');
    expect(stdout).toContain('ClusterRole needs: watch endpointslices.discovery.k8s.io; without it ');
    expect(stdout).not.toContain('cluster | ok | none');
  });

  it('says that a token is no longer good', async () => {
    const token = await server.token('short', RULES, 1);
    await expect
      .poll(
        async () => (await checkApi(inPod(token), 'node-a')).map(({ name, verdict }) => `${name} ${verdict}`),
        {
          timeout: 60_000,
          interval: 500,
        },
      )
      .toEqual(['credentials less', 'API server less', 'rights unknown', 'node name unknown']);
    const [credentials, api] = await checkApi(inPod(token), 'node-a');
    expect(credentials?.found).toMatch(/ended \d+ s ago$/);
    expect(api?.found).toContain('(401)');
  });

  it('ends by itself where the API server stands still, and where it is gone', async () => {
    const file = server.kubeconfigFile();
    await server.pause();
    const silent = await doctor(file).finally(() => server.resume());
    expect(silent.rows).toContainEqual(
      expect.stringMatching(/^API server \| less \| no connection after 5000 ms /),
    );
    await server.kill();
    const gone = await doctor(file);
    expect(gone.rows).toContainEqual(expect.stringMatching(/^API server \| less \| connect ECONNREFUSED /));
    expect(gone.rows).toContain('node name | less | not set');
    await server.restart();
  });
});
