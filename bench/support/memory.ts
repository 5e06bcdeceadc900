import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Figures } from './bench.ts';
import type { Figure } from './figures.ts';

/** All that the start of an agent needed has gone back by then. */
export const SETTLE_MS = 36_000;
/** After a page the agent gives back what it does not use: within 10 s, if it has done so just before. */
const REST_MS = 12_500;

/** What a process has in RAM, in all and of it anonymous and of files: proc_pid_status(5). Throws when it has ended. */
export function memory(pid: number): { rssMiB: number; anonMiB: number; fileMiB: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  const of = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024;
  return { rssMiB: of('VmRSS'), anonMiB: of('RssAnon'), fileMiB: of('RssFile') };
}

/** Adds the memory that an agent has between two scrapes. To be called as it has answered one, of which that is told too. */
export async function addMemory(figures: Figures, pid: number | undefined, of: Figure['of']): Promise<void> {
  figures.add('memory, as a page is answered', of, 'MiB', memory(pid ?? 0).rssMiB, 0);
  await sleep(REST_MS);
  const { rssMiB, anonMiB, fileMiB } = memory(pid ?? 0);
  figures.add('memory', of, 'MiB', rssMiB, 0);
  figures.add('memory, anonymous', of, 'MiB', anonMiB, 0);
  figures.add('memory, file pages', of, 'MiB', fileMiB, 0);
}
