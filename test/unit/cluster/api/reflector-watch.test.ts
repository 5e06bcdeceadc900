import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { ApiErrorKind } from '../../../../src/cluster/api/api-error.ts';
import { FakeApi, plainConfig } from './fake-api.ts';
import { becomesSame, Mirror, PATIENT, synced } from './mirror.ts';

async function watching(api: FakeApi, mirror: Mirror): Promise<void> {
  await synced(mirror);
  await expect.poll(() => api.watchers, PATIENT).toBe(1);
}

async function failedWith(mirror: Mirror, kind: ApiErrorKind): Promise<void> {
  await expect.poll(() => mirror.reflector.state.errors.get(kind) ?? 0, PATIENT).toBeGreaterThan(0);
}

describe('a watch', () => {
  test.each(['reset', 'cleanly'] as const)(
    'that ends early (%s) goes on where it was, without a list',
    async (how) => {
      await using api = await FakeApi.start();
      const a = api.add('a');
      await using mirror = new Mirror(api);
      await watching(api, mirror);
      const last = api.modify(a, 'a2');
      await becomesSame(api, mirror);
      api.end(how);
      api.remove(a); // while nobody looks
      api.add('b');
      await becomesSame(api, mirror);
      const watch = api.seen.find(({ kind }) => kind === 'watch');
      expect(watch?.url.searchParams.get('resourceVersion')).toBe(last.metadata.resourceVersion);
      expect(mirror.syncs).toBe(1);
      expect(mirror.reflector.state.errors.get(how === 'reset' ? 'reset' : 'ended')).toBe(1);
      expect(mirror.reflector.state).toMatchObject({ restarts: 1, problem: null });
    },
  );

  test('goes on from the last bookmark', async () => {
    await using api = await FakeApi.start();
    api.add('a');
    await using mirror = new Mirror(api);
    await watching(api, mirror);
    api.compact(); // what the list had is too old now
    api.bookmark();
    await sleep(20);
    api.end('cleanly');
    api.add('b');
    await becomesSame(api, mirror);
    expect([mirror.syncs, api.count('watch')]).toEqual([1, 1]);
  });

  test('that is over in its time is begun again at once, and is no failure', async () => {
    await using api = await FakeApi.start();
    await using mirror = new Mirror(api, { listWatchMs: 100, backoffBaseMs: 60_000, backoffCapMs: 60_000 });
    await watching(api, mirror);
    expect(api.seen[0]!.url.searchParams.get('timeoutSeconds')).toBe('1');
    api.end('cleanly');
    await expect.poll(() => api.count('watch'), PATIENT).toBe(1);
    expect(mirror.reflector.state.errors.size).toBe(0);
  });

  test('asks for five to ten minutes, another time each', async () => {
    await using api = await FakeApi.start();
    let random = 0;
    await using mirror = new Mirror(api, { watchMs: 300_000, listWatchMs: 300_000 }, api.config, {
      random: () => (random += 0.01),
    });
    await watching(api, mirror);
    api.end('reset');
    await expect.poll(() => api.count('watch'), PATIENT).toBe(1);
    const asked = api.seen.map(({ url }) => Number(url.searchParams.get('timeoutSeconds')));
    expect(asked.every((seconds) => seconds >= 300 && seconds <= 600)).toBe(true);
    expect(new Set(asked).size).toBe(2);
  });

  test.each(['an answer', 'an event'])(
    'that is 410 by %s ends in a list, told as a difference',
    async (how) => {
      await using api = await FakeApi.start();
      const [, b, c] = ['a', 'b', 'c'].map((name) => api.add(name));
      await using mirror = new Mirror(api);
      await watching(api, mirror);
      api.silence();
      api.remove(b!);
      api.modify(c!, 'c2');
      api.add('d');
      let smallest = Infinity;
      const look = setInterval(() => (smallest = Math.min(smallest, mirror.kept.size)), 0);
      if (how === 'an answer') {
        api.compact();
        api.end('reset');
      } else {
        api.once('watch', (response) => {
          response.writeHead(200, { 'Content-Type': 'application/json' });
          response.end('{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired"}}\n');
        });
        api.end('reset');
      }
      await synced(mirror, 2);
      await becomesSame(api, mirror);
      clearInterval(look);
      expect(mirror.told.filter((each) => each.startsWith('-'))).toEqual(['-b']);
      expect(smallest).toBeGreaterThanOrEqual(3); // never empty in between
      expect(mirror.reflector.state.errors.get('gone')).toBe(1);
    },
  );

  test.each([
    ['half an event', '{"type":"ADDED","object":{"metadata":{"uid":"x"', 'garbled'],
    ['no JSON', 'what\n', 'garbled'],
    ['no object', '7\n', 'garbled'],
    [
      'an unknown type',
      '{"type":"RENAMED","object":{"metadata":{"uid":"u","resourceVersion":"7"}}}\n',
      'garbled',
    ],
    ['an object without a version', '{"type":"ADDED","object":{"metadata":{"uid":"u"}}}\n', 'garbled'],
    ['an ERROR event', '{"type":"ERROR","object":{"kind":"Status","code":500,"message":"etcd"}}\n', 'server'],
    ['an ERROR event without Status', '{"type":"ERROR","object":{}}\n', 'garbled'],
  ] as const)('with %s goes on before it, and nothing of it is taken', async (_, text, kind) => {
    await using api = await FakeApi.start();
    api.add('a');
    await using mirror = new Mirror(api);
    await watching(api, mirror);
    api.raw(text);
    api.end('cleanly');
    api.add('b');
    await becomesSame(api, mirror);
    await failedWith(mirror, kind);
    expect(mirror.syncs).toBe(1);
  });

  test('with an event over the limit is given up with a clear problem, and the set is listed', async () => {
    await using api = await FakeApi.start();
    const a = api.add('a');
    await using mirror = new Mirror(api);
    await watching(api, mirror);
    const problems = new Set<string | null>();
    const look = setInterval(() => problems.add(mirror.reflector.state.problem), 0);
    const big = api.modify(a, 'x'.repeat(3 * 1024 * 1024));
    await failedWith(mirror, 'too_large');
    api.modify(big, 'small again');
    await synced(mirror, 2);
    await becomesSame(api, mirror);
    clearInterval(look);
    expect(api.count('watch')).toBe(0); // which would have told the same again
    expect([...problems]).toContain('things: the watch has an event of more than 3145728 bytes');
  });

  test('that tells nothing is begun again, without a list', async () => {
    await using api = await FakeApi.start();
    api.add('a');
    await using mirror = new Mirror(api, { silenceMs: 100 });
    await watching(api, mirror);
    api.silence();
    api.add('b');
    await becomesSame(api, mirror);
    await failedWith(mirror, 'silent');
    expect(mirror.syncs).toBe(1);
  });

  test('that told nothing is said to have been lost before anything that it held back, however soon that comes', async () => {
    await using api = await FakeApi.start();
    api.add('a');
    await using mirror = new Mirror(api, { silenceMs: 100, backoffBaseMs: 0 });
    await watching(api, mirror);
    api.silence();
    api.add('b');
    await becomesSame(api, mirror);
    expect(mirror.told).toEqual(['+a', 'synced', '+b']);
    const [loss] = mirror.losses;
    expect(loss?.told).toBe(2);
    expect(loss?.heardAgoMs).toBeGreaterThan(90); // timers come up to a millisecond early
  });

  test('that goes on in silence when its time is over is begun again, without a list', async () => {
    await using api = await FakeApi.start();
    api.add('a');
    await using mirror = new Mirror(api, { watchMs: 50, overdueMs: 50 });
    await watching(api, mirror);
    api.end('reset'); // of the watch that has listed
    await expect.poll(() => api.count('watch'), PATIENT).toBe(1);
    api.silence();
    api.add('b');
    await becomesSame(api, mirror);
    await failedWith(mirror, 'silent');
    expect(mirror.syncs).toBe(1);
  });

  test('that the server ends in its time was well, though nothing happened', async () => {
    await using api = await FakeApi.start();
    await using mirror = new Mirror(api, { silenceMs: 4_000, watchMs: 2_400 }); // far longer than a busy machine rests
    await watching(api, mirror);
    api.silence();
    await failedWith(mirror, 'silent');
    expect(mirror.reflector.state.problemKind).toBe('silent');
    // by what was asked: the server may not have heard yet that the silent one was given up
    await expect.poll(() => api.count('watch'), PATIENT).toBeGreaterThan(0);
    api.end('cleanly');
    await expect.poll(() => mirror.reflector.state.problem, PATIENT).toBeNull();
    expect(mirror.reflector.state.heardAgoMs).toBeLessThan(4_000);
    expect(mirror.syncs).toBe(1);
  });

  test('that sends white space tells nothing', async () => {
    await using api = await FakeApi.start();
    await using mirror = new Mirror(api, { silenceMs: 100 });
    await watching(api, mirror);
    const blank = setInterval(() => api.raw('\n'), 10);
    await failedWith(mirror, 'silent');
    clearInterval(blank);
  });

  test('whose answer never begins is given up too', async () => {
    await using api = await FakeApi.start();
    await using mirror = new Mirror(api, { silenceMs: 100 });
    await watching(api, mirror);
    api.once('watch', () => undefined);
    api.end('reset');
    await expect.poll(() => api.count('watch'), PATIENT).toBe(2);
    await failedWith(mirror, 'silent');
  });

  test('that bookmarks keep alive is left alone', { retry: 2 }, async () => {
    await using api = await FakeApi.start();
    await using mirror = new Mirror(api, { silenceMs: 2_000 });
    await watching(api, mirror);
    // a machine that stands still for two seconds makes a silence of its own: hence the retry
    const tick = setInterval(() => api.bookmark(), 100);
    await sleep(3_000);
    clearInterval(tick);
    expect(mirror.reflector.state.heardAgoMs).toBeLessThan(2_000);
    expect(mirror.reflector.state.restarts).toBe(0);
  });

  test('that fails five times before it told anything is followed by a list', async () => {
    await using api = await FakeApi.start();
    await using mirror = new Mirror(api);
    await watching(api, mirror);
    for (let i = 0; i < 5; i++) api.fail('watch', 500);
    api.end('reset');
    await synced(mirror, 2);
    expect(api.count('watch')).toBe(5);
  });
});

