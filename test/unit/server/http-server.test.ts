import { once } from 'node:events';
import { Agent, get, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { type HttpServer, startServer, type Timeouts, warmUp } from '../../../src/server/http-server.ts';
import type { AppOptions } from '../../../src/server/app.ts';
import { FakePort, valuesOf } from './fake-port.ts';

const HOST = '127.0.0.1';
const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function serve(port: FakePort, options: AppOptions = {}, timeouts: Timeouts = {}): Promise<HttpServer> {
  const server = await startServer(port, { host: HOST, port: 0 }, options, timeouts);
  cleanups.push(() => server.close());
  return server;
}

/** A raw connection, ended with the test. */
async function connectTo(server: HttpServer): Promise<Socket> {
  const socket = connect(server.address.port, HOST);
  cleanups.push(() => socket.destroy());
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

async function scrape(server: HttpServer, headers: Record<string, string> = {}, agent?: Agent) {
  const request = get({
    host: HOST,
    port: server.address.port,
    path: '/metrics',
    headers,
    agent: agent ?? false,
  });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return { status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) };
}

/** Expects an answer that is short. */
async function expectHealthy(server: HttpServer): Promise<void> {
  const answer = await fetch(`http://${HOST}:${server.address.port}/healthz`);
  expect([answer.status, await answer.text()]).toEqual([200, 'ok\n']);
}

async function until(condition: () => boolean): Promise<void> {
  const end = Date.now() + 40_000;
  while (!condition()) {
    if (Date.now() > end) throw new Error('not within 40 s');
    await wait(5);
  }
}

describe('a server that listens', () => {
  test('answers a page, plain and gzip, of many chunks', async () => {
    const server = await serve(new FakePort(5000));
    const plain = await scrape(server);
    const zipped = await scrape(server, { 'accept-encoding': 'gzip' });
    expect(plain.status).toBe(200);
    expect(plain.headers['content-length']).toBe(String(plain.body.length));
    expect(plain.body.length).toBeGreaterThan(2_000_000);
    expect(valuesOf(plain.body.toString())).toEqual(['1']);
    expect(gunzipSync(zipped.body).toString()).toBe(plain.body.toString().replaceAll(/ 1$/gm, ' 2'));
  });

  test('answers 50 scrapes at once, each whole, with few pages', async () => {
    const port = new FakePort(2000);
    port.gate = wait(2000); // by then all have asked, on a busy machine too
    const server = await serve(port);
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, i) => scrape(server, i % 2 === 0 ? {} : { 'accept-encoding': 'gzip' })),
    );
    const pages = answers.map(({ headers, body }) =>
      (headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body).toString(),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array(50).fill(200));
    for (const page of pages) {
      expect(page.split('\n')).toHaveLength(2000 + 2 + 3 + 1);
      expect(valuesOf(page)).toHaveLength(1);
    }
    expect(port.calls.length).toBeLessThan(10);
  });

  test('keeps a connection for the next scrape', async () => {
    const server = await serve(new FakePort());
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    cleanups.push(() => agent.destroy());
    const opened: unknown[] = [];
    agent.on('free', (socket) => opened.push(socket));
    await scrape(server, {}, agent);
    await wait(20);
    await scrape(server, {}, agent);
    await until(() => opened.length === 2);
    expect(opened[0]).toBe(opened[1]);
  });

  test('answers HEAD without a body', async () => {
    const server = await serve(new FakePort());
    const socket = await connectTo(server);
    socket.write('HEAD /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
    let answer = '';
    for await (const chunk of socket) answer += chunk;
    expect(answer).toMatch(/^HTTP\/1.1 200 OK\r\n/);
    expect(answer).toMatch(/\r\n\r\n$/);
  });

  test('refuses a body and ends the connection', async () => {
    const server = await serve(new FakePort());
    const socket = await connectTo(server);
    socket.write('GET /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\nxxx');
    let answer = '';
    for await (const chunk of socket) answer += chunk;
    expect(answer).toMatch(/^HTTP\/1.1 413 /);
  });

  test('on a loopback address answers no request for a foreign name', async () => {
    const server = await serve(new FakePort());
    expect((await scrape(server, { host: 'rebound.example.com' })).status).toBe(421);
    expect((await scrape(server, { host: `localhost:${server.address.port}` })).status).toBe(200);
  });
});

