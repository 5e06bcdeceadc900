// The manifest and the chart against a real API server: what it takes, what it admits, what is left afterwards.
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test, type TestContext } from 'vitest';
import { CHART, MANIFEST, render } from '../../tools/gen-manifests.ts';
import { TREE } from '../hosts/find-tool.ts';
import { helmOf, type Manifest, parseManifests } from '../support/manifests.ts';
import type { Answer } from './support/admin-client.ts';
import { ApiServer } from './support/api-server.ts';
import { collectionPath, type KubeList, objectPath } from './support/kube-object.ts';
import { findPrograms, whyNoApiServer } from './support/programs.ts';
import { SCHEMA_NAME, writeSchemas } from './support/schemas.ts';

const why = whyNoApiServer();
const text = readFileSync(join(TREE, MANIFEST), 'utf8');
const objects = parseManifests(text);
const ACCOUNT = 'system:serviceaccount:kube-netc:kube-netc';
const LEVEL = 'pod-security.kubernetes.io/enforce';
const OURS = 'labelSelector=app.kubernetes.io/instance=kube-netc';
const KINDS = [
  ['v1', 'Service'],
  ['v1', 'ServiceAccount'],
  ['v1', 'ConfigMap'],
  ['v1', 'Pod'],
  ['apps/v1', 'DaemonSet'],
  ['rbac.authorization.k8s.io/v1', 'ClusterRole'],
  ['rbac.authorization.k8s.io/v1', 'ClusterRoleBinding'],
  ['scheduling.k8s.io/v1', 'PriorityClass'],
  ['networking.k8s.io/v1', 'NetworkPolicy'],
] as const;

/** Kinds of the Prometheus operator, whose definitions this API server does not have. */
const OPERATOR = 'ServiceMonitor,PodMonitor,PrometheusRule';

beforeEach((context) => {
  if (why !== null) context.skip(why);
});

