import { readdirSync, readFileSync } from 'node:fs';
import { memory } from '../support/memory.ts';

/** What a process takes, as the kernel says. */
export interface ProcessReading {
  readonly rssMiB: number;
  readonly anonMiB: number;
  readonly threads: number;
  readonly descriptors: number;
  /** Programs, links, maps and iterators in the kernel that it holds, each counted once. */
  readonly bpfObjects: number;
  /** What its maps take in the kernel. */
  readonly mapMiB: number;
}

/** Reads /proc/PID: proc_pid_task(5), proc_pid_fdinfo(5). Throws when the process has ended. */
export function readProcess(pid: number): ProcessReading {
  const descriptors = readdirSync(`/proc/${pid}/fdinfo`);
  const objects = new Map<string, number>();
  for (const fd of descriptors) {
    const text = readOrEmpty(`/proc/${pid}/fdinfo/${fd}`);
    const [id, kind] = /^(map|prog|link)_id:\s*\d+$/m.exec(text) ?? [];
    const bytes = kind === 'map' ? /^memlock:\s*(\d+)$/m.exec(text)?.[1] : undefined;
    if (id !== undefined) objects.set(id, Number(bytes ?? 0));
  }
  const { rssMiB, anonMiB } = memory(pid);
  return {
    rssMiB,
    anonMiB,
    threads: readdirSync(`/proc/${pid}/task`).length,
    descriptors: descriptors.length,
    bpfObjects: objects.size,
    mapMiB: [...objects.values()].reduce((sum, bytes) => sum + bytes, 0) / 2 ** 20,
  };
}

/** Descriptors close while they are looked at. */
function readOrEmpty(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}
