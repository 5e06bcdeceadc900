import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { libbpfVersion } from '../../src/libbpf/native.ts';
import { findTool } from '../hosts/find-tool.ts';
import { MAIN } from './main-file.ts';

/** Commands that become the command behind them, in circumstances of their own. */

const NOBODY = ['--reuid', '65534', '--regid', '65534', '--clear-groups'];

/** Root without a capability. */
export function withoutCapabilities(): string[] {
  return [findTool('setpriv'), '--bounding-set', '-all', '--inh-caps', '-all'];
}

/** A user who may do nothing special, but what the capabilities (such as `bpf`) allow. */
export function asNobody(...capabilities: readonly string[]): string[] {
  const list = capabilities.map((name) => `+${name}`).join();
  const kept =
    list === '' ? [] : ['--inh-caps', list, '--ambient-caps', list, '--bounding-set', `-all,${list}`];
  return [findTool('setpriv'), ...NOBODY, ...kept];
}

/** Why such a user cannot run what is in this checkout; null: he can. */
export function whyNotAsNobody(): string | null {
  const [setpriv = '', ...flags] = asNobody();
  const files = [process.execPath, MAIN, 'node_modules/koffi/package.json'];
  const readable = files.every((file) => spawnSync(setpriv, [...flags, 'test', '-r', file]).status === 0);
  return readable ? null : 'this checkout cannot be read by other users';
}

/** With its own view of the file system, which these lines of shell have changed. */
export function withMounts(...lines: readonly string[]): string[] {
  const script = ['set -e', ...lines, 'exec "$@"'].join('\n');
  return [findTool('unshare'), '--mount', 'sh', '-c', script, 'sh'];
}

/** An empty directory instead of the kernel's type information. */
export function withoutBtf(): string[] {
  return withMounts('mount -t tmpfs none /sys/kernel/btf');
}

/** The type information of the kernel itself, and of none of its modules. */
export function withoutModuleBtf(): string[] {
  const btf = '/sys/kernel/btf';
  return withMounts(
    'kept=$(mktemp)',
    `mount --bind ${btf}/vmlinux "$kept"`,
    `mount -t tmpfs none ${btf}`,
    `touch ${btf}/vmlinux`,
    `mount --bind "$kept" ${btf}/vmlinux`,
    'umount "$kept"',
    'rm "$kept"',
  );
}

/** An empty file instead of the libbpf that this process has found. */
export function withoutLibbpf(): string[] {
  libbpfVersion();
  const path = / (\/\S*\/libbpf\.so\S*)$/m.exec(readFileSync('/proc/self/maps', 'utf8'))?.[1] ?? '';
  return withMounts(`mount --bind /dev/null '${path}'`);
}

export function withoutCgroup2(): string[] {
  const find = `awk '/ - cgroup2 / { print $5; exit }' /proc/self/mountinfo`;
  return withMounts(`while at=$(${find}); [ -n "$at" ]; do umount -l "$at"; done`);
}

export function withoutProc(): string[] {
  return withMounts('mount -t tmpfs none /proc');
}
