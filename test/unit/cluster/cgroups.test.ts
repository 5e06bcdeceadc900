import {
  accessSync,
  constants,
  mkdirSync,
  mkdtempSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { walkCgroups } from '../../../src/cluster/cgroup-walk.ts';
import { Cgroups } from '../../../src/cluster/cgroups.ts';
import { HostIdentity } from '../../../src/cluster/host-identity.ts';
import { systemClock } from '../../../src/util/clock.ts';
import { cgroup2Mount } from '../../hosts/cgroup.ts';

const MINUTE_MS = 60_000;

/** A directory tree in place of the cgroup mount: what is read of it (names, inode numbers) is the same. */
let root: string;
let now: number;
const clock = { tsMonoMs: () => now, tsWallMs: () => now };

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'cgroups-'));
  now = 1_000_000;
});

afterEach(() => rmSync(root, { recursive: true }));

/** Makes a cgroup, with a file in it as the kernel has, and returns its id. */
function make(path: string): number {
  mkdirSync(join(root, path), { recursive: true });
  writeFileSync(join(root, path, 'cgroup.procs'), '');
  return statSync(join(root, path)).ino;
}

describe('a cgroup id', () => {
  test('is named by the path of its directory', async () => {
    const nginx = make('system.slice/nginx.service');
    const web = make('lxc/web');
    const slice = make('system.slice');
    const cgroups = new Cgroups(root, { clock });
    expect(cgroups.name(nginx)).toBeUndefined();
    expect(await cgroups.learn([nginx, web])).toBe(true);
    expect(cgroups.name(nginx)).toEqual({ kind: 'unit', name: 'nginx.service' });
    expect(cgroups.name(web)).toEqual({ kind: 'container', name: 'web' });
    expect(cgroups.name(slice)).toBeNull();
    expect(cgroups.name(statSync(root).ino)).toBeNull();
    expect(cgroups.statistics).toMatchObject({ known: 5, walks: 1, missed: 0, truncated: false });
  });

  test('that is known costs no walk, nor does the id of no cgroup', async () => {
    const nginx = make('system.slice/nginx.service');
    const cgroups = new Cgroups(root, { clock });
    await cgroups.learn([nginx]);
    now += MINUTE_MS;
    expect(await cgroups.learn([nginx, 0])).toBe(true);
    expect(cgroups.statistics.walks).toBe(1);
  });

  test('that no walk finds is looked for once', async () => {
    const cgroups = new Cgroups(root, { clock });
    expect(await cgroups.learn([4_000_000_000])).toBe(true);
    now += MINUTE_MS;
    expect(await cgroups.learn([4_000_000_000])).toBe(true);
    expect(cgroups.name(4_000_000_000)).toBeNull();
    expect(cgroups.statistics).toMatchObject({ walks: 1, missed: 1 });
  });

  test('is not looked for at once after a walk, but soon', async () => {
    const cgroups = new Cgroups(root, { clock });
    await cgroups.learn([make('a.service')]);
    const late = make('b.service');
    expect(await cgroups.learn([late])).toBe(false);
    expect(cgroups.name(late)).toBeUndefined();
    now += 500;
    expect(await cgroups.learn([late])).toBe(true);
    expect(cgroups.name(late)).toEqual({ kind: 'unit', name: 'b.service' });
  });

  test('keeps its name for 15 minutes after the cgroup was removed', async () => {
    const gone = make('system.slice/job.service');
    const cgroups = new Cgroups(root, { clock });
    await cgroups.learn([gone]);
    const second = make('second.service');
    const third = make('third.service');
    rmSync(join(root, 'system.slice/job.service'), { recursive: true });
    now += MINUTE_MS;
    await cgroups.learn([second]);
    expect(cgroups.name(gone)).toEqual({ kind: 'unit', name: 'job.service' });
    now += 15 * MINUTE_MS - 1;
    await cgroups.learn([3_999_999_999]);
    expect(cgroups.name(gone)).toEqual({ kind: 'unit', name: 'job.service' });
    now += MINUTE_MS;
    await cgroups.learn([3_999_999_998]);
    expect(cgroups.name(gone)).toBeUndefined();
    expect(cgroups.name(third)).toEqual({ kind: 'unit', name: 'third.service' });
  });
});

describe('bounds', () => {
  test('no more cgroups are known than there is room for, and that is said', async () => {
    const ids = Array.from({ length: 20 }, (_, i) => make(`${i}.service`));
    const cgroups = new Cgroups(root, { clock, limit: 10 });
    await cgroups.learn(ids);
    expect(cgroups.statistics).toMatchObject({ known: 10, limit: 10, truncated: true });
    expect(ids.filter((id) => cgroups.name(id) !== undefined).length).toBeLessThanOrEqual(10);
  });

  test('the longest removed make room first', async () => {
    const cgroups = new Cgroups(root, { clock, limit: 4 });
    for (const id of [101, 102, 103, 104]) {
      await cgroups.learn([4_000_000_000 + id]);
      now += MINUTE_MS;
    }
    expect(cgroups.name(4_000_000_101)).toBeUndefined();
    expect(cgroups.name(4_000_000_104)).toBeNull();
    expect(cgroups.statistics.known).toBe(4);
  });
});

