import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const root = resolve(import.meta.dirname, '../../..');
const NEEDED = 'sh sed tr awk paste head find readlink dirname mkdir cat grep sha256sum cut id'.split(' ');

let dir = '';

beforeAll(() => {
  // A machine that has the tools of every distribution and nothing else: no compiler, no package manager.
  dir = mkdtempSync(join(tmpdir(), 'kube-netc-setup-'));
  mkdirSync(join(dir, 'bin'));
  for (const name of NEEDED) {
    const path = spawnSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).stdout.trim();
    symlinkSync(path, join(dir, 'bin', name));
  }
});

afterAll(() => {
  rmSync(dir, { recursive: true, force: true });
});

function setUp(osRelease: string): { status: number | null; text: string } {
  const file = join(dir, 'os-release');
  writeFileSync(file, osRelease);
  const done = spawnSync('/bin/sh', [join(root, 'tools/setup.sh'), 'test'], {
    env: { PATH: join(dir, 'bin'), SETUP_OS_RELEASE: file, SETUP_CACHE: join(dir, 'cache') },
    encoding: 'utf8',
  });
  return { status: done.status, text: done.stdout + done.stderr };
}

describe('the set-up, where it cannot install', () => {
  test.each([
    ['ID=debian\n', /^set-up: as root: apt-get install -y .*\bclang-19 llvm-19\b/m],
    ['ID=ubuntu\nID_LIKE=debian\n', /as root: apt-get install -y .*\bclang-19\b/],
    ['ID=linuxmint\nID_LIKE="ubuntu debian"\n', /as root: apt-get install -y .*\bclang-19\b/],
    ['ID=fedora\n', /as root: dnf install -y clang llvm\b/],
    ['ID="rocky"\nID_LIKE="rhel centos fedora"\n', /as root: dnf install -y clang llvm\b/],
    ['ID=alpine\n', /as root: apk add clang llvm\b/],
    ['ID=arch\n', /as root: pacman -S --needed clang llvm\b/],
    ['ID=slackware\n', /Debian's packages are called: clang-19 llvm-19\b/],
    ['', /Debian's packages are called: clang-19\b/],
  ])('of %j names what is missing and the command that brings it', (osRelease, command) => {
    const { status, text } = setUp(osRelease);
    expect(text).toMatch(command);
    expect(text).toContain('  - clang 16 or newer, builds the kernel programs\n');
    expect(text).toContain('  - iperf3, for the tests\n');
    expect(text.trimEnd().split('\n').at(-1)).toBe('set-up: then run the same command again.');
    expect(status).toBe(2);
  });
});