describe('an install on a real API server', () => {
  let server: ApiServer;
  const first: Answer[] = [];
  beforeAll(async () => {
    if (why !== null) return;
    server = await ApiServer.start();
    for (const object of objects) first.push(await apply(object));
  });
  afterAll(async () => server?.close());

  /** As `kubectl apply --server-side --validate=strict` does it. */
  async function apply(object: Manifest, more = ''): Promise<Answer> {
    const path = `${objectPath(object)}?fieldManager=kubectl&fieldValidation=Strict${more}`;
    return server.admin.request('PATCH', path, object, 'application/apply-patch+yaml');
  }

  /** Kind and name of all that carries our labels. */
  async function ours(): Promise<string[]> {
    const found: string[] = [];
    for (const [apiVersion, kind] of KINDS) {
      const path = collectionPath(apiVersion, kind, 'kube-netc');
      const { items } = await server.admin.get<KubeList>(`${path}?${OURS}`);
      found.push(...items.map(({ metadata }) => `${kind} ${metadata.name}`));
    }
    return found;
  }

  /** What admission says of the agent's pod in a namespace with this Pod Security level. */
  async function admitted(level: string, change: (spec: Manifest) => void = () => {}): Promise<Answer> {
    const namespace = `level-${level}`;
    const labels = { [LEVEL]: level };
    const metadata = { name: namespace, labels };
    await server.admin.request('POST', '/api/v1/namespaces', {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata,
    });
    const path = `/api/v1/namespaces/${namespace}`;
    await server.admin.request('POST', `${path}/serviceaccounts`, { metadata: { name: 'kube-netc' } });
    const daemons: Manifest = objects.find(({ kind }) => kind === 'DaemonSet');
    const { spec } = structuredClone(daemons.spec.template);
    change(spec);
    return server.admin.request('POST', `${path}/pods?dryRun=All`, { metadata: { name: 'agent' }, spec });
  }

  test('is taken as it is', () => {
    expect(first.filter(({ status }) => status !== 201)).toEqual([]);
  });

  test('is applied again without a conflict or a change', async () => {
    for (const object of objects) {
      expect(await apply(object, '&dryRun=All')).toMatchObject({ status: 200 });
    }
  });

  test('needs Pod Security level privileged, for the capabilities alone', async () => {
    expect(await admitted('privileged')).toMatchObject({ status: 201 });
    for (const level of ['baseline', 'restricted']) {
      const { status, text: refusal } = await admitted(level);
      expect(status).toBe(403);
      for (const reason of ['hostPID=true', 'hostPath', 'BPF', 'PERFMON']) {
        expect(refusal).toContain(reason);
      }
    }
    const { status, text: refusal } = await admitted('baseline', (spec) => {
      delete spec.hostPID;
      delete spec.volumes;
      delete spec.containers[0].volumeMounts;
    });
    expect(status).toBe(403);
    expect(refusal).toContain('non-default capabilities');
    expect(refusal).not.toMatch(/hostPID|hostPath/);
  });

  test('lets the agent read what it reads, and nothing else', async () => {
    const may = async (verb: string, resource: string, group = '', namespace = ''): Promise<boolean> => {
      const spec = { user: ACCOUNT, resourceAttributes: { verb, resource, group, namespace } };
      const path = '/apis/authorization.k8s.io/v1/subjectaccessreviews';
      const review = await server.admin.ask<Manifest>('POST', path, { spec });
      return review.status.allowed as boolean;
    };
    for (const verb of ['get', 'list', 'watch']) {
      for (const resource of ['pods', 'services', 'nodes']) expect(await may(verb, resource)).toBe(true);
      expect(await may(verb, 'endpointslices', 'discovery.k8s.io')).toBe(true);
      for (const resource of ['secrets', 'configmaps', 'events'])
        expect(await may(verb, resource)).toBe(false);
    }
    expect(await may('get', 'replicasets', 'apps')).toBe(true);
    expect(await may('get', 'jobs', 'batch')).toBe(true);
    expect(await may('list', 'replicasets', 'apps')).toBe(false);
    expect(await may('get', 'pods/log')).toBe(false);
    for (const verb of ['create', 'update', 'patch', 'delete']) {
      for (const resource of ['pods', 'nodes', 'services', 'secrets']) {
        expect(await may(verb, resource, '', 'kube-netc')).toBe(false);
      }
    }
  });

  describe('kubeconform', () => {
    function kubeconform(manifests: string): { status: number | null; said: string } {
      const schemas = join(server.folder, 'schemas', SCHEMA_NAME);
      const program = join(findPrograms('kubeconform'), 'kubeconform');
      const args = ['-strict', '-summary', '-schema-location', schemas, '-skip', OPERATOR, '-'];
      const { status, stdout, stderr } = spawnSync(program, args, { input: manifests, encoding: 'utf8' });
      return { status, said: stdout + stderr };
    }

    async function ready(context: TestContext): Promise<void> {
      try {
        findPrograms('kubeconform');
      } catch {
        context.skip('kubeconform is not here: sh tools/k8s/build.sh kubeconform builds it');
      }
      const all = [...objects.map(({ apiVersion }) => apiVersion as string), ...KINDS.map(([of]) => of)];
      await writeSchemas(server.admin, join(server.folder, 'schemas'), all);
    }

    test('finds the manifest clean, and would not if a field were misspelt', async (context) => {
      await ready(context);
      expect(kubeconform(text)).toMatchObject({ status: 0 });
      const misspelt = kubeconform(text.replace('hostPID: true', 'hostPid: true'));
      expect(misspelt.status).toBe(1);
      expect(misspelt.said).toContain('hostPid');
    });

    test('finds the chart clean with everything switched on', async (context) => {
      await ready(context);
      const values = {
        agent: { interval: '1s', series: 5000, processes: 'off' },
        image: { repository: 'r.example.com/a', pullPolicy: 'Always', pullSecrets: ['a'] },
        extraCapabilities: ['NET_ADMIN', 'SYS_ADMIN'],
        seccompProfile: { type: 'Localhost', localhostProfile: 'a.json' },
        seLinuxOptions: { type: 'spc_t' },
        affinity: { nodeAffinity: {} },
        podAnnotations: { a: 'b' },
        podLabels: { a: 'b' },
        serviceAccount: { create: true, annotations: { a: 'b' } },
        podMonitor: { enabled: true, interval: '30s' },
        prometheusRule: { enabled: true, kiali: true },
        networkPolicy: { enabled: true, from: [{ namespaceSelector: {} }] },
        namespace: { create: true },
      };
      const sets = Object.entries(values).flatMap(([key, value]) => [
        '--set-json',
        `${key}=${JSON.stringify(value)}`,
      ]);
      const { status, said } = kubeconform(render(helmOf(context), sets));
      expect(said).toMatch(/Valid: 9, Invalid: 0, Errors: 0, Skipped: 2/);
      expect(status).toBe(0);
    });
  });

  test('leaves nothing when what is in the manifest is deleted', async () => {
    expect(await ours()).toEqual([
      'Service kube-netc',
      'ServiceAccount kube-netc',
      'DaemonSet kube-netc',
      'ClusterRole kube-netc',
      'ClusterRoleBinding kube-netc',
      'PriorityClass kube-netc',
    ]);
    for (const object of objects.toReversed()) await server.admin.request('DELETE', objectPath(object));
    expect(await ours()).toEqual([]);
  });

  test('leaves nothing when Helm uninstalls it', async (context) => {
    const helm = helmOf(context);
    const run = (...args: readonly string[]): string =>
      execFileSync(helm, [...args, '--kubeconfig', server.kubeconfigFile(), '--namespace', 'by-helm'], {
        encoding: 'utf8',
      });
    const notes = run('install', 'kube-netc', join(TREE, CHART), '--create-namespace');
    expect(notes).toContain('kubectl --namespace by-helm port-forward daemonset/kube-netc 9655:9655');
    const daemons = '/apis/apps/v1/namespaces/by-helm/daemonsets/kube-netc';
    const { metadata } = await server.admin.get(daemons);
    expect(metadata.labels).toMatchObject({ 'app.kubernetes.io/managed-by': 'Helm' });
    run('uninstall', 'kube-netc');
    expect(await ours()).toEqual([]);
    expect(await server.admin.request('GET', daemons)).toMatchObject({ status: 404 });
    const { items } = await server.admin.get<KubeList>('/api/v1/namespaces/by-helm/secrets');
    expect(items).toEqual([]);
  });
});
