import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseCgroupPath, unescapeUnit } from '../../../src/cluster/cgroup-path.ts';

const ID = '3f4d9c6b5a7e8f90123456789abcdef03f4d9c6b5a7e8f90123456789abcdef0';
const OTHER = '0123456789abcdef'.repeat(4);
const SHORT = '3f4d9c6b5a7e';

describe('a container', () => {
  test.each([
    [`/system.slice/docker-${ID}.scope`, SHORT],
    [`/docker/${ID}`, SHORT],
    [`/user.slice/user-1000.slice/user@1000.service/user.slice/docker-${ID}.scope`, SHORT],
    [`/machine.slice/libpod-${ID}.scope/container`, SHORT],
    [`/machine.slice/libpod-${ID}.scope`, SHORT],
    [`/libpod_parent/libpod-${ID}`, SHORT],
    [`/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-${ID}.scope`, SHORT],
    [`/system.slice/nerdctl-${ID}.scope`, SHORT],
    [`/default/${ID}`, SHORT],
    [`/ecs/0123456789abcdef0123456789abcdef/${ID}`, SHORT],
    [`/../../docker/${ID}`, SHORT],
    ['/lxc/web', 'web'],
    ['/lxc.payload.web-1', 'web-1'],
    ['/lxc.payload/web', 'web'],
    ['/lxc.payload.web/system.slice/nginx.service', 'web'],
    ['/machine.slice/systemd-nspawn@build\\x2dbox.service', 'build-box'],
    ['/machine.slice/systemd-nspawn@box.service/payload/system.slice/ssh.service', 'box'],
    ['/machine.slice/machine-box.scope', 'box'],
    ['/machine.slice/machine-qemu\\x2d3\\x2dubuntu\\x2d24.04.scope/libvirt/emulator', 'ubuntu-24.04'],
    ['/machine.slice/machine-lxc\\x2d12\\x2dweb.scope', 'web'],
  ])('%s is %s', (path, name) => {
    expect(parseCgroupPath(path)).toEqual({ kind: 'container', name });
  });

  test('inside a container is the one that is named', () => {
    expect(parseCgroupPath(`/docker/${OTHER}/docker/${ID}`)).toEqual({ kind: 'container', name: SHORT });
  });

  test('goes before the unit that runs in it', () => {
    expect(parseCgroupPath(`/docker/${ID}/system.slice/nginx.service`)).toEqual({
      kind: 'container',
      name: SHORT,
    });
  });

  test('is only what has the whole id', () => {
    expect(parseCgroupPath(`/docker/${ID.slice(1)}`)).toBeNull();
    expect(parseCgroupPath(`/docker/${ID}0`)).toBeNull();
    expect(parseCgroupPath(`/docker/${ID.toUpperCase()}`)).toBeNull();
    expect(parseCgroupPath('/lxc.monitor.web')).toBeNull();
    expect(parseCgroupPath(`/machine.slice/libpod-conmon-${ID}.scope`)).toBeNull();
    expect(parseCgroupPath(`/system.slice/crio-conmon-${ID}.scope`)).toBeNull();
  });
});

describe('a systemd unit', () => {
  test.each([
    ['/system.slice/nginx.service', 'nginx.service'],
    ['/init.scope', 'init.scope'],
    ['/system.slice/system-foo.slice/foo@1.service', 'foo@1.service'],
    ['/system.slice/system-getty.slice/getty@tty1.service', 'getty@tty1.service'],
    ['/system.slice/docker.service', 'docker.service'],
    ['/system.slice/containerd.service/supervisor', 'containerd.service'],
    ['/system.slice/systemd\\x2djournald.service', 'systemd-journald.service'],
    ['/system.slice/_cpu.service', 'cpu.service'],
    ['/user.slice/user-1000.slice/user@1000.service/app.slice/app-xyz.scope', 'app-xyz.scope'],
    [
      '/user.slice/user-1000.slice/user@1000.service/app.slice/app-gnome-firefox-12345.scope',
      'app-gnome-firefox.scope',
    ],
    [
      '/user.slice/user-1000.slice/user@1000.service/app.slice/app-org.kde.kate-0f6b5a7e.scope',
      'app-org.kde.kate.scope',
    ],
    [
      '/user.slice/user-1000.slice/user@1000.service/app.slice/app-org.kde.dolphin@0123456789abcdef0123456789abcdef.service',
      'app-org.kde.dolphin.service',
    ],
    ['/user.slice/user-1000.slice/user@1000.service/app.slice/pipewire.service', 'pipewire.service'],
    ['/user.slice/user-1000.slice/user@1000.service/init.scope', 'user@1000.service'],
    ['/user.slice/user-1000.slice/user@1000.service', 'user@1000.service'],
    ['/system.slice/slurmstepd.scope/job_5/step_0/user/task_0', 'slurmstepd.scope'],
    ['/openrc.sshd', 'sshd'],
  ])('%s is %s', (path, name) => {
    expect(parseCgroupPath(path)).toEqual({ kind: 'unit', name });
  });
});

describe('no name', () => {
  test.each([
    ['/', 'the root'],
    ['', 'nothing'],
    ['/user.slice/user-1000.slice/session-3.scope', 'a login: the process says more'],
    ['/user.slice/user-1000.slice/session-c1.scope', 'a greeter'],
    ['/system.slice/run-u42.service', 'a run of systemd-run'],
    ['/system.slice/run-r0123456789abcdef0123456789abcdef.scope', 'a run of systemd-run'],
    ['/system.slice/run-p1234-i5678.service', 'a run of systemd-run, since 257'],
    [
      '/user.slice/user-1000.slice/user@1000.service/app.slice/vte-spawn-0a4a2c8f-5d0b-4c39-b3c2-0a4a2c8f7e11.scope',
      'a terminal',
    ],
    ['/system.slice', 'a slice'],
    ['/my-group/child', 'a group that somebody made by hand'],
    ['/kubepods.slice/kubepods-burstable.slice', 'a slice of pods'],
  ])('%s (%s)', (path) => {
    expect(parseCgroupPath(path)).toBeNull();
  });
});

test("systemd's escapes are bytes of UTF-8", () => {
  expect(unescapeUnit('a\\x2db')).toBe('a-b');
  expect(unescapeUnit('caf\\xc3\\xa9.service')).toBe('café.service');
  expect(unescapeUnit('a\\x2')).toBe('a\\x2');
  expect(unescapeUnit('a\\xff')).toBe('a\ufffd');
});

test('any path is read in no time and without an error', () => {
  const segment = fc.oneof(
    fc.string(),
    fc.constantFrom(
      'lxc',
      'system.slice',
      'a.service',
      '..',
      'machine-',
      'app-',
      'kubepods-pod9d1f0c5e_5d0b_4c39_b3c2_0a4a2c8f7e11.slice',
      `docker-${ID}.scope`,
      '\\x2d',
    ),
    fc.string({ unit: fc.constantFrom('a', '-', '0', 'f', '.', ':', '\\x2d', '@'), maxLength: 300 }),
  );
  fc.assert(
    fc.property(fc.array(segment), (segments) => {
      const name = parseCgroupPath(`/${segments.join('/')}`);
      expect(name === null || (name.kind === 'pod' ? name.podUid : name.name).length > 0).toBe(true);
    }),
    { numRuns: 2000 },
  );
});
