import type { Boot } from './boot.ts';
import type { Kernel } from './kernels.ts';

/** One thing that the guest has looked at. */
export interface Check {
  readonly name: string;
  readonly passed: boolean;
  /** Not as it should be, by no fault of the agent, which says so itself. */
  readonly excused: boolean;
  /** What was seen, or what went wrong. */
  readonly detail: string;
}

/** INFRA: the machine, not the agent, has failed: nothing is known. */
export interface Verdict {
  readonly kind: 'PASS' | 'FAIL' | 'INFRA';
  /** Why not PASS; else empty. */
  readonly reason: string;
  /** `uname -r`; null: it did not come up. */
  readonly release: string | null;
  readonly checks: readonly Check[];
}

const CHECK = /^CHECK (ok|failed|excused) (.*?) \([\d.]+ s\)(?:: (.*))?$/gm;

/**
 * What a boot has shown. A verdict needs the guest's last line and, on x86-64, an emulator that ended with 2 * rc + 1:
 * a panic ends it with 0. Passed is what has looked at something and found nothing wrong.
 */
export function verdictOf(kernel: Kernel, { serial, status, timedOut }: Boot): Verdict {
  const checks = [...serial.matchAll(CHECK)].map(([, verdict, name = '', detail = '']) => {
    return { name, passed: verdict !== 'failed', excused: verdict === 'excused', detail };
  });
  const release = /^VM UP \S+ (\S+)/m.exec(serial)?.[1] ?? null;
  const say = (kind: Verdict['kind'], reason: string): Verdict => ({ kind, reason, release, checks });
  const result = /^VM RESULT rc=(\d+)/m.exec(serial)?.[1];
  if (timedOut) return say('INFRA', 'it did not end in time');
  if (result === undefined)
    return say('INFRA', `no result: ${complaint(serial) ?? `the emulator ended with ${status}`}`);
  const expected = kernel.architecture === 'amd64' ? 2 * Number(result) + 1 : 0;
  if (status !== expected) return say('INFRA', `the guest ended with ${result}, the emulator with ${status}`);
  const complained = complaint(serial);
  if (complained !== null) return say('FAIL', `the kernel complains: ${complained}`);
  const failed = checks.filter(({ passed }) => !passed);
  if (failed.length > 0) return say('FAIL', `${failed.length} of ${checks.length} checks failed`);
  if (checks.length === 0 || result !== '0')
    return say('FAIL', `the guest ended with ${result} after ${checks.length} checks`);
  return say('PASS', '');
}

/** What a kernel says when it is in trouble. */
function complaint(serial: string): string | null {
  return (
    /^.*(?:Kernel panic|Oops|BUG: |WARNING: |Call Trace:|rcu: INFO:).*$/m.exec(serial)?.[0].trim() ?? null
  );
}
