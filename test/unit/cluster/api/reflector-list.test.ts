import { describe, expect, test } from 'vitest';
import { answer, FakeApi, status } from './fake-api.ts';
import { becomesSame, Mirror, PATIENT, synced } from './mirror.ts';

describe('a list', () => {
  test('is streamed, and its request goes on as the watch', async () => {
    await using api = await FakeApi.start();
    const b = [api.add('a'), api.add('b')][1]!;
    await using mirror = new Mirror(api);
    await synced(mirror);
    expect(mirror.told).toEqual(['+a', '+b', 'synced']);
    api.remove(b);
    api.add('c');
    await becomesSame(api, mirror);
    expect(api.seen.map(({ kind }) => kind)).toEqual(['stream']);
    const { searchParams } = api.seen[0]!.url;
    expect(Object.fromEntries(searchParams)).toMatchObject({
      watch: 'true',
      sendInitialEvents: 'true',
      resourceVersionMatch: 'NotOlderThan',
      allowWatchBookmarks: 'true',
    });
    expect(searchParams.has('resourceVersion')).toBe(false); // the newest, never what a cache may have
    expect(mirror.reflector.state).toMatchObject({
      resource: 'things',
      phase: 'watching',
      synced: true,
      lists: 1,
      restarts: 0,
      objects: 2,
      problem: null,
    });
  });

  test('is of pages where the server has no streaming lists, and stays so', async () => {
    await using api = await FakeApi.start();
    api.streams = false;
    for (let i = 0; i < 1_100; i++) api.add(`thing-${i}`);
    await using mirror = new Mirror(api);
    await synced(mirror);
    await becomesSame(api, mirror);
    const pages = api.seen.filter(({ kind }) => kind === 'list').map(({ url }) => url.searchParams);
    expect(pages.map((page) => page.get('limit'))).toEqual(['500', '500', '500']);
    expect(mirror.reflector.state.errors.size).toBe(0);
    await expect.poll(() => api.watchers, PATIENT).toBe(1);
    api.compact();
    api.end('reset');
    await synced(mirror, 2);
    expect([api.count('stream'), api.count('list')]).toEqual([1, 6]);
  });

  test('is streamed again after an hour where it was refused', async () => {
    await using api = await FakeApi.start();
    api.streams = false;
    await using mirror = new Mirror(api, { streamingAgainMs: 1 });
    await synced(mirror);
    api.streams = true;
    await expect.poll(() => api.watchers, PATIENT).toBe(1);
    api.compact();
    api.end('reset');
    await synced(mirror, 2);
    expect([api.count('stream'), api.count('list')]).toEqual([2, 1]);
  });

  test.each([1, 2])('whose pages expire %i times is whole and has no ghosts', async (times) => {
    await using api = await FakeApi.start();
    api.streams = false;
    const things = Array.from({ length: 700 }, (_, i) => api.add(`thing-${i}`));
    for (let i = 0; i < times; i++) {
      api.once('list', (response) => {
        const items = [...api.things.values()].slice(0, 500);
        answer(response, 200, { metadata: { resourceVersion: '1', continue: 'x' }, items });
      });
      api.once('list', (response) => {
        api.remove(things.shift()!); // it was on the first page
        api.compact();
        answer(response, 410, status(410, 'The provided continue parameter is too old'));
      });
    }
    await using mirror = new Mirror(api);
    await synced(mirror);
    await becomesSame(api, mirror);
    const limits = api.seen
      .filter(({ kind }) => kind === 'list')
      .map(({ url }) => url.searchParams.get('limit'));
    expect(limits.at(-1)).toBe(times === 2 ? null : '500');
    expect(api.seen.filter(({ url }) => url.searchParams.has('continue')).length).toBeGreaterThanOrEqual(
      times,
    );
  });

  test('that goes on with the same page is given up, not followed for ever', async () => {
    await using api = await FakeApi.start();
    api.streams = false;
    api.add('a');
    for (let i = 0; i < 2; i++) {
      api.once('list', (response) => {
        answer(response, 200, { metadata: { resourceVersion: '1', continue: 'same' }, items: [] });
      });
    }
    await using mirror = new Mirror(api);
    await becomesSame(api, mirror);
    expect(mirror.reflector.state.errors.get('garbled')).toBe(1);
  });

  test('that is cut in the middle removes nothing, and is asked for again', async () => {
    await using api = await FakeApi.start();
    const things = ['a', 'b', 'c'].map((name) => api.add(name));
    await using mirror = new Mirror(api);
    await synced(mirror);
    for (const kind of ['stream', 'stream', 'list'] as const) {
      api.once(kind, (response) => {
        response.writeHead(200, { 'Content-Type': 'application/json' });
        const first = JSON.stringify(things[0]);
        response.write(
          kind === 'stream' ? `{"type":"ADDED","object":${first}}\n` : `{"metadata":{},"items":[${first},`,
        );
        setTimeout(() => response.socket?.resetAndDestroy(), 5);
      });
    }
    api.compact();
    api.end('reset');
    await synced(mirror, 2);
    await becomesSame(api, mirror);
    expect(mirror.told).not.toContain('-b');
    // two streams were cut, so pages were tried, and then a stream again
    expect([api.count('stream'), api.count('list')]).toEqual([4, 1]);
  });

  test('whose stream ends before the bookmark is no list, though its time was over', async () => {
    await using api = await FakeApi.start();
    const things = ['a', 'b'].map((name) => api.add(name));
    await using mirror = new Mirror(api, { listWatchMs: 100 });
    await synced(mirror);
    api.once('stream', (response) => {
      response.writeHead(200, { 'Content-Type': 'application/json' });
      response.end(`${JSON.stringify({ type: 'ADDED', object: things[0] })}\n`);
    });
    api.compact();
    api.end('reset');
    await synced(mirror, 2);
    await becomesSame(api, mirror);
    expect(mirror.reflector.state.errors.get('ended')).toBe(1);
    expect(mirror.told).not.toContain('-b');
  });

  test('whose answer never begins is given up', async () => {
    await using api = await FakeApi.start();
    api.add('a');
    api.once('stream', () => undefined);
    await using mirror = new Mirror(api);
    await becomesSame(api, mirror);
    expect(mirror.reflector.state.errors.get('timeout')).toBe(1);
  });

  test('without items may have null for them', async () => {
    await using api = await FakeApi.start();
    api.streams = false;
    const gone = api.add('gone');
    await using mirror = new Mirror(api);
    await synced(mirror);
    await expect.poll(() => api.watchers, PATIENT).toBe(1);
    api.once('list', (response) => {
      answer(response, 200, { items: null, metadata: { resourceVersion: '1000', continue: '' } });
    });
    api.end('reset');
    api.remove(gone);
    api.compact();
    await synced(mirror, 2);
    await becomesSame(api, mirror);
  });

  test.each([
    ['is HTML', 'text/html', '<html>'],
    ['is no list', 'application/json', '[]'],
    ['has no version', 'application/json', '{"metadata":{},"items":[]}'],
    [
      'has an object without UID',
      'application/json',
      '{"metadata":{"resourceVersion":"1"},"items":[{"metadata":{"resourceVersion":"1"}}]}',
    ],
  ])('that %s is a problem that is said, and heals', async (_, type, body) => {
    await using api = await FakeApi.start();
    api.streams = false;
    api.add('a');
    api.once('list', (response) => {
      response.writeHead(200, { 'Content-Type': type });
      response.end(body);
    });
    await using mirror = new Mirror(api);
    await becomesSame(api, mirror);
    expect(mirror.reflector.state.errors.get('garbled')).toBe(1);
    expect(mirror.reflector.state.problem).toBeNull();
  });

  test('is not asked for more often than the limit says, whatever the server does', async () => {
    await using api = await FakeApi.start();
    api.add('a');
    await using mirror = new Mirror(api, { relistMs: 200, backoffBaseMs: 1, backoffCapMs: 1 });
    await synced(mirror);
    const storm = setInterval(() => {
      api.compact();
      api.end('reset');
    }, 5);
    await synced(mirror, 5);
    clearInterval(storm);
    const lists = api.seen.filter(({ kind }) => kind !== 'watch').map(({ atMs }) => atMs);
    const gaps = lists.slice(1).map((atMs, i) => atMs - lists[i]!);
    expect(Math.min(...gaps)).toBeGreaterThan(190);
  });

  test('leaves out what the projection leaves out, and what it throws at is removed and counted', async () => {
    await using api = await FakeApi.start();
    const [a, b] = [api.add('a'), api.add('b')];
    api.add('ignored', 'ignore');
    await using mirror = new Mirror(api);
    await synced(mirror);
    expect(mirror.reflector.state.objects).toBe(2);
    api.modify(a, 'ignore');
    api.modify(b, 'throw');
    await expect.poll(() => mirror.told, PATIENT).toEqual(['+a', '+b', 'synced', '-a', '-b']);
    expect(mirror.reflector.state.errors.get('projection')).toBe(1);
  });
});
