import { readFileSync } from 'node:fs';
import { type PodCgroup, podsOfCgroupPath } from './pod-cgroup.ts';

/**
 * The pod of a process from the text of its /proc/<pid>/cgroup: lines "<number>:<controllers>:<path>", one a hierarchy
 * of cgroup v1 and one of v2 (cgroups(7)). Under v1 the v2 path is often the root or the runtime's unit, while those
 * of the controllers name the pod. Hierarchies that name different pods say nothing. Null: no pod, or not to be told.
 */
export function podOfProcessCgroups(text: string): PodCgroup | null {
  let found: PodCgroup | null = null;
  for (const line of text.split('\n')) {
    const [pod] = podsOfCgroupPath(line.split(':').slice(2).join(':'));
    if (!pod) continue;
    if (found !== null && found.podUid !== pod.podUid) return null;
    if (found === null || found.containerId === '') found = pod;
  }
  return found;
}

/**
 * The pod that a process is in now, 20 us. `comm` is what the process was called when its pid was noted: a pid that
 * another program has got since says nothing. Null: no pod, gone, or not to be told.
 */
export function podOfProcess(pid: number, comm: string, proc = '/proc'): PodCgroup | null {
  try {
    const pod = podOfProcessCgroups(readFileSync(`${proc}/${pid}/cgroup`, 'latin1'));
    if (pod === null) return null;
    return readFileSync(`${proc}/${pid}/comm`, 'latin1').trimEnd() === comm ? pod : null;
  } catch {
    return null; // it has ended
  }
}