describe('a scraper', () => {
  test('that reads slowly holds nobody up, and its page stays as it was', async () => {
    let made = 0;
    const server = await serve(new FakePort(20_000), { onPage: () => made++ });
    const slow = await connectTo(server);
    slow.pause();
    slow.write('GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
    await until(() => made === 1);
    for (let i = 0; i < 5; i++) {
      const { body } = await scrape(server);
      expect(valuesOf(body.toString())).toEqual([String(i + 2)]);
    }
    let answer = '';
    for await (const chunk of slow) answer += chunk;
    const page = answer.slice(answer.indexOf('\r\n\r\n') + 4);
    expect(page.split('\n')).toHaveLength(20_000 + 2 + 3 + 1);
    expect(valuesOf(page)).toEqual(['1']);
  });

  test('that goes away in the middle of a page leaves nothing behind', async () => {
    const port = new FakePort(20_000);
    const server = await serve(port);
    // Each page is 11 MB, held for nobody after its connection is gone: ten of them would be over the limit.
    for (let i = 0; i < 10; i++) {
      const socket = await connectTo(server);
      socket.write('GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n');
      await once(socket, 'data');
      socket.destroy();
      await wait(10);
    }
    expect((await scrape(server)).status).toBe(200);
  });

  test('that goes away in the middle of a page takes nothing from another one who reads the same', async () => {
    const port = new FakePort(20_000);
    const { promise, resolve } = Promise.withResolvers<void>();
    port.gate = promise;
    const server = await serve(port);
    const both = [await connectTo(server), await connectTo(server)] as const;
    for (const socket of both) {
      socket.pause();
      socket.write('GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
    }
    await until(() => port.calls.length === 1);
    await expectHealthy(server); // who came last has asked: so have both
    resolve();
    const [leaves, stays] = both;
    await once(leaves.resume(), 'data');
    leaves.resetAndDestroy();
    for (let i = 0; i < 3; i++) await scrape(server); // into whatever memory is free
    let answer = '';
    for await (const chunk of stays) answer += chunk;
    const page = answer.slice(answer.indexOf('\r\n\r\n') + 4);
    expect(page.split('\n')).toHaveLength(20_000 + 2 + 3 + 1);
    expect(valuesOf(page)).toEqual(['1']);
    expect(port.calls).toHaveLength(4);
  });

  test('that goes away before its page is made leaves nothing behind', async () => {
    const port = new FakePort(20_000);
    let made = 0;
    const server = await serve(port, { onPage: () => made++ });
    for (let i = 0; i < 10; i++) {
      const { promise, resolve } = Promise.withResolvers<void>();
      port.gate = promise;
      const socket = await connectTo(server);
      socket.write('GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n');
      await until(() => port.calls.length === i + 1);
      socket.destroy();
      await wait(20);
      resolve();
      await until(() => made === i + 1);
    }
    port.gate = Promise.resolve();
    expect((await scrape(server)).status).toBe(200);
  });

  test('that asks many times at once and goes away leaves nothing behind', async () => {
    const port = new FakePort(20_000);
    const server = await serve(port);
    for (let i = 0; i < 5; i++) {
      const socket = await connectTo(server);
      for (const group of ['connections', 'connections&collect=agent', 'connections&collect=workloads']) {
        socket.write(`GET /metrics?collect=${group} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
      }
      await once(socket, 'data');
      await until(() => port.calls.length === 3 * (i + 1));
      await wait(100);
      socket.destroy();
      await wait(20);
    }
    expect((await scrape(server)).status).toBe(200);
  });

  test('that never ends its headers is cut off, and others are served meanwhile', async () => {
    const server = await serve(new FakePort(), {}, { headersMs: 200 });
    const socket = await connectTo(server);
    socket.write('GET /metrics HTTP/1.1\r\nHost: localhost\r\n');
    const drip = setInterval(() => socket.write('X-Drip: 1\r\n'), 50);
    cleanups.push(() => clearInterval(drip));
    // once() would take the error of a late drip for an answer
    const closed = new Promise((resolve) => socket.resume().once('close', resolve));
    expect((await scrape(server)).status).toBe(200);
    await closed; // it goes on for ever
  });

  test('that reads slowly is cut off when it and its like hold all the memory for pages, the slowest first', async () => {
    vi.useFakeTimers({ toFake: ['performance'] }); // a busy machine takes longer for six pages than readers are young
    cleanups.push(() => vi.useRealTimers());
    let made = 0;
    const server = await serve(new FakePort(20_000), { onPage: () => made++ });
    const slow: Socket[] = [];
    for (let i = 0; i < 8; i++) {
      const socket = await connectTo(server); // 11 MB for each: 64 MiB are what there is
      socket.pause().write('GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n');
      slow.push(socket);
      await until(() => made === Math.min(i + 1, 6));
    }
    expect((await scrape(server)).status).toBe(503); // they are young
    vi.advanceTimersByTime(1100);
    expect((await scrape(server)).status).toBe(200);
    const ends = slow.map(
      (socket) => new Promise((resolve) => socket.resume().once('close', () => resolve('cut'))),
    );
    expect(await ends[0]).toBe('cut');
    expect(await Promise.race([ends[5], wait(200)])).toBeUndefined();
  });

  test('that never reads its answer is cut off', async () => {
    const server = await serve(new FakePort(20_000), {}, { answerMs: 300 });
    const socket = await connectTo(server);
    const closed = once(socket, 'close'); // it may close while we wait
    socket.write('GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await wait(600);
    let bytes = 0;
    socket.on('data', (chunk) => (bytes += chunk.length));
    await closed;
    expect(bytes).toBeLessThan(11_000_000);
    await expectHealthy(server); // a page may take a busy machine more than these 300 ms
  });

  test('that begins requests and ends none keeps nobody out: the oldest of them make room, and are counted', async () => {
    const refused: string[] = [];
    const server = await serve(new FakePort(), { onRefused: (reason) => refused.push(reason) });
    const half: Socket[] = [];
    for (let i = 0; i < 300; i++) {
      const socket = await connectTo(server);
      socket.resume().write('GET /metrics HTTP/1.1\r\nX-Half: ');
      half.push(socket);
      if (i % 100 === 99) expect((await scrape(server)).status).toBe(200);
    }
    await until(() => half.filter(({ closed }) => closed).length >= 300 - 256);
    expect(half.slice(0, 300 - 256).every(({ closed }) => closed)).toBe(true);
    expect(half.at(-1)?.closed).toBe(false);
    expect(new Set(refused)).toEqual(new Set(['idle']));
  });

  test('that is one too many is told to come again, and counted', async () => {
    const refused: string[] = [];
    const port = new FakePort();
    const { promise, resolve } = Promise.withResolvers<void>();
    port.gate = promise;
    const server = await serve(port, { onRefused: (reason) => refused.push(reason) });
    const answers = Array.from({ length: 70 }, async () => scrape(server));
    await until(() => refused.length === 70 - 64);
    resolve();
    const statuses = (await Promise.all(answers)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 503)).toHaveLength(70 - 64);
    expect(statuses.filter((status) => status === 200)).toHaveLength(64);
    expect(new Set(refused)).toEqual(new Set(['scrapes']));
  });

  test('with headers beyond 8 KiB is refused', async () => {
    const server = await serve(new FakePort());
    expect((await scrape(server, { 'x-long': 'x'.repeat(9000) })).status).toBe(431);
  });
});

describe('closing', () => {
  // Waiting for any of them would take longer than the test may.
  test(
    'waits for no idle, slow or half-open connection, and frees the port',
    { timeout: 60_000 },
    async () => {
      const port = new FakePort(20_000);
      const server = await serve(port, {}, { headersMs: 600_000, answerMs: 600_000 });
      const agent = new Agent({ keepAlive: true });
      cleanups.push(() => agent.destroy());
      await scrape(server, {}, agent);
      const slow = await connectTo(server);
      slow.write('GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n');
      slow.pause();
      const half = await connectTo(server);
      half.write('GET /met');
      await until(() => port.calls.length === 2);
      await Promise.all([server.close(), server.close()]);
      const again = await startServer(port, server.address);
      await again.close();
    },
  );

  test('lets a page under way end', async () => {
    const port = new FakePort();
    const { promise, resolve } = Promise.withResolvers<void>();
    port.gate = promise;
    const server = await serve(port);
    const answer = scrape(server);
    await until(() => port.calls.length === 1);
    const closed = server.close();
    resolve();
    expect((await answer).status).toBe(200);
    await closed;
  });
});

describe('an address that cannot be had', () => {
  test('because another program listens there is E_PORT_TAKEN', async () => {
    const server = await serve(new FakePort());
    await expect(startServer(new FakePort(), server.address)).rejects.toMatchObject({
      code: 'E_PORT_TAKEN',
      message: `cannot listen on 127.0.0.1:${server.address.port}: another program holds the port`,
    });
  });

  test('because it is not of this machine is E_LISTEN', async () => {
    await expect(startServer(new FakePort(), { host: '192.0.2.1', port: 0 })).rejects.toMatchObject({
      code: 'E_LISTEN',
      message: 'cannot listen on 192.0.2.1:0: no interface of this machine has the address',
    });
  });
});

test('every address of the machine is one wish, both families where there are two', async () => {
  const server = await startServer(new FakePort(), { host: '', port: 0 });
  cleanups.push(() => server.close());
  expect((await scrape(server)).status).toBe(200);
  expect((await scrape(server, { host: 'any.name.example' })).status).toBe(200);
});

describe('warming up', () => {
  test('is one page that nobody has asked for, without what tells of the time since the page before', async () => {
    const port = new FakePort(2_000);
    await warmUp(port);
    expect(port.calls).toEqual(['connections,workloads']);
  });

  test('is over when there is no page', async () => {
    const port = new FakePort();
    port.failure = new Error('no memory');
    await expect(warmUp(port)).resolves.toBeUndefined();
    expect(port.calls).toHaveLength(1);
  });
});
