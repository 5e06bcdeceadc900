import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { createApp } from '../../../src/server/app.ts';
import { readProtobufPage } from '../../support/protobuf-page.ts';
import { FakePort, valuesOf } from './fake-port.ts';

const OM = 'application/openmetrics-text';

function setup(series = 3) {
  const port = new FakePort(series);
  const errors: unknown[] = [];
  const app = createApp(port, { onError: (error) => errors.push(error) });
  return { port, app, errors };
}

describe('/metrics', () => {
  test('is text 0.0.4 by default, with every group', async () => {
    const { app, port } = setup();
    const answer = await app.request('/metrics');
    const page = await answer.text();
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(answer.headers.get('content-encoding')).toBeNull();
    expect(answer.headers.get('vary')).toBe('Accept, Accept-Encoding');
    expect(Number(answer.headers.get('content-length'))).toBe(Buffer.byteLength(page));
    expect(page).toContain('# TYPE bytes_sent gauge\n');
    expect(page).toContain('kube_netc_agent_flows 1\n');
    expect(port.calls).toEqual(['connections,workloads,agent']);
  });

  test('is OpenMetrics where that is asked for', async () => {
    const answer = await setup().app.request('/metrics', { headers: { accept: `${OM};version=1.0.0` } });
    expect(answer.headers.get('content-type')).toBe(`${OM}; version=1.0.0; charset=utf-8`);
    expect(await answer.text()).toMatch(/# EOF\n$/);
  });

  test.each(['identity', 'gzip'])('is protobuf where that is asked for, %s', async (encoding) => {
    const { app, port } = setup(2000);
    const type =
      'application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited';
    const headers = { accept: `${type};q=0.6,${OM};q=0.5,*/*;q=0.1`, 'accept-encoding': encoding };
    const answer = await app.request('/metrics', { headers });
    const body = Buffer.from(await answer.arrayBuffer());
    expect(answer.headers.get('content-type')).toBe(type);
    expect(answer.headers.get('content-encoding')).toBe(encoding === 'gzip' ? 'gzip' : null);
    expect(Number(answer.headers.get('content-length'))).toBe(body.length);
    const page = readProtobufPage({ chunks: [encoding === 'gzip' ? gunzipSync(body) : body] });
    expect(page.map(({ name, metric }) => `${name} ${metric.length}`)).toEqual([
      'bytes_sent 2000',
      'kube_netc_agent_flows 1',
    ]);
    const head = await app.request('/metrics', { method: 'HEAD', headers });
    expect(head.headers.get('content-type')).toBe(type);
    expect(port.calls).toHaveLength(1);
  });

  test('is gzip where that is asked for, and the same page', async () => {
    const { app } = setup(2000);
    const plain = await (await app.request('/metrics?collect[]=connections')).text();
    const answer = await app.request('/metrics?collect[]=connections', {
      headers: { 'accept-encoding': 'gzip' },
    });
    const body = Buffer.from(await answer.arrayBuffer());
    expect(answer.headers.get('content-encoding')).toBe('gzip');
    expect(Number(answer.headers.get('content-length'))).toBe(body.length);
    expect(body.length).toBeLessThan(plain.length / 5);
    expect(gunzipSync(body).toString().replaceAll(' 2\n', ' 1\n')).toBe(plain);
  });

  test.each([
    ['collect[]=agent', 'agent'],
    ['collect%5B%5D=agent&collect%5B%5D=connections', 'agent,connections'],
    ['collect=workloads', 'workloads'],
    ['collect[]=agent&collect=agent', 'agent'],
    ['other=1', 'connections,workloads,agent'],
  ])('?%s collects %s', async (query, groups) => {
    const { app, port } = setup();
    expect((await app.request(`/metrics?${query}`)).status).toBe(200);
    expect(port.calls).toEqual([groups]);
  });

  test.each([
    ['collect[]=cpu', '"cpu"'],
    ['collect[]=agent&collect[]=', '""'],
    ['collect=%1b[31m', '"\\x1b[31m"'],
    [`collect=${'x'.repeat(5000)}`, `"${'x'.repeat(40)}"`],
  ])('?%.40s is refused in one line', async (query, shown) => {
    const { app, port } = setup();
    const answer = await app.request(`/metrics?${query}`);
    expect(answer.status).toBe(400);
    expect(await answer.text()).toBe(`collect[] cannot be ${shown}: it is connections, workloads, agent\n`);
    expect(port.calls).toEqual([]);
  });

  test('answers HEAD with the headers of the page and makes none', async () => {
    const { app, port } = setup();
    const answer = await app.request('/metrics', { method: 'HEAD', headers: { accept: OM } });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toContain(OM);
    expect(await answer.text()).toBe('');
    expect(port.calls).toEqual([]);
    expect((await app.request('/metrics?collect=x', { method: 'HEAD' })).status).toBe(400);
  });

  test('of 50 scrapes at once is made once', async () => {
    const { app, port } = setup(100);
    const pages = await Promise.all(
      Array.from({ length: 50 }, async () => (await app.request('/metrics')).text()),
    );
    expect(port.calls).toHaveLength(1);
    expect(new Set(pages).size).toBe(1);
    await app.request('/metrics');
    expect(port.calls).toHaveLength(2);
  });

  test('says that it failed, tells the log why, and works again after it', async () => {
    const { app, port, errors } = setup();
    port.failure = new Error('the secret reason');
    const answer = await app.request('/metrics');
    expect(answer.status).toBe(500);
    expect(await answer.text()).toBe('no page: the agent failed to make it; its log says why\n');
    expect(errors).toEqual([port.failure]);
    port.failure = null;
    expect((await app.request('/metrics')).status).toBe(200);
  });

  test('is refused as busy when 64 scrapes wait already', async () => {
    const { app, port } = setup();
    const { promise, resolve } = Promise.withResolvers<void>();
    port.gate = promise;
    const waiting = Array.from({ length: 64 }, async () => app.request('/metrics'));
    const refused = await app.request('/metrics');
    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(await refused.text()).toBe('busy: 64 scrapes are under way\n');
    resolve();
    expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual(Array(64).fill(200));
    expect(valuesOf(await (await app.request('/metrics')).text())).toEqual(['2']);
  });
});

describe('health', () => {
  test('/healthz answers while it can', async () => {
    const answer = await setup().app.request('/healthz');
    expect([answer.status, await answer.text()]).toEqual([200, 'ok\n']);
  });

  test('/readyz is 200 when ready, and tells problems all the same', async () => {
    const { app, port } = setup();
    port.current = { ready: true, problems: ['UDP is not measured: \x1b[31mrefused'], snapshotAgeMs: 12.3 };
    const answer = await app.request('/readyz');
    expect(answer.status).toBe(200);
    expect(await answer.text()).toBe(
      'ready\nlast snapshot: 12 ms ago\nproblem: UDP is not measured: \\x1b[31mrefused\n',
    );
  });

  test('/readyz is 503 with the reason when not', async () => {
    const { app, port } = setup();
    port.current = { ready: false, problems: ['no snapshot yet'], snapshotAgeMs: null };
    const answer = await app.request('/readyz');
    expect(answer.status).toBe(503);
    expect(await answer.text()).toBe('not ready\nlast snapshot: none yet\nproblem: no snapshot yet\n');
  });
});

describe('other requests', () => {
  test('/ links what there is', async () => {
    const answer = await setup().app.request('/');
    const page = await answer.text();
    for (const path of ['/metrics', '/healthz', '/readyz']) expect(page).toContain(`href="${path}"`);
    expect(answer.headers.get('content-security-policy')).toBe("default-src 'none'");
  });

  test('what does not exist is 404', async () => {
    expect((await setup().app.request('/etc/passwd')).status).toBe(404);
  });

  test.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'])('%s is 405', async (method) => {
    const answer = await setup().app.request('/metrics', { method });
    expect(answer.status).toBe(405);
    expect(answer.headers.get('allow')).toBe('GET, HEAD');
  });

  test('a body is refused', async () => {
    const { app } = setup();
    const refused = async (headers: Record<string, string>) =>
      (await app.request('/metrics', { headers })).status;
    expect(await refused({ 'content-length': '5' })).toBe(413);
    expect(await refused({ 'content-length': 'x' })).toBe(413);
    expect(await refused({ 'transfer-encoding': 'chunked' })).toBe(413);
    expect(await refused({ 'content-length': '0' })).toBe(200);
  });

  test('no page of another site may read an answer', async () => {
    const answer = await setup().app.request('/metrics', { headers: { origin: 'https://example.com' } });
    expect(answer.headers.get('access-control-allow-origin')).toBeNull();
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    expect(answer.headers.get('cache-control')).toBe('no-store');
  });

  test.each([
    ['127.0.0.1:9655', 200],
    ['localhost:9655', 200],
    ['[::1]:9655', 200],
    ['10.1.2.3', 200],
    ['rebound.example.com:9655', 421],
    ['localhost.example.com', 421],
  ])('for Host %s a loopback server answers %i', async (host, status) => {
    const app = createApp(new FakePort(), { localOnly: true });
    expect((await app.request('/metrics', { headers: { host } })).status).toBe(status);
    expect((await setup().app.request('/metrics', { headers: { host } })).status).toBe(200);
  });
});
