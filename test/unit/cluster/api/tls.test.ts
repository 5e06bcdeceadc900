import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { Authority } from '../../../../tools/k8s/authority.ts';
import { kubeconfig } from '../../../../tools/k8s/kubeconfig.ts';
import { ApiClient } from '../../../../src/cluster/api/api-client.ts';
import type { ApiConfig } from '../../../../src/cluster/api/api-config.ts';
import { inClusterConfig } from '../../../../src/cluster/api/in-cluster.ts';
import { kubeconfigConfig } from '../../../../src/cluster/api/kubeconfig.ts';

let folder = '';
let ours: Authority;
let others: Authority;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'kube-netc-tls-'));
  ours = await Authority.create(join(folder, 'ours'));
  others = await Authority.create(join(folder, 'others'));
  const names = ['IP:127.0.0.1', 'IP:::1', 'DNS:kubernetes.default.svc'];
  await Promise.all([
    ...[ours, others].map((by) => by.issue('server', { subject: '/CN=api', usage: 'serverAuth', names })),
    ours.issue('named', { subject: '/CN=api', usage: 'serverAuth', names: ['DNS:kubernetes.default.svc'] }),
    ours.issue('client', { subject: '/CN=someone', usage: 'clientAuth' }),
  ]);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Answers who asked: the Authorization header, and the name in the client's certificate. */
