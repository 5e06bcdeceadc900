import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  type CgroupSources,
  cgroupView,
  describeCgroupView,
  readCgroupView,
} from '../../../src/cluster/cgroup-view.ts';

/** A container in a cgroup and a cgroup namespace, with one cgroup2 mount whose root is `root` and has inode `ino`. */
function seen(root: string, own: string, ino: bigint, more: Partial<CgroupSources> = {}): CgroupSources {
  return {
    mountinfo: `830 801 0:29 ${root} /sys/fs/cgroup ro,relatime - cgroup2 cgroup2 rw,nsdelegate\n`,
    ownCgroups: `0::${own}\n`,
    inodeOf: (path) => (path === '/sys/fs/cgroup' ? ino : null),
    ...more,
  };
}

const NODE = { scope: 'node', layout: 'v2', mount: '/sys/fs/cgroup', nodeRootId: 4711n };
const OWN = { ...NODE, scope: 'own', nodeRootId: 0n };
const WHOLE = { ...NODE, scope: 'whole', nodeRootId: 0n };

describe('what is seen of the cgroup v2 tree', () => {
  test.each<[string, CgroupSources, object]>([
    ['a plain host', seen('/', '/system.slice/kube-netc.service', 1n), WHOLE],
    ['a shell of a plain host', seen('/', '/', 1n), WHOLE],
    ["a pod with the node's tree", seen('/../../../../..', '/', 1n), WHOLE],
    ['a pod of kind', seen('/../../../..', '/', 4711n), NODE],
    ['a pod of kind in a group of its own', seen('/../../../..', '/worker', 4711n), NODE],
    ['a process in a node of kind', seen('/', '/init.scope', 4711n), NODE],
    ['a unit in a container that runs systemd', seen('/', '/system.slice/kube-netc.service', 4711n), NODE],
    ['a pod without the tree of its node', seen('/', '/', 4711n), OWN],
    ['a container of Docker', seen('/', '/', 4711n), OWN],
    ['the cgroup of another container', seen('/../x.scope', '/', 4711n), OWN],
    ['a cgroup beside ours', seen('/a', '/ab', 4711n), OWN],
    ['ours, and we moved above it', seen('/', '/../y.scope', 4711n), OWN],
    ['a process without v2', seen('/', '/', 4711n, { ownCgroups: '1:cpu:/\n' }), OWN],
  ])('%s', (_, sources, view) => {
    expect(cgroupView(sources)).toEqual(view);
  });

  test('may be nothing', () => {
    const none = { scope: 'none', layout: 'none', mount: null, nodeRootId: 0n };
    expect(cgroupView(seen('/', '/', 1n, { mountinfo: '' }))).toEqual(none);
    expect(cgroupView(seen('/', '/', 1n, { inodeOf: () => null }))).toEqual({ ...none, layout: 'v2' });
  });

  test('is what we are told to look at', () => {
    const sources = seen('/', '/', 1n, { inodeOf: (path) => ({ '/a': 12n, '/': 1n })[path] ?? null });
    expect(cgroupView(sources, '/a')).toMatchObject({ scope: 'node', mount: '/a', nodeRootId: 12n });
    expect(cgroupView(sources, '/')).toMatchObject({ scope: 'whole', mount: '/', nodeRootId: 0n });
    expect(cgroupView(sources, '/b')).toMatchObject({ scope: 'none', mount: null, nodeRootId: 0n });
  });

  test('is said', () => {
    const hybrid = {
      mountinfo: `${seen('/', '/', 1n).mountinfo}31 23 0:28 / /c rw - cgroup cgroup rw,cpu\n`,
    };
    expect(describeCgroupView(cgroupView(seen('/', '/', 1n, hybrid)))).toBe(
      'mounted on /sys/fs/cgroup, beside cgroup v1',
    );
    expect(describeCgroupView(cgroupView(seen('/..', '/', 9n)))).toContain(
      'sockets outside of it are left out',
    );
  });
});

test('a directory that is no cgroup is no root', () => {
  const folder = mkdtempSync(join(tmpdir(), 'netc-view-'));
  expect(readCgroupView(folder)).toMatchObject({ scope: 'none', mount: null });
  expect(readCgroupView(join(folder, 'none'))).toMatchObject({ scope: 'none', mount: null });
  rmdirSync(folder);
});

test('the tree of this machine is understood', () => {
  const view = readCgroupView();
  expect(['whole', 'node', 'own', 'none']).toContain(view.scope);
  expect(view.nodeRootId !== 0n).toBe(view.scope === 'node');
});
