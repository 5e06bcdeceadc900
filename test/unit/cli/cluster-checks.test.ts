import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Check } from '../../../src/cli/checks.ts';
import { checkApi, clusterChecks, type Limits } from '../../../src/cli/cluster-checks.ts';
import type { ApiConfig } from '../../../src/cluster/api/api-config.ts';
import { answer, FakeApi, plainConfig, status } from '../cluster/api/fake-api.ts';

const RIGHTS = [
  'pods',
  'services',
  'endpointslices.discovery.k8s.io',
  'nodes',
  'replicasets.apps',
  'jobs.batch',
];

/** A cluster with one node, where all is allowed but what is denied: "watch pods". */
interface Cluster {
  readonly denied?: readonly string[];
  readonly nodes?: readonly string[];
  readonly version?: (response: ServerResponse) => void;
  readonly review?: (response: ServerResponse) => void;
}

interface Attributes {
  readonly verb: string;
  readonly resource: string;
}

async function fakeCluster(of: Cluster = {}): Promise<FakeApi> {
  const api = await FakeApi.start();
  onTestFinished(() => api[Symbol.asyncDispose]());
  const serve = (response: ServerResponse, url: URL, request: IncomingMessage): void => {
    api.once('other', serve);
    if (url.pathname === '/version')
      return (of.version ?? ((r) => answer(r, 200, { gitVersion: 'v1.35.0' })))(response);
    if (url.pathname.endsWith('/selfsubjectaccessreviews')) {
      if (of.review) return of.review(response);
      return review(request, response, of.denied ?? []);
    }
    const known = of.nodes ?? ['node-a'];
    const found = known.some((name) => url.pathname === `/api/v1/nodes/${name}`);
    answer(response, found ? 200 : 404, found ? { kind: 'PartialObjectMetadata' } : status(404, 'not found'));
  };
  api.once('other', serve);
  return api;
}

function review(request: IncomingMessage, response: ServerResponse, denied: readonly string[]): void {
  let text = '';
  request.setEncoding('utf8').on('data', (part: string) => (text += part));
  request.on('end', () => {
    const body = JSON.parse(text) as { spec: { resourceAttributes: Attributes } };
    const { verb, resource } = body.spec.resourceAttributes;
    answer(response, 201, { status: { allowed: !denied.includes(`${verb} ${resource}`) } });
  });
}

function lines(checks: readonly Check[]): string[] {
  return checks.map(({ name, verdict, found }) => `${name}: ${verdict}: ${found}`);
}

function rowOf(checks: readonly Check[], name: string): Check {
  const found = checks.find((check) => check.name === name);
  if (!found) throw new Error(`no row ${name}: ${lines(checks).join('\n')}`);
  return found;
}

/** With these credentials. */
function as(
  config: ApiConfig,
  credentials: Partial<Awaited<ReturnType<ApiConfig['credentials']>>>,
): ApiConfig {
  const all = { ca: undefined, cert: undefined, key: undefined, authorization: null, ...credentials };
  return { ...config, credentials: () => Promise.resolve(all) };
}

function token(claims: Readonly<Record<string, unknown>>): string {
  return `Bearer e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.c2ln`;
}

test('all is well: one line for the account, the server, each right and the node', async () => {
  const api = await fakeCluster();
  const config = as(api.config, {
    authorization: token({ sub: 'system:serviceaccount:a:b', exp: Date.now() / 1000 + 3_000 }),
  });
  const checks = await checkApi(config, 'node-a');
  expect(lines(checks)).toEqual([
    expect.stringMatching(/^credentials: ok: a token of system:serviceaccount:a:b, good for (49|50) min$/),
    expect.stringMatching(/^API server: ok: v1\.35\.0 in \d+ ms \(a test\)$/),
    ...RIGHTS.slice(0, 4).map((name) => `right: ${name}: ok: get, list, watch`),
    ...RIGHTS.slice(4).map((name) => `right: ${name}: ok: get`),
    'node name: ok: node-a',
  ]);
  expect(checks.every(({ advice }) => advice === '')).toBe(true);
  expect(api.connections).toBeLessThanOrEqual(1);
});

