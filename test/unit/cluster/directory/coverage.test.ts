import { beforeEach, describe, expect, test } from 'vitest';
import { pod, service, World } from './world.ts';

let world: World;
beforeEach(() => {
  world = new World();
});

const at = (atMs: number) => world.directory.remote('10.1.0.5', 0, 'tcp', atMs);

describe('before the first list is complete', () => {
  test('nobody is named, and all answers are to be asked for again', () => {
    const networkMs = world.nowMs - 600_000;
    world.directory.pods.upsert(pod({ name: 'web', startedMs: networkMs - 5000, networkMs }));
    const atMs = world.nowMs - 300_000;
    world.pass(60_000);
    expect(at(atMs)).toMatchObject({ kind: 'unknown', final: false });
    world.directory.pods.synced();
    world.pass(2000);
    expect(at(atMs)).toMatchObject({ kind: 'pod', name: 'web', final: true });
    expect(world.directory.takeChanges().all).toBe(true);
  });

  test('of one kind, those of others are named', () => {
    world.directory.pods.upsert(pod({ name: 'web' }));
    world.directory.pods.synced();
    const atMs = world.pass(10_000);
    world.pass(2000);
    expect(at(atMs)).toMatchObject({ name: 'web', final: true });
    expect(world.directory.remote('10.1.0.6', 0, 'tcp', atMs - 60_000)).toMatchObject({
      kind: 'unknown',
      final: false,
    });
    expect(world.directory.synced).toBe(false);
  });
});

describe('of a time before the first list', () => {
  test('a pod is named from when its sandbox surely had its network', () => {
    const networkMs = world.nowMs - 600_000;
    world.directory.pods.upsert(pod({ name: 'web', startedMs: networkMs - 5000, networkMs }));
    world.directory.pods.synced();
    world.pass(60_000);
    expect(at(networkMs + 2999)).toMatchObject({ kind: 'unknown' }); // it may have been another's
    expect(at(networkMs + 3000)).toMatchObject({ kind: 'pod', name: 'web' });
  });

  test('a pod that does not tell that is not named', () => {
    world.directory.pods.upsert(pod({ name: 'web', startedMs: world.nowMs - 600_000 }));
    const seenMs = Math.ceil(world.nowMs);
    world.directory.pods.synced();
    world.pass(60_000);
    expect(at(seenMs - 1)).toMatchObject({ kind: 'unknown' });
    expect(at(seenMs)).toMatchObject({ name: 'web' });
  });

  test('a Service is named on its cluster address since it was made, on others since it was told', () => {
    const createdMs = world.nowMs - 600_000;
    world.directory.services.upsert(service({ name: 'web', createdMs, externalAddresses: ['203.0.113.9'] }));
    world.directory.services.synced();
    world.pass(60_000);
    const kind = (address: string, atMs: number) => world.directory.remote(address, 80, 'tcp', atMs).kind;
    expect(kind('10.96.0.10', createdMs + 3000)).toBe('service');
    expect(kind('10.96.0.10', createdMs + 2999)).toBe('unknown');
    expect(kind('203.0.113.9', createdMs + 300_000)).toBe('unknown');
    expect(kind('203.0.113.9', createdMs + 610_000)).toBe('service');
  });
});

