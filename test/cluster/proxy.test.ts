// The proxy of the test bed spoils what it is told to spoil, and nothing else.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ApiServer } from './support/api-server.ts';
import { pod } from './support/objects.ts';
import { ask, watch, type PlainAnswer } from './support/plain-client.ts';
import { whyNoApiServer } from './support/programs.ts';
import { Proxy } from './support/proxy.ts';

const why = whyNoApiServer();
const PODS = '/api/v1/pods';
/** One object: the resourceVersion in a list moves on when the server writes something of its own. */
const CART = '/api/v1/namespaces/shop/pods/cart';

beforeEach((context) => {
  if (why !== null) context.skip(why);
});

describe('a proxy before an API server', () => {
  let server: ApiServer;
  let proxy: Proxy;
  let whole: string;
  const get = async (path = CART, limitMs = 10_000): Promise<PlainAnswer> =>
    ask(server, path, { url: proxy.url, limitMs });

  beforeAll(async () => {
    if (why !== null) return;
    server = await ApiServer.start();
    await server.admin.namespace('shop');
    await server.admin.create(pod({ name: 'cart', namespace: 'shop', addresses: ['10.244.1.5'] }));
    proxy = await Proxy.start(server);
    whole = (await ask(server, CART)).text;
  });
  afterEach(() => proxy.heal());
  afterAll(async () => {
    await proxy?.close();
    await server?.close();
  });

  it('passes everything on, and counts it', async () => {
    const [bytes, requests] = [proxy.bytes, proxy.requests.length];
    expect(await get()).toMatchObject({ status: 200, text: whole });
    expect(proxy.bytes - bytes).toBe(Buffer.byteLength(whole));
    expect(proxy.requests.slice(requests)).toMatchObject([{ method: 'GET', url: CART, status: 200 }]);
  });

  it('passes events of a watch on as they come', async () => {
    const events = watch(server, `${PODS}?watch=1`, ({ object }) => object.metadata.name === 'new', {
      url: proxy.url,
    });
    await expect.poll(() => proxy.requests.at(-1)?.bytes).toBeGreaterThan(0);
    await server.admin.create(pod({ name: 'new', namespace: 'shop' }));
    expect((await events).at(-1)?.type).toBe('ADDED');
    await server.admin.remove(pod({ name: 'new', namespace: 'shop' }));
    whole = (await ask(server, CART)).text;
  });

  it('answers with a status of its own, as often as it is told, to what matches', async () => {
    const match = ({ url }: { url: string }): boolean => url === CART;
    proxy.inject({ kind: 'status', status: 429, headers: { 'retry-after': '3' } }, { match, times: 2 });
    expect((await get('/api/v1/nodes')).status).toBe(200);
    expect((await get()).headers['retry-after']).toBe('3');
    expect([(await get()).status, (await get()).status]).toEqual([429, 200]);
  });

  it('delays, and hangs', async () => {
    proxy.inject({ kind: 'delay', ms: 300 });
    const startedMs = performance.now();
    expect((await get()).text).toBe(whole);
    expect(performance.now() - startedMs).toBeGreaterThan(290);
    proxy.inject({ kind: 'hang' });
    await expect(get(CART, 200)).rejects.toThrow('not over in 200 ms');
  });

  it('cuts an answer, ends it too early, or falls silent in it', async () => {
    proxy.inject({ kind: 'cut', afterBytes: 100 });
    await expect(get()).rejects.toThrow(/aborted|ECONNRESET/);
    proxy.inject({ kind: 'end', afterBytes: 100 });
    expect((await get()).text).toBe(whole.slice(0, 100));
    proxy.inject({ kind: 'silence', afterBytes: 0 });
    await expect(get(CART, 3_000)).rejects.toThrow('not over in 3000 ms');
    expect(proxy.requests.at(-1)).toMatchObject({ status: 200, bytes: 0 });
  });

  it('garbles, tears into pieces, and puts text before', async () => {
    proxy.inject({ kind: 'garble', afterBytes: 50 });
    const { text } = await get();
    expect(text.slice(0, 50)).toBe(whole.slice(0, 50));
    const kept = Array.from({ length: whole.length }, (_, i) => i).filter((i) => text[i] === whole[i]);
    expect(kept).toHaveLength(50);
    proxy.inject({ kind: 'trickle', bytes: 7, everyMs: 0 });
    expect((await get()).text).toBe(whole);
    proxy.inject({ kind: 'insert', text: '{"type":"ERROR"}\n' });
    expect((await get()).text).toBe(`{"type":"ERROR"}\n${whole}`);
  });

  it('cuts every connection, refuses new ones, and listens again', async () => {
    const watching = watch(server, `${PODS}?watch=1&resourceVersion=0`, () => false, { url: proxy.url });
    const cut = expect(watching).rejects.toThrow(/aborted|ECONNRESET/);
    await expect
      .poll(() => proxy.requests.at(-1))
      .toMatchObject({ url: expect.stringContaining('resourceVersion=0'), status: 200 });
    await proxy.refuse();
    await cut;
    await expect(get()).rejects.toThrow('ECONNREFUSED');
    await proxy.listenAgain();
    expect((await get()).text).toBe(whole);
  });
});