describe('a right that is missing', () => {
  test.each<[string[], string, string, RegExp]>([
    [['watch pods'], 'right: pods', 'not allowed: watch', /needs: watch pods; without it no pod has a name/],
    [
      ['get nodes', 'list nodes', 'watch nodes'],
      'right: nodes',
      'not allowed: get, list, watch',
      /needs: get, list, watch nodes/,
    ],
    [['get jobs'], 'right: jobs.batch', 'not allowed: get', /needs: get jobs.batch; .*CronJob/],
  ])('%j is named with what is lost', async (denied, name, found, advice) => {
    const api = await fakeCluster({ denied });
    const checks = await checkApi(api.config, 'node-a');
    expect(rowOf(checks, name)).toEqual({
      name,
      verdict: 'less',
      found,
      advice: expect.stringMatching(advice),
    });
    expect(checks.filter(({ verdict }) => verdict !== 'ok')).toHaveLength(1);
  });

  test('is not told where the server cannot decide', async () => {
    const api = await fakeCluster({
      review: (response) =>
        answer(response, 201, { status: { allowed: false, evaluationError: 'the webhook is down' } }),
    });
    const checks = await checkApi(api.config, 'node-a');
    expect(lines(checks)).toContain('right: pods: unknown: get: the webhook is down');
    expect(rowOf(checks, 'node name').verdict).toBe('ok');
  });
});

describe('the name of the node', () => {
  test.each<[string | undefined, Check['verdict'], string, RegExp]>([
    [undefined, 'less', 'not set', /^NODE_NAME .*--node-name/],
    ['', 'less', 'not set', /^NODE_NAME/],
    ['other', 'less', 'the cluster has no node other', /^kubectl get nodes/],
  ])('%s', async (name, verdict, found, advice) => {
    const api = await fakeCluster();
    expect(rowOf(await checkApi(api.config, name), 'node name')).toMatchObject({
      verdict,
      found,
      advice: expect.stringMatching(advice),
    });
  });
});

describe('credentials', () => {
  test.each<[string, Parameters<typeof as>[1], Check['verdict'], RegExp]>([
    [
      'an old token',
      { authorization: token({ sub: 'a', exp: Date.now() / 1000 - 7_300 }) },
      'less',
      /ended 2 h ago/,
    ],
    ['a token without an end', { authorization: token({ sub: 'a' }) }, 'ok', /^a token of a$/],
    ['a token of another kind', { authorization: 'Bearer secret' }, 'ok', /^a token$/],
    ['a password', { authorization: 'Basic c2VjcmV0' }, 'ok', /^a Basic password$/],
    ['none', {}, 'ok', /^none/],
  ])('%s', async (_, credentials, verdict, found) => {
    const api = await fakeCluster();
    const row = rowOf(await checkApi(as(api.config, credentials), 'node-a'), 'credentials');
    expect(row).toMatchObject({ verdict, found: expect.stringMatching(found) });
    expect(JSON.stringify(row)).not.toMatch(/secret|c2VjcmV0|c2ln/);
  });

  test('that cannot be read end the questions', async () => {
    const api = await fakeCluster();
    const config = { ...api.config, credentials: () => Promise.reject(new Error('ENOENT: token')) };
    const checks = await checkApi(config, 'node-a');
    expect(lines(checks)).toEqual([
      'credentials: less: ENOENT: token',
      ...['API server', 'rights'].map((name) => `${name}: unknown: not asked, for the reason above`),
      'node name: unknown: node-a',
    ]);
    expect(api.seen).toEqual([]);
  });

  test('whose helper hangs end in time', async () => {
    const api = await fakeCluster();
    const config: ApiConfig = { ...api.config, credentials: () => new Promise(() => undefined) };
    const checks = await checkApi(config, 'node-a', { limitMs: 50 });
    expect(lines(checks)[0]).toBe('credentials: less: not known after 0.05 s');
  });
});