describe('a server that is away for long', () => {
  test.each(['reset', '503', '429', '401', '403'])(
    'is not asked for a list when it is back: %s',
    async (how) => {
      await using api = await FakeApi.start();
      api.add('a');
      await using mirror = new Mirror(api);
      await watching(api, mirror);
      for (let i = 0; i < 12; i++) {
        if (how !== 'reset') api.fail('watch', Number(how));
        else api.once('watch', (response) => void response.socket?.resetAndDestroy());
      }
      api.end('reset');
      api.add('b');
      await becomesSame(api, mirror);
      expect(api.count('watch')).toBe(13);
      expect(mirror.syncs).toBe(1);
    },
  );
});

describe('a reflector', () => {
  test('that finds nobody at its start heals once there is a server', async () => {
    const probe = await FakeApi.start();
    const { port } = probe;
    await probe[Symbol.asyncDispose]();
    await using mirror = new Mirror(probe, {}, plainConfig(`http://127.0.0.1:${port}`));
    await failedWith(mirror, 'connect');
    expect(mirror.reflector.state).toMatchObject({ synced: false, heardAgoMs: null });
    expect(mirror.reflector.state.problem).toMatch(/^things: connect ECONNREFUSED/);
    await using api = await FakeApi.start(port);
    api.add('a');
    await expect.poll(() => mirror.values(), PATIENT).toEqual(api.values());
    expect(mirror.reflector.state.problem).toBeNull();
  });

  test('whose server has no name says so', async () => {
    await using api = await FakeApi.start();
    await using mirror = new Mirror(api, {}, plainConfig('http://no-such-host.invalid'));
    await failedWith(mirror, 'dns');
    expect(mirror.reflector.state.problemKind).toBe('dns');
  });

  test.each([
    ['stream', 'list', 'ClusterRole needs: watch things'],
    ['list', 'list', 'ClusterRole needs: list things'],
  ] as const)('that is forbidden a %s names the missing rule, and heals', async (kind, _, rule) => {
    await using api = await FakeApi.start();
    api.streams = kind === 'stream';
    api.add('a');
    let forbidden = true;
    const forbid = (): void =>
      api.once(kind, (response) => {
        response.writeHead(forbidden ? 403 : 500, { 'Content-Type': 'application/json' });
        response.end('{"kind":"Status","code":403,"message":"User cannot"}');
        if (forbidden) forbid();
      });
    forbid();
    await using mirror = new Mirror(api);
    await failedWith(mirror, 'forbidden');
    await expect.poll(() => mirror.reflector.state.problem, PATIENT).toBe(`things: ${rule}`);
    forbidden = false;
    await becomesSame(api, mirror);
  });

  test.each([
    ['429 in the answer', 429, 'throttled'],
    ['503 in the answer', 503, 'server'],
  ] as const)('waits as long as Retry-After says: %s', async (_, code, kind) => {
    await using api = await FakeApi.start();
    api.fail('stream', code, { 'Retry-After': '1' });
    await using mirror = new Mirror(api);
    await synced(mirror);
    expect(mirror.reflector.state.errors.get(kind)).toBe(1);
    expect(api.seen[1]!.atMs - api.seen[0]!.atMs).toBeGreaterThanOrEqual(990);
  });

  test('waits as long as an ERROR event says', async () => {
    await using api = await FakeApi.start();
    await using mirror = new Mirror(api);
    await watching(api, mirror);
    const fromMs = performance.now();
    api.error(429, 1);
    await expect.poll(() => api.count('watch'), PATIENT).toBe(1);
    expect(api.seen[1]!.atMs - fromMs).toBeGreaterThanOrEqual(990);
  });

  test('waits longer and longer, and not for ever', async () => {
    await using api = await FakeApi.start();
    for (let i = 0; i < 12; i++) api.fail(i % 3 === 2 ? 'list' : 'stream', 500);
    await using mirror = new Mirror(api, { backoffBaseMs: 10, backoffCapMs: 160 }, api.config, {
      random: () => 0.999,
    });
    await synced(mirror);
    const gaps = api.seen.slice(1).map(({ atMs }, i) => atMs - api.seen[i]!.atMs);
    for (const [i, limit] of [10, 20, 40, 80, 160, 160].entries()) {
      expect(gaps[i]).toBeGreaterThanOrEqual(limit - 2);
    }
    expect(mirror.reflector.state.errors.get('server')).toBeGreaterThanOrEqual(11);
  });

  test('looks at the clock of the wall for nothing', async () => {
    await using api = await FakeApi.start();
    api.add('a');
    const clock = {
      tsMonoMs: () => performance.now(),
      tsWallMs: () => {
        throw new Error('it jumps');
      },
    };
    await using mirror = new Mirror(api, {}, api.config, { clock });
    await watching(api, mirror);
    api.end('reset');
    api.add('b');
    await becomesSame(api, mirror);
  });

  test('uses one connection, list and watches', async () => {
    await using api = await FakeApi.start();
    api.streams = false;
    for (let i = 0; i < 1_200; i++) api.add(`thing-${i}`);
    await using mirror = new Mirror(api);
    await watching(api, mirror);
    expect(api.connections).toBe(1);
    api.end('cleanly');
    await expect.poll(() => api.count('watch'), PATIENT).toBe(2);
    expect(new Set(api.seen.map(({ socket }) => socket)).size).toBe(1);
  });

  test('tells nothing any more once it is stopped', async () => {
    await using api = await FakeApi.start();
    const a = api.add('a');
    const mirror = new Mirror(api);
    await watching(api, mirror);
    const told = [...mirror.told];
    await mirror.reflector.stop();
    expect(mirror.reflector.state.phase).toBe('stopped');
    await expect.poll(() => api.connections, PATIENT).toBe(0);
    api.remove(a);
    await sleep(50);
    expect(mirror.told).toEqual(told);
  });

  test('that is stopped while it waits, or lists, is stopped at once', async () => {
    await using api = await FakeApi.start();
    api.fail('stream', 503, { 'Retry-After': '60' });
    const waiting = new Mirror(api);
    await failedWith(waiting, 'server');
    await waiting.reflector.stop();
    await expect.poll(() => api.connections, PATIENT).toBe(0); // the idle one too
    await waiting[Symbol.asyncDispose]();
    api.once('stream', () => undefined);
    const listing = new Mirror(api);
    await expect.poll(() => api.count('stream'), PATIENT).toBe(2);
    await listing[Symbol.asyncDispose]();
    expect([waiting.syncs, listing.syncs]).toEqual([0, 0]);
  });
});
