import { readFileSync } from 'node:fs';
import { findCgroup2Mount } from '../cluster/cgroup-mount.ts';
import { Cgroups } from '../cluster/cgroups.ts';
import { HostIdentity } from '../cluster/host-identity.ts';
import type { Identity } from '../cluster/identity.ts';
import { systemClock } from '../util/clock.ts';

/** What a plain host knows of its sockets' owners. */
export interface Host {
  readonly identity: Identity;
  /** Where cgroup v2 is mounted; null: nowhere. */
  readonly cgroupRoot: string | null;
}

export function openHost(): Host {
  const cgroupRoot = findCgroup2Mount(readFileSync('/proc/self/mountinfo', 'utf8'));
  return { identity: new HostIdentity(new Cgroups(cgroupRoot, { clock: systemClock })), cgroupRoot };
}