describe('an API server', () => {
  const SOON: Partial<Limits> = { limitMs: 300, connectMs: 200 };

  async function server(version: (response: ServerResponse) => void): Promise<ApiConfig> {
    return (await fakeCluster({ version })).config;
  }
  /** Takes connections and says nothing, or something that is no HTTP. */
  async function plain(says?: string): Promise<ApiConfig> {
    const listener = createServer((socket) => {
      onTestFinished(() => void socket.destroy());
      socket.on('error', () => undefined);
      socket.once('data', () => says !== undefined && socket.end(says));
    });
    await new Promise<void>((resolve) => void listener.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void listener.close());
    return plainConfig(`http://127.0.0.1:${(listener.address() as AddressInfo).port}`);
  }

  test.each<[string, () => Promise<ApiConfig>, RegExp, RegExp]>([
    [
      'that is not there',
      () => Promise.resolve(plainConfig('http://127.0.0.1:1')),
      /ECONNREFUSED/,
      /NetworkPolicy/,
    ],
    ['that never answers', () => plain(), /no answer after|not known after/, /does not answer/],
    ['that is none', () => plain('SSH-2.0\r\n'), /Parse Error|HTTP/, /no API server/],
    [
      'that speaks no TLS',
      async () => https(await plain('220 mail.example.com\r\n')),
      /SSL|TLS|packet/i,
      /certificate/,
    ],
    [
      'without a name',
      () => Promise.resolve(plainConfig('http://nowhere.invalid')),
      /nowhere\.invalid/,
      /resolver/,
    ],
    ['that knows us not', () => server((r) => answer(r, 401, status(401))), /\(401\)/, /account or token/],
    [
      'that is a web page',
      () => server((r) => void r.writeHead(200, { 'Content-Type': 'text/html' }).end('<p>')),
      /text\/html/,
      /no API server/,
    ],
    ['that tells another JSON', () => server((r) => answer(r, 200, [])), /no version/, /no API server/],
    [
      'that is ill',
      () => server((r) => answer(r, 503, status(503, 'etcd is away'))),
      /503 etcd is away/,
      /counts on/,
    ],
    [
      'that stops in its answer',
      () => server((r) => void r.writeHead(200, { 'Content-Type': 'application/json' }).write('{')),
      /not known after/,
      /in time/,
    ],
  ])('%s is told, and no more is asked', async (_, config, found, advice) => {
    const checks = await checkApi(await config(), 'node-a', SOON);
    expect(rowOf(checks, 'API server')).toMatchObject({
      verdict: 'less',
      found: expect.stringMatching(found),
      advice: expect.stringMatching(advice),
    });
    expect(checks.map(({ name, verdict }) => [name, verdict])).toEqual([
      ['credentials', 'ok'],
      ['API server', 'less'],
      ['rights', 'unknown'],
      ['node name', 'unknown'],
    ]);
  });

  test('that does not tell its version is asked on', async () => {
    const checks = await checkApi(await server((r) => answer(r, 403, status(403))), 'node-a');
    expect(rowOf(checks, 'API server')).toMatchObject({
      verdict: 'ok',
      found: expect.stringMatching(/^no version \(403\) in/),
    });
    expect(rowOf(checks, 'right: pods').verdict).toBe('ok');
  });

  test('that is slow is told so', async () => {
    const api = await fakeCluster();
    expect(rowOf(await checkApi(api.config, 'node-a', { slowMs: 0 }), 'API server')).toMatchObject({
      verdict: 'less',
      advice: expect.stringMatching(/slow/),
    });
  });

  test('that falls silent later leaves the rest unknown, in time', async () => {
    const api = await fakeCluster({ review: () => undefined });
    const checks = await checkApi(api.config, 'node-a', { limitMs: 1_000 });
    expect(rowOf(checks, 'API server').verdict).toBe('ok');
    expect(checks.slice(2).map(({ verdict }) => verdict)).toEqual(Array(RIGHTS.length + 1).fill('unknown'));
    expect(rowOf(checks, 'right: pods').found).toBe('get: not known after 1 s');
  });
});

function https(config: ApiConfig): ApiConfig {
  const server = new URL(config.server);
  return { ...config, server: new URL(`https://${server.host}`) };
}

describe('where the cluster comes from', () => {
  const AUTO = { kubernetes: 'auto', kubeconfig: undefined, nodeName: undefined } as const;

  test.each<
    [string, Partial<typeof AUTO | { kubernetes: 'off' }>, NodeJS.ProcessEnv, Check['verdict'], RegExp]
  >([
    ['a plain host', {}, {}, 'ok', /^none/],
    [
      'switched off',
      { kubernetes: 'off' },
      { KUBERNETES_SERVICE_HOST: '10.0.0.1' },
      'ok',
      /--kubernetes off/,
    ],
    ['a pod without a token', {}, { KUBERNETES_SERVICE_HOST: '10.0.0.1' }, 'less', /without a token/],
  ])('%s is one line', async (_, options, env, verdict, found) => {
    const checks = await clusterChecks({ ...AUTO, ...options }, {}, env);
    expect(checks).toMatchObject([{ name: 'cluster', verdict, found: expect.stringMatching(found) }]);
  });

  test('a kubeconfig that cannot be used is what the agent ends with', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kube-netc-doctor-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const kubeconfig = join(folder, 'config');
    writeFileSync(kubeconfig, 'apiVersion: v1\nkind: Config\n');
    const checks = await clusterChecks({ ...AUTO, kubeconfig });
    expect(checks).toMatchObject([
      { name: 'cluster', verdict: 'missing', found: expect.stringContaining(kubeconfig) },
    ]);
  });
});