async function serve(by: Authority, name = 'server', host = '127.0.0.1'): Promise<Server & { port: number }> {
  const [key, cert] = ['key', 'crt'].map((end) => readFileSync(join(by.folder, `${name}.${end}`)));
  const server = createServer(
    { key, cert, ca: ours.pem, requestCert: true, rejectUnauthorized: false },
    (request, response) => {
      const socket = request.socket as unknown as { getPeerCertificate(): { subject?: { CN?: string } } };
      const who = socket.getPeerCertificate().subject?.CN ?? null;
      response.writeHead(200, { 'Content-Type': 'application/json' });
      response.end(JSON.stringify({ authorization: request.headers.authorization ?? null, who }));
    },
  );
  await new Promise<void>((resolve) => void server.listen(0, host, resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return Object.assign(server, { port: (server.address() as AddressInfo).port });
}

async function ask(config: ApiConfig, before?: ApiClient): Promise<unknown> {
  const client = before ?? new ApiClient(config, { version: '0' });
  onTestFinished(() => client.close());
  return client.json({ path: '/x', verb: 'get' });
}

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

/** The folder of a service account. */
function account(token: string, ca = ours.pem): string {
  const path = mkdtempSync(join(folder, 'account-'));
  writeFileSync(join(path, 'token'), token);
  writeFileSync(join(path, 'ca.crt'), ca);
  return path;
}

function inPod(
  path: string,
  port: number,
  host = '127.0.0.1',
  nowMs = (): number => performance.now(),
): ApiConfig {
  const env = { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: String(port) };
  const clock = { tsMonoMs: nowMs, tsWallMs: () => 0 };
  const config = inClusterConfig({ folder: path, env, clock });
  expect(config).not.toBeNull();
  return config!;
}

describe('in a pod', () => {
  test.each(['127.0.0.1', '::1'])(
    'the server at %s is asked with the token of the service account',
    async (host) => {
      const server = await serve(ours, 'server', host);
      const config = inPod(account('t0ken\n'), server.port, host);
      expect(await ask(config)).toEqual({ authorization: 'Bearer t0ken', who: null });
      expect(config.describe).not.toContain('t0ken');
    },
  );

  test('there is no configuration without the variables, or without a token', () => {
    const env = { KUBERNETES_SERVICE_HOST: '10.96.0.1', KUBERNETES_SERVICE_PORT: '443' };
    expect(inClusterConfig({ folder: account('t'), env: {} })).toBeNull();
    expect(inClusterConfig({ folder: join(folder, 'nowhere'), env })).toBeNull();
    expect(inClusterConfig({ folder: account('t'), env })?.server.href).toBe('https://10.96.0.1/');
  });

  test('a server with the certificate of another authority gets no token', async () => {
    const server = await serve(others);
    await expect(ask(inPod(account('t0ken'), server.port))).rejects.toMatchObject({ kind: 'tls' });
  });

  test('a server with the certificate of another name gets no token', async () => {
    const server = await serve(ours, 'named');
    await expect(ask(inPod(account('t0ken'), server.port))).rejects.toMatchObject({ kind: 'tls' });
  });

  test('the token is read again each minute, and at once after a 401', async () => {
    const path = account('first');
    let nowMs = 0;
    const config = inPod(path, 443, '10.96.0.1', () => nowMs);
    const token = async (refused = false): Promise<string | null> =>
      (await config.credentials(refused)).authorization;
    expect(await token()).toBe('Bearer first');
    writeFileSync(join(path, 'token'), 'second');
    nowMs = 59_000;
    expect(await token()).toBe('Bearer first');
    nowMs = 60_000;
    expect(await token()).toBe('Bearer second');
    writeFileSync(join(path, 'token'), 'third');
    expect(await token()).toBe('Bearer second');
    expect(await token(true)).toBe('Bearer third');
  });

  test('a token that is away, or half written, leaves the one before', async () => {
    const path = account('first');
    let nowMs = 0;
    const config = inPod(path, 443, '10.96.0.1', () => (nowMs += 100_000));
    await config.credentials(false);
    writeFileSync(join(path, 'token'), '');
    expect((await config.credentials(false)).authorization).toBe('Bearer first');
    rmSync(join(path, 'token'));
    expect((await config.credentials(true)).authorization).toBe('Bearer first');
    writeFileSync(join(path, 'token'), 'second');
    expect((await config.credentials(false)).authorization).toBe('Bearer second');
  });

  test('a new authority is taken for the next connection', async () => {
    const path = account('t0ken', others.pem);
    const server = await serve(ours);
    let nowMs = 0;
    const config = inPod(path, server.port, '127.0.0.1', () => nowMs);
    const client = new ApiClient(config, { version: '0' });
    await expect(ask(config, client)).rejects.toMatchObject({ kind: 'tls' });
    writeFileSync(join(path, 'ca.crt'), ours.pem);
    nowMs = 60_000;
    expect(await ask(config, client)).toMatchObject({ authorization: 'Bearer t0ken' });
  });
});

describe('with a kubeconfig', () => {
  const url = (server: { port: number }): string => `https://127.0.0.1:${server.port}`;

  test('the server is asked with its token', async () => {
    const server = await serve(ours);
    const config = await kubeconfigConfig(
      file('token', kubeconfig(url(server), ours.pem, { token: 's3cret' })),
    );
    expect(await ask(config)).toEqual({ authorization: 'Bearer s3cret', who: null });
    expect(config.describe).toBe(`the context test of ${join(folder, 'token')}, ${url(server)}`);
  });

  test('the server is asked with its client certificate', async () => {
    const server = await serve(ours);
    const identity = { keyFile: join(ours.folder, 'client.key'), certFile: join(ours.folder, 'client.crt') };
    const config = await kubeconfigConfig(file('certificate', kubeconfig(url(server), ours.pem, identity)));
    expect(await ask(config)).toEqual({ authorization: null, who: 'someone' });
  });

  test('the server is asked with the password of a user, or with what a helper prints', async () => {
    const server = await serve(ours);
    const change = (user: object): string => {
      const made = JSON.parse(kubeconfig(url(server), ours.pem, { token: 'x' })) as {
        users: { user: object }[];
      };
      made.users[0]!.user = user;
      return JSON.stringify(made);
    };
    const password = await kubeconfigConfig(file('password', change({ username: 'me', password: 'pw' })));
    expect(await ask(password)).toMatchObject({ authorization: `Basic ${btoa('me:pw')}` });
    const credential = {
      apiVersion: 'client.authentication.k8s.io/v1',
      kind: 'ExecCredential',
      status: { token: 'helped' },
    };
    const exec = {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: process.execPath,
      args: ['-p', `'${JSON.stringify(credential)}'`],
      interactiveMode: 'Never',
    };
    expect(await ask(await kubeconfigConfig(file('exec', change({ exec }))))).toMatchObject({
      authorization: 'Bearer helped',
    });
  });

  test('tls-server-name and insecure-skip-tls-verify are what they say', async () => {
    const server = await serve(ours, 'named');
    const strangers = await serve(others);
    const change = (at: { port: number }, more: object): string => {
      const made = JSON.parse(kubeconfig(url(at), ours.pem, { token: 'x' })) as {
        clusters: { cluster: object }[];
      };
      Object.assign(made.clusters[0]!.cluster, more);
      return JSON.stringify(made);
    };
    const named = await kubeconfigConfig(
      file('named', change(server, { 'tls-server-name': 'kubernetes.default.svc' })),
    );
    expect(await ask(named)).toMatchObject({ authorization: 'Bearer x' });
    const loose = { 'insecure-skip-tls-verify': true, 'certificate-authority-data': undefined };
    expect(await ask(await kubeconfigConfig(file('loose', change(strangers, loose))))).toMatchObject({
      authorization: 'Bearer x',
    });
  });

  test.each([
    ['nowhere', null, /ENOENT/],
    ['broken', 'users: [{name: u, user: {token: s3cret}\nclusters: {', /./],
    ['empty', '{}', /./],
    ['strange', kubeconfig('ftp://127.0.0.1', '', { token: 's3cret' }), /no http\(s\) URL/],
  ])('that is %s there is an error that says so, without a secret', async (name, text, reason) => {
    const path = text === null ? join(folder, name) : file(name, text);
    const error = await kubeconfigConfig(path).catch((thrown: unknown) => thrown as Error);
    expect(error).toMatchObject({ code: 'E_KUBECONFIG', message: expect.stringMatching(reason) as string });
    expect((error as Error).message).not.toContain('s3cret');
    expect((error as Error).message).not.toContain('\n');
  });
});
