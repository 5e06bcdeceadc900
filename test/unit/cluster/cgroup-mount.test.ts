import { expect, test } from 'vitest';
import { cgroupLayout, findCgroup2Mount } from '../../../src/cluster/cgroup-mount.ts';

const UNIFIED =
  '25 29 0:23 / /sys rw,nosuid shared:7 - sysfs sysfs rw\n' +
  '34 25 0:29 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate\n';

const HYBRID =
  '31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n' +
  '35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n' +
  '41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n';

test('the cgroup2 mount is found on unified and on hybrid hosts', () => {
  expect(findCgroup2Mount(UNIFIED)?.path).toBe('/sys/fs/cgroup');
  expect(findCgroup2Mount(HYBRID)?.path).toBe('/sys/fs/cgroup/unified');
});

test('there may be none', () => {
  expect(findCgroup2Mount('')).toBeNull();
  expect(findCgroup2Mount(HYBRID.replace('cgroup2 cgroup2', 'cgroup cgroup'))).toBeNull();
  expect(findCgroup2Mount('35 31 0:32 / /mnt/cgroup2 rw - ext4 cgroup2 rw\n')).toBeNull();
  expect(findCgroup2Mount('nonsense - cgroup2\n')).toBeNull();
});

test('the whole tree goes before a part of it, a part before nothing', () => {
  const part = '50 1 0:29 /system.slice/x.service /mnt/part rw - cgroup2 cgroup2 rw\n';
  expect(findCgroup2Mount(part + UNIFIED)?.path).toBe('/sys/fs/cgroup');
  expect(findCgroup2Mount(part)?.path).toBe('/mnt/part');
});

test('optional fields and escaped blanks are read', () => {
  const line =
    '50 1 0:29 / /mnt/my\\040cgroups\\134x rw shared:1 master:2 propagate_from:3 - cgroup2 none rw\n';
  expect(findCgroup2Mount(line)?.path).toBe('/mnt/my cgroups\\x');
});

test("a container looks at the node's tree, not at its own cgroup", () => {
  // A pod in a cgroup namespace of its own, with the node's /sys/fs/cgroup as a hostPath.
  const own = '812 801 0:29 / /sys/fs/cgroup ro,nosuid,relatime - cgroup2 cgroup rw,nsdelegate\n';
  const node =
    '830 801 0:29 /../../../../.. /host/sys/fs/cgroup ro,relatime - cgroup2 cgroup2 rw,nsdelegate\n';
  const other = '831 801 0:29 /../../x.slice /mnt/x ro,relatime - cgroup2 cgroup2 rw\n';
  const expected = { path: '/host/sys/fs/cgroup', root: '/../../../../..' };
  expect(findCgroup2Mount(own + node + other)).toEqual(expected);
  expect(findCgroup2Mount(other + node + own)).toEqual(expected);
  expect(findCgroup2Mount(other + own)).toEqual({ path: '/sys/fs/cgroup', root: '/' });
  const hidden = '98 89 0:29 /../../.. /sys/fs/cgroup ro,relatime - cgroup2 cgroup rw\n';
  expect(findCgroup2Mount(hidden + own)).toEqual({ path: '/sys/fs/cgroup', root: '/' });
});

test('which hierarchies there are is told', () => {
  expect(cgroupLayout(UNIFIED)).toBe('v2');
  expect(cgroupLayout(HYBRID)).toBe('hybrid');
  expect(cgroupLayout(HYBRID.replace(/^.*cgroup2.*$/m, ''))).toBe('v1');
  expect(cgroupLayout('31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n')).toBe('none');
});
