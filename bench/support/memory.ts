import { readFileSync } from 'node:fs';
import type { Figures } from './bench.ts';
import type { Figure } from './figures.ts';

/** The agent gives back memory that it does not use each 30 s. */
export const SETTLE_MS = 36_000;

/** What a process has in RAM, in all and of it anonymous and of files: proc_pid_status(5). Throws when it has ended. */
export function memory(pid: number): { rssMiB: number; anonMiB: number; fileMiB: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  const of = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024;
  return { rssMiB: of('VmRSS'), anonMiB: of('RssAnon'), fileMiB: of('RssFile') };
}

/** Adds the memory that a process has now. */
export function addMemory(figures: Figures, pid: number | undefined, of: Figure['of']): void {
  const { rssMiB, anonMiB, fileMiB } = memory(pid ?? 0);
  figures.add('memory', of, 'MiB', rssMiB, 0);
  figures.add('memory, anonymous', of, 'MiB', anonMiB, 0);
  figures.add('memory, file pages', of, 'MiB', fileMiB, 0);
}
