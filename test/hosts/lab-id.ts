import { randomBytes } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';

/** Everything a lab leaves in the system bears this prefix and its id, so that a later run can tell whose it was. */
export const LAB_PREFIX = 'kube-netc-test-';

const ID = /^kube-netc-test-([0-9a-z]+)-([0-9]+)-([0-9]+)-([0-9a-f]{4})/;

/** The process that made a lab, from the lab's name. A pid alone may be another process by now. */
interface Maker {
  readonly pidNamespace: string;
  readonly pid: number;
  readonly startTicks: string;
}

/** A new name: pid namespace, pid, start time of the process, and four digits for its several labs. */
export function newLabId(): string {
  const maker = [ownPidNamespace(), process.pid, startTicks(process.pid)].join('-');
  return `${LAB_PREFIX}${maker}-${randomBytes(2).toString('hex')}`;
}

/** The lab that a network namespace, a cgroup or a directory of this name belongs to, or null. */
export function labIdOf(name: string): string | null {
  return ID.exec(name)?.[0] ?? null;
}

/**
 * Whether nobody will close this lab any more: its maker has ended. False for one of another pid namespace, such as a
 * container that shares /run: from here nobody can tell.
 */
export function isAbandoned(labId: string): boolean {
  const maker = makerOf(labId);
  if (maker === null || maker.pidNamespace !== ownPidNamespace()) return false;
  return startTicks(maker.pid) !== maker.startTicks;
}

function makerOf(labId: string): Maker | null {
  const [, pidNamespace, pid, ticks] = ID.exec(labId) ?? [];
  if (pidNamespace === undefined || pid === undefined || ticks === undefined) return null;
  return { pidNamespace, pid: Number(pid), startTicks: ticks };
}

function ownPidNamespace(): string {
  const inode = /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '0';
  return Number(inode).toString(36);
}

/** When the process started, in clock ticks since boot; null when there is none, or a dead one that nobody reaped. */
function startTicks(pid: number): string | null {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return null;
  }
  // The name in parentheses may hold anything: count the fields after it. proc(5): state is field 3, starttime is 22.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' || fields[0] === 'X' ? null : (fields[19] ?? null);
}
