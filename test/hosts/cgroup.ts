import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { findCgroup2Mount } from '../../src/cluster/cgroup-mount.ts';

const EMPTY_LIMIT_MS = 1_000;
const RETRY_MS = 5;

/** A directory of the cgroup v2 tree. */
export interface Cgroup {
  readonly path: string;
  /** Its inode, which is what the kernel calls its id. */
  readonly id: number;
}

/** Where cgroup v2 is mounted, or null: also beside v1, where it holds no controllers but does hold processes. */
export function cgroup2Mount(): string | null {
  return findCgroup2Mount(readFileSync('/proc/self/mountinfo', 'utf8'))?.path ?? null;
}

/** Makes a cgroup below the lab's own, such as `system.slice/nginx.service`. Throws without cgroup v2. */
export function makeCgroup(labId: string, path: string): Cgroup {
  const mount = cgroup2Mount();
  if (mount === null) throw new Error('cgroup v2 is not mounted here: mount -t cgroup2 none DIRECTORY');
  const full = join(mount, labId, path);
  mkdirSync(full, { recursive: true });
  return { path: full, id: statSync(full).ino };
}

/** The names of the cgroups right below the mount. */
export function topCgroups(): string[] {
  const mount = cgroup2Mount();
  return mount === null ? [] : childrenOf(mount);
}

/** Ends all processes in a lab's cgroups and removes these. Blocks until they are empty, for a second at most. */
export function removeCgroups(labId: string): void {
  const mount = cgroup2Mount();
  if (mount === null || !existsSync(join(mount, labId))) return;
  const end = performance.now() + EMPTY_LIMIT_MS;
  while (!removeTree(join(mount, labId)) && performance.now() < end) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
  }
}

function removeTree(path: string): boolean {
  const emptied = childrenOf(path).every((child) => removeTree(join(path, child)));
  try {
    killMembers(path);
    if (emptied) rmdirSync(path);
    return emptied;
  } catch {
    return !existsSync(path);
  }
}

function killMembers(path: string): void {
  for (const pid of readFileSync(join(path, 'cgroup.procs'), 'utf8').split('\n')) {
    if (pid !== '' && pid !== '0' && Number(pid) !== process.pid) process.kill(Number(pid), 'SIGKILL');
  }
}

function childrenOf(path: string): string[] {
  try {
    const entries = readdirSync(path, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  } catch {
    return [];
  }
}
