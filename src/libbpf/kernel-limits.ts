import { readFileSync } from 'node:fs';
import { cannotTell, type Finding, no, nodeErrno, yes } from './finding.ts';

const LOCKDOWN = '/sys/kernel/security/lockdown';
const LIMITS = '/proc/self/limits';

/** 'yes' names the mode: integrity refuses some BPF, confidentiality all that reads kernel memory. */
export function readLockdown(): Finding {
  return read(LOCKDOWN, parseLockdown, ' (securityfs not mounted, or not built in)');
}

/** 'yes': the limit of locked memory is off. It matters before Linux 5.11 only: see Features.memlock(). */
export function readMemlock(): Finding {
  return read(LIMITS, parseMemlock);
}

function read(path: string, parse: (text: string) => Finding, note = ''): Finding {
  try {
    return parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    return cannotTell(`${path}: ${nodeErrno(cause)}${note}`);
  }
}

/** @param text of /sys/kernel/security/lockdown: "none [integrity] confidentiality" */
export function parseLockdown(text: string): Finding {
  const mode = /\[(\w+)\]/.exec(text)?.[1];
  if (mode === undefined) return cannotTell(`${LOCKDOWN} names no mode`);
  return mode === 'none' ? no('lockdown is off') : yes(`lockdown is in ${mode} mode`);
}

/** @param text of /proc/self/limits */
export function parseMemlock(text: string): Finding {
  const soft = /^Max locked memory\s+(\S+)/m.exec(text)?.[1];
  if (soft === undefined) return cannotTell('/proc/self/limits shows no limit of locked memory');
  if (soft === 'unlimited') return yes('the limit of locked memory is off');
  return no(
    `the limit of locked memory is ${soft} bytes: raise it (ulimit -l unlimited, LimitMEMLOCK=infinity)`,
  );
}