describe('while the watch is lost', () => {
  beforeEach(() => {
    world.listed();
    world.directory.pods.upsert(pod({ name: 'web', uid: 'u1' }));
  });

  test('younger moments have to wait; older ones are answered as ever', () => {
    const before = world.pass(60_000);
    world.pass(2000);
    world.directory.pods.lost(0);
    const during = world.pass(60_000);
    world.pass(2000);
    expect(at(before)).toMatchObject({ name: 'web', final: true });
    expect(at(during)).toMatchObject({ kind: 'unknown', final: false });
    world.directory.pods.whole();
    expect(at(during)).toMatchObject({ kind: 'unknown', final: false }); // what was held back comes now
    world.pass(2000);
    expect(at(during)).toMatchObject({ name: 'web', final: true }); // it was there before, and is still
  });

  test('what is found gone by a list afterwards may have ended at any moment since', () => {
    const before = world.pass(60_000);
    world.pass(4000);
    world.directory.pods.lost(1000);
    const during = world.pass(30_000);
    world.pass(30_000);
    world.directory.pods.remove('u1');
    world.directory.pods.synced();
    world.pass(60_000);
    expect(at(before)).toMatchObject({ name: 'web' });
    expect(at(during)).toMatchObject({ kind: 'unknown', final: true });
  });

  test('who came in between is named only from when it was told, or surely was there', () => {
    world.directory.pods.remove('u1');
    world.pass(60_000);
    world.directory.pods.lost(0);
    const networkMs = Math.floor(world.pass(20_000) / 1000) * 1000;
    world.pass(20_000);
    world.directory.pods.upsert(pod({ name: 'new', startedMs: networkMs - 10_000, networkMs }));
    world.directory.pods.whole();
    world.pass(30_000);
    expect(at(networkMs - 1000)).toMatchObject({ kind: 'unknown' });
    expect(at(networkMs + 3000)).toMatchObject({ name: 'new' });
  });

  test('another may have come shortly before, and gone without a trace', () => {
    world.directory.pods.remove('u1');
    world.pass(60_000);
    const startedMs = Math.floor(world.nowMs / 1000) * 1000;
    world.pass(startedMs + 3000 - world.nowMs);
    world.directory.pods.lost(0);
    world.pass(60_000);
    world.directory.pods.upsert(pod({ name: 'new', startedMs }));
    world.directory.pods.synced();
    world.pass(60_000);
    expect(at(startedMs)).toMatchObject({ kind: 'unknown', final: true });
  });

  test('saying once more that it is whole changes nothing', () => {
    world.directory.pods.lost(0);
    world.pass(5000);
    for (let i = 0; i < 10; i++) {
      world.directory.pods.whole();
      world.pass(500);
    }
    expect(at(world.nowMs - 2000)).toMatchObject({ name: 'web' });
  });

  test('a list that comes without a loss being told counts as one', () => {
    world.pass(60_000);
    const startedMs = world.nowMs - 20_000;
    world.directory.pods.upsert(pod({ name: 'new', addresses: ['10.1.0.6'], startedMs }));
    world.directory.pods.synced();
    world.pass(60_000);
    const { kind } = world.directory.remote('10.1.0.6', 0, 'tcp', startedMs + 10_000);
    expect(kind).toBe('unknown'); // another may have had it, and gone
    expect(at(startedMs)).toMatchObject({ name: 'web' });
  });

  test('many losses are remembered as one', () => {
    for (let i = 0; i < 40; i++) {
      world.directory.pods.lost(0);
      world.pass(20_000);
      world.directory.pods.whole();
      world.pass(40_000);
    }
    const atMs = world.pass(0);
    world.pass(5000);
    expect(at(atMs)).toMatchObject({ name: 'web' });
  });
});

test('a jump of the wall clock moves what was heard and what is asked for alike', () => {
  world.listed();
  world.directory.pods.upsert(pod({ name: 'old', uid: 'u1', startedMs: world.nowMs - 60_000 }));
  const connectedMono = world.monoMs + 30_000;
  world.pass(60_000);
  world.directory.pods.remove('u1');
  world.pass(60_000);
  world.offsetMs += 7 * 24 * 3_600_000; // it was a week behind, and the nodes were not
  world.directory.pods.upsert(pod({ name: 'new', startedMs: world.nowMs }));
  const laterMono = world.monoMs + 1000;
  world.pass(60_000);
  expect(at(connectedMono + world.offsetMs)).toMatchObject({ name: 'old' });
  expect(at(laterMono + world.offsetMs)).toMatchObject({ name: 'new' });
});