describe('a walk', () => {
  test('gives way to the event loop, and what is asked during it is told to ask again', async () => {
    for (let i = 0; i < 50; i++) make(`system.slice/${i}.service`);
    let pauses = 0;
    let made = 0;
    const cgroups = new Cgroups(root, {
      clock: { tsMonoMs: () => (now += 1), tsWallMs: () => now },
      pause: async () => {
        if (++pauses === 10) made = make('system.slice/late.service');
        await Promise.resolve();
      },
    });
    const first = cgroups.learn([4_000_000_000]);
    const answers = await Promise.all([
      first,
      cgroups.learn([4_000_000_001]),
      cgroups.learn([4_000_000_002]),
    ]);
    expect(pauses).toBeGreaterThan(15);
    expect(answers).toEqual([true, false, false]); // the second walk came too soon after the first
    now += MINUTE_MS;
    expect(await cgroups.learn([made])).toBe(true);
    expect(cgroups.name(made)).toEqual({ kind: 'unit', name: 'late.service' });
  });

  test('survives directories that go away under it', async () => {
    for (let i = 0; i < 200; i++) make(`system.slice/${i}.service/sub`);
    let pauses = 0;
    const result = await walkCgroups(root, {
      limit: 1000,
      nowMs: () => (now += 1),
      pause: async () => {
        rmSync(join(root, `system.slice/${pauses++}.service`), { recursive: true, force: true });
        await Promise.resolve();
      },
    });
    expect(pauses).toBeGreaterThan(50);
    expect(result.paths?.size).toBeGreaterThan(100);
  });

  test('of a mount that is gone keeps what was known', async () => {
    const nginx = make('nginx.service');
    const cgroups = new Cgroups(root, { clock });
    await cgroups.learn([nginx]);
    rmSync(root, { recursive: true });
    now += MINUTE_MS;
    await cgroups.learn([4_000_000_000]);
    mkdirSync(root);
    expect(cgroups.name(nginx)).toEqual({ kind: 'unit', name: 'nginx.service' });
  });
});

function of(identity: HostIdentity, cgroupId: number, comm: string): unknown {
  const end = { cgroupId, comm, netns: 1, address: '10.0.0.1', port: 0, protocol: 'tcp' as const };
  return identity.local(end).party;
}

describe('identity on a plain host', () => {
  test('is the container or unit, else the process, else unknown', async () => {
    const identity = new HostIdentity(new Cgroups(root, { clock }));
    const nginx = make('system.slice/nginx.service');
    const login = make('user.slice/user-1000.slice/session-3.scope');
    await identity.learn([nginx, login]);
    expect(of(identity, nginx, 'nginx')).toMatchObject({ kind: 'unit', name: 'nginx.service' });
    expect(of(identity, login, 'ssh')).toMatchObject({ kind: 'process', name: 'ssh' });
    expect(of(identity, 0, 'curl')).toMatchObject({ kind: 'process', name: 'curl' });
    expect(of(identity, login, '')).toMatchObject({ kind: 'unknown', name: '' });
    expect(of(identity, 4_000_000_000, '')).toMatchObject({ kind: 'unknown', name: '' });
  });

  test('without cgroup v2 is the process', async () => {
    const identity = new HostIdentity(new Cgroups(null, { clock }));
    expect(await identity.learn([17])).toBe(true);
    expect(of(identity, 17, 'curl')).toMatchObject({ kind: 'process', name: 'curl' });
  });
});

const mount = cgroup2Mount();

function writable(path: string | null): boolean {
  try {
    accessSync(path ?? '', constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

describe('the cgroup tree of this machine', () => {
  beforeEach((context) => {
    if (mount === null) context.skip('no cgroup v2 is mounted here');
  });

  test('is read whole', async () => {
    const { paths, truncated } = await walkCgroups(mount ?? '', {
      limit: 100_000,
      nowMs: () => performance.now(),
      pause: () => new Promise((resolve) => setImmediate(resolve)),
    });
    expect(truncated).toBe(false);
    expect(paths?.get(statSync(mount ?? '').ino)).toBe('/');
  });

  test('names a unit made just now', async (context) => {
    if (!writable(mount)) context.skip('the cgroup v2 tree cannot be written to');
    const slice = join(mount ?? '', `netc-test-${process.pid}.slice`);
    const unit = join(slice, 'netc\\x2dtest.service');
    mkdirSync(unit, { recursive: true });
    try {
      // bigint: that a double holds the id is part of what is tested
      const id = statSync(unit, { bigint: true }).ino;
      const cgroups = new Cgroups(mount, { clock: systemClock });
      await cgroups.learn([Number(id)]);
      expect(BigInt(Number(id))).toBe(id);
      expect(cgroups.name(Number(id))).toEqual({ kind: 'unit', name: 'netc-test.service' });
    } finally {
      rmdirSync(unit);
      rmdirSync(slice);
    }
  });
});
