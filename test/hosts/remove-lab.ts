import { spawnSync } from 'node:child_process';
import { readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeCgroups, topCgroups } from './cgroup.ts';
import { findTool } from './find-tool.ts';
import { isAbandoned, labIdOf } from './lab-id.ts';

/** Where `ip netns` keeps named network namespaces. */
export const NETNS_FOLDER = '/run/netns';

/**
 * Removes all that a lab has left in the system: it ends the processes in its namespaces and cgroups, by pid, and
 * removes these and its folder. Synchronous, so that it also runs when the process exits.
 */
export function removeLab(labId: string): void {
  const names = list(NETNS_FOLDER).filter((name) => labIdOf(name) === labId);
  killProcessesIn(names);
  for (const name of names) spawnSync(findTool('ip'), ['netns', 'delete', name]);
  removeCgroups(labId);
  rmSync(labFolder(labId), { recursive: true, force: true });
}

/** Removes the labs whose makers have ended without closing them. Returns their ids. */
export function removeAbandonedLabs(): string[] {
  const all = [...list(NETNS_FOLDER), ...topCgroups(), ...list(tmpdir())].map(labIdOf);
  const labs = [...new Set(all)].filter((id) => id !== null).filter(isAbandoned);
  for (const id of labs) removeLab(id);
  return labs;
}

/** A lab's folder for configuration files and the like. */
export function labFolder(labId: string): string {
  return join(tmpdir(), labId);
}

function killProcessesIn(names: readonly string[]): void {
  const wanted = new Set(names.map((name) => identity(join(NETNS_FOLDER, name))).filter((id) => id !== null));
  if (wanted.size === 0) return;
  for (const pid of list('/proc')) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue;
    if (wanted.has(identity(`/proc/${pid}/ns/net`) ?? '')) kill(Number(pid));
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}

/** Device and inode, which tell one namespace from all others; null when the path is gone. */
function identity(path: string): string | null {
  try {
    const { dev, ino } = statSync(path);
    return `${dev}:${ino}`;
  } catch {
    return null;
  }
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
