import { createServer as createTcpServer, type Socket } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ApiClient, type ApiTimeouts } from '../../../../src/cluster/api/api-client.ts';
import type { ApiConfig } from '../../../../src/cluster/api/api-config.ts';
import { ApiError } from '../../../../src/cluster/api/api-error.ts';
import { answer, FakeApi, plainConfig, THINGS } from './fake-api.ts';
import { PATIENT } from './mirror.ts';

function clientOf(config: ApiConfig, timeouts: Partial<ApiTimeouts> = {}): ApiClient {
  const client = new ApiClient(config, { version: '1.2.3', timeouts });
  onTestFinished(() => client.close());
  return client;
}

async function failure(promise: Promise<unknown>): Promise<ApiError> {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ApiError);
  return error as ApiError;
}

/** A server of TCP that does what `serve` does with a connection. */
async function tcpServer(serve: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    serve(socket);
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `127.0.0.1:${(server.address() as { port: number }).port}`;
}

const ASK = { path: THINGS, verb: 'list' } as const;

describe('a request', () => {
  test('says who asks, for JSON, without compression, with the token, on a connection that is kept', async () => {
    await using api = await FakeApi.start();
    const client = clientOf(plainConfig(`http://127.0.0.1:${api.port}`, 'Bearer s3cret'));
    for (let i = 0; i < 3; i++) await client.json(ASK);
    const [seen] = api.seen;
    expect(seen!.headers).toMatchObject({
      'user-agent': 'kube-netc/1.2.3',
      accept: 'application/json',
      authorization: 'Bearer s3cret',
    });
    expect(seen!.headers['accept-encoding']).toBeUndefined();
    expect(new Set(api.seen.map(({ socket }) => socket)).size).toBe(1);
  });

  test('has the path of the server before its own', async () => {
    await using api = await FakeApi.start();
    api.once('other', (response, url) => answer(response, 200, { path: url.pathname }));
    const client = clientOf(plainConfig(`http://127.0.0.1:${api.port}/k8s/clusters/c-1/`));
    expect(await client.json(ASK)).toEqual({ path: `/k8s/clusters/c-1${THINGS}` });
  });

  test('counts what it gets, by resource', async () => {
    await using api = await FakeApi.start();
    api.add('a');
    const client = clientOf(api.config);
    const list = await client.json(ASK);
    await failure(client.json({ path: '/version', verb: 'get' }));
    const { byResource } = client.received;
    expect(byResource.get('things')).toEqual({ requests: 1, bytes: JSON.stringify(list).length });
    expect(byResource.get('other')?.requests).toBe(1);
    for (let i = 0; i < 100; i++) client.received.request(`/apis/group-${i}/v1/kinds`);
    expect(byResource.size).toBeLessThanOrEqual(65);
  });

  test('is sent again on a new connection where the server has closed the idle one', async () => {
    let served = 0;
    const body = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}';
    const address = await tcpServer((socket) => {
      let first = true;
      socket.on('data', () => {
        served++;
        if (first) socket.write(body);
        else socket.resetAndDestroy();
        first = false;
      });
    });
    const client = clientOf(plainConfig(`http://${address}`));
    expect(await client.json(ASK)).toEqual({});
    expect(await client.json(ASK)).toEqual({});
    expect(served).toBe(3);
  });

  test('that was refused with 401 is sent again where the token is another by now, else not', async () => {
    await using api = await FakeApi.start();
    let token = 'Bearer old';
    const refused: boolean[] = [];
    const client = clientOf({
      ...api.config,
      credentials: (wasRefused) => {
        refused.push(wasRefused);
        if (wasRefused) token = 'Bearer new';
        return Promise.resolve({ ca: undefined, cert: undefined, key: undefined, authorization: token });
      },
    });
    api.fail('list', 401);
    await client.json(ASK);
    expect(api.seen.map(({ headers }) => headers.authorization)).toEqual(['Bearer old', 'Bearer new']);
    expect(refused).toEqual([false, true]);
    api.fail('list', 401);
    const error = await failure(client.json(ASK));
    expect(error).toMatchObject({
      kind: 'unauthorized',
      message: 'the API server does not accept our credentials (401)',
    });
    expect(api.count('list')).toBe(3);
  });
});

