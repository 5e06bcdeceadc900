import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FakeApi, type Thing } from './fake-api.ts';
import { becomesSame, Mirror } from './mirror.ts';

/** What may happen to a server and to the way there. Numbers choose an object or a moment. */
const STEPS = [
  'add',
  'add',
  'modify',
  'remove',
  'remove and add by the same name',
  'bookmark',
  'reset',
  'end',
  'half',
  'garble',
  'compact',
  'gone event',
  'error event',
  'silence',
  'refuse a list',
  'refuse a watch',
  'cut a list',
  'toggle streaming',
  'pause',
] as const;

type Step = readonly [what: (typeof STEPS)[number], number: number];

function cutList(api: FakeApi): void {
  for (const kind of ['list', 'stream'] as const) {
    api.once(kind, (response) => {
      response.writeHead(200, { 'Content-Type': 'application/json' });
      const first = JSON.stringify([...api.things.values()][0] ?? {});
      response.write(kind === 'list' ? `{"items":[${first},` : `{"type":"ADDED","object":${first}}\n`);
      setTimeout(() => response.socket?.resetAndDestroy(), 2);
    });
  }
}

function pick(api: FakeApi, number: number): Thing | undefined {
  const things = [...api.things.values()];
  return things[number % things.length];
}

function change(api: FakeApi, [what, number]: Step): void {
  const thing = pick(api, number);
  if (what === 'add') api.add(`thing-${number}`);
  else if (thing === undefined) return;
  else if (what === 'modify') api.modify(thing, `changed-${number}`);
  else if (what === 'remove') api.remove(thing);
  else if (what === 'remove and add by the same name') {
    api.remove(thing);
    api.add(thing.metadata.name, `again-${number}`);
  }
}

function disturb(api: FakeApi, [what, number]: Step): void {
  if (what === 'bookmark') api.bookmark();
  else if (what === 'reset') api.end('reset');
  else if (what === 'end') api.end('cleanly');
  else if (what === 'half') {
    const line = JSON.stringify({ type: 'DELETED', object: pick(api, number) ?? {} });
    api.raw(line.slice(0, number % line.length));
    api.end('cleanly');
  } else if (what === 'garble') api.raw('}{"type":"DELETED"\n');
  else if (what === 'compact') {
    api.compact();
    api.end('reset');
  } else if (what === 'gone event') api.error(410);
  else if (what === 'error event') api.error(500);
  else if (what === 'silence') api.silence();
  else if (what === 'refuse a list') api.fail('list', 500);
  else if (what === 'refuse a watch') api.fail('watch', 503);
  else if (what === 'cut a list') cutList(api);
  else if (what === 'toggle streaming') api.streams = !api.streams;
}

const step = fc.tuple(fc.constantFrom(...STEPS), fc.nat(1_000));

test('whatever happens on the way, the set becomes the server’s, and nothing was removed that the server had', async () => {
  const relists: number[] = [];
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60 }), async (steps) => {
      await using api = await FakeApi.start();
      for (let i = 0; i < 5; i++) api.add(`first-${i}`);
      await using mirror = new Mirror(api, {
        silenceMs: 150,
        relistMs: 2,
        backoffBaseMs: 2,
        backoffCapMs: 20,
        streamingAgainMs: 5,
      });
      for (const each of steps) {
        change(api, each);
        disturb(api, each);
        if (each[1] % 3 === 0) await sleep(each[0] === 'pause' ? 30 : 3);
      }
      await becomesSame(api, mirror);
      relists.push(mirror.syncs);
    }),
    { numRuns: 25, interruptAfterTimeLimit: 12_000, markInterruptAsFailure: false },
  );
  expect(relists.length).toBeGreaterThan(2);
  expect(Math.max(...relists)).toBeGreaterThan(1); // or it has shown nothing
}, 90_000);
