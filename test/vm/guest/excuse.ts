import { readFileSync } from 'node:fs';
import type { Monitor } from '../../../src/libbpf/monitor.ts';

/** What a kernel does to every program that counts, and the agent can only tell of. */
export class Excused extends Error {}

const MODEL = '/sys/kernel/debug/sched/preempt'; // "none voluntary full (lazy)"

/**
 * Whether a task may be taken off its CPU within the kernel. Then it may be within a BPF program too, and until it is back
 * the kernel skips that program for all others on this CPU: always for fentry, from 7.0 on for tracepoints as well. The
 * agent reads how often from the kernel and says so as kube_netc_agent_lost_total{reason="probe_skipped"}.
 */
function isPreemptible(): boolean {
  try {
    return /\((full|lazy)\)/.test(readFileSync(MODEL, 'utf8'));
  } catch {
    return false; // before 5.13: as built, and Debian's then was not
  }
}

/** How often the kernel skipped a program of these books. */
export function skippedBy(monitor: Monitor): number {
  const attached = monitor.probes().filter((probe) => probe.attached);
  return attached.reduce((sum, { name }) => sum + monitor.stats(name).missed, 0);
}

/** Runs a comparison; where programs were skipped, by no fault of theirs, a failure is excused. */
export function unlessSkipped(skipped: number, compare: () => string | void): string | void {
  try {
    return compare();
  } catch (error) {
    if (skipped === 0 || !isPreemptible()) throw error;
    throw new Excused(`the kernel skipped ${skipped} runs of programs`, { cause: error });
  }
}
