import { readFileSync } from 'node:fs';
import { findCgroup2Mount } from '../cluster/cgroup-mount.ts';
import { Cgroups } from '../cluster/cgroups.ts';
import { HostIdentity } from '../cluster/host-identity.ts';
import type { Identity } from '../cluster/identity.ts';
import { systemClock } from '../util/clock.ts';
import { NetcError } from '../util/errors.ts';

/** What a plain host knows of its sockets' owners. */
export interface Host {
  readonly identity: Identity;
  /** Where cgroup v2 is mounted; null: nowhere. */
  readonly cgroupRoot: string | null;
}

/** Throws E_NO_PROC where /proc cannot be read. */
export function openHost(): Host {
  const cgroupRoot = findCgroup2Mount(readMounts());
  return { identity: new HostIdentity(new Cgroups(cgroupRoot, { clock: systemClock })), cgroupRoot };
}

/** Everything else that we read of /proc is there when this is. */
function readMounts(): string {
  const path = '/proc/self/mountinfo';
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new NetcError('E_NO_PROC', { path }, { cause });
  }
}