describe('a request that fails', () => {
  test.each([
    [403, 'forbidden', 'ClusterRole needs: list things'],
    [404, 'not_found', `list ${THINGS}: 404 because`],
    [410, 'gone', `list ${THINGS}: 410 because`],
    [418, 'refused', `list ${THINGS}: 418 because`],
    [429, 'throttled', `list ${THINGS}: 429 because`],
    [500, 'server', `list ${THINGS}: 500 because`],
  ] as const)('with %i says what kind of failure that is', async (code, kind, message) => {
    await using api = await FakeApi.start();
    api.fail('list', code, {}, 'because');
    expect(await failure(clientOf(api.config).json(ASK))).toMatchObject({ kind, message, status: code });
  });

  test('with 403 names the group of the resource too', async () => {
    await using api = await FakeApi.start();
    const client = clientOf(api.config);
    for (const path of ['/apis/apps/v1/replicasets', '/apis/apps/v1/namespaces/x/replicasets/y']) {
      api.fail('other', 403);
      expect((await failure(client.json({ path, verb: 'get' }))).message).toBe(
        'ClusterRole needs: get replicasets.apps',
      );
    }
  });

  test.each([
    ['7', 7_000],
    ['99999', 300_000],
    ['Wed, 21 Oct 2026 07:28:00 GMT', null],
    ['-1', null],
  ])('with Retry-After %s is to wait %s ms', async (value, expected) => {
    await using api = await FakeApi.start();
    api.fail('list', 503, { 'Retry-After': value });
    expect((await failure(clientOf(api.config).json(ASK))).retryAfterMs).toBe(expected);
  });

  test('has a message of one line, of bounded length, without our token', async () => {
    await using api = await FakeApi.start();
    api.fail('list', 500, {}, `you sent t0psecret\n\u001b[2J ${'x'.repeat(10_000)}`);
    const client = clientOf(plainConfig(`http://127.0.0.1:${api.port}`, 'Bearer t0psecret'));
    const { message } = await failure(client.json(ASK));
    expect(message).toContain('you sent (secret)\\x0a\\x1b[2J');
    expect(message).not.toContain('t0psecret');
    expect(message.length).toBeLessThan(400);
  });

  test('for want of credentials says which file', async () => {
    await using api = await FakeApi.start();
    const credentials = (): Promise<never> => Promise.reject(new Error('ENOENT: /var/run/token'));
    const error = await failure(clientOf({ ...api.config, credentials }).json(ASK));
    expect(error).toMatchObject({ kind: 'credentials', message: 'ENOENT: /var/run/token' });
  });

  test('because nobody listens, or the name is unknown, says so', async () => {
    const address = await tcpServer((socket) => void socket.resetAndDestroy());
    expect((await failure(clientOf(plainConfig(`http://${address}`)).json(ASK))).kind).toBe('reset');
    const nobody = clientOf(plainConfig('http://127.0.0.1:1'));
    expect((await failure(nobody.json(ASK))).kind).toBe('connect');
    const unknown = clientOf(plainConfig('http://no-such-host.invalid'));
    expect((await failure(unknown.json(ASK))).kind).toBe('dns');
  });

  test('because the other end is no HTTP server says so', async () => {
    const address = await tcpServer((socket) => void socket.end('SSH-2.0-OpenSSH_9.2\r\n'));
    expect((await failure(clientOf(plainConfig(`http://${address}`)).json(ASK))).kind).toBe('garbled');
  });

  test('because TLS is never begun is given up', async () => {
    const address = await tcpServer(() => undefined);
    const client = clientOf(plainConfig(`https://${address}`), { connectMs: 50 });
    const error = await failure(client.json(ASK));
    expect(error).toMatchObject({ kind: 'timeout', message: 'no connection after 50 ms' });
  });

  test('because there is no answer is given up, and the connection with it', async () => {
    await using api = await FakeApi.start();
    api.once('list', () => undefined);
    const client = clientOf(api.config, { headersMs: 50 });
    expect(await failure(client.json(ASK))).toMatchObject({
      kind: 'timeout',
      message: 'no answer after 50 ms',
    });
    await expect.poll(() => api.connections, PATIENT).toBe(0);
    await client.json(ASK); // and the next one goes through
  });

  test('because the answer stops is given up', async () => {
    await using api = await FakeApi.start();
    api.once('list', (response) => {
      response.writeHead(200, { 'Content-Type': 'application/json' });
      response.write('{"half":');
    });
    const error = await failure(clientOf(api.config, { stallMs: 50 }).json(ASK));
    expect(error).toMatchObject({ kind: 'timeout', message: 'the answer stopped for 50 ms' });
  });

  test('because the answer is of another type says so: a portal, a login page', async () => {
    await using api = await FakeApi.start();
    for (const [type, said] of [
      ['text/html', 'text/html'],
      [undefined, 'no type'],
    ] as const) {
      api.once('list', (response) => {
        response.writeHead(200, type === undefined ? {} : { 'Content-Type': type });
        response.end('{}');
      });
      const { kind, message } = await failure(clientOf(api.config).json(ASK));
      expect([kind, message]).toEqual(['garbled', `${THINGS} answers ${said} and not JSON`]);
    }
  });

  test('because the answer is too long, or no JSON', async () => {
    await using api = await FakeApi.start();
    api.once('list', (response) => answer(response, 200, 'x'.repeat(5 * 1024 * 1024)));
    const client = clientOf(api.config);
    expect((await failure(client.json(ASK))).kind).toBe('too_large');
    api.once('list', (response) => {
      response.writeHead(200, { 'Content-Type': 'application/json' });
      response.end('{');
    });
    expect((await failure(client.json(ASK))).kind).toBe('garbled');
  });

  test('because it was given up by us ends at once, before the answer and in it', async () => {
    await using api = await FakeApi.start();
    const client = clientOf(api.config);
    api.once('list', () => undefined);
    expect((await failure(client.json({ ...ASK, signal: AbortSignal.timeout(20) }))).kind).toBe('ended');
    api.once('list', (response) => {
      response.writeHead(200, { 'Content-Type': 'application/json' });
      response.write('{"half":');
    });
    expect((await failure(client.json({ ...ASK, signal: AbortSignal.timeout(50) }))).kind).toBe('ended');
    expect((await failure(client.json({ ...ASK, signal: AbortSignal.abort() }))).kind).toBe('ended');
  });
});
