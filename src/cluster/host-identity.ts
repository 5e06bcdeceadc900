import { type CgroupName, shortContainerId } from './cgroup-path.ts';
import type { Cgroups } from './cgroups.ts';
import type { Identity, Owner } from './identity.ts';

const UNKNOWN: Owner = { kind: 'unknown', name: '' };

/**
 * Identity on a plain host: the container or systemd unit of the socket's cgroup, else the process. Sockets of logins
 * and of hosts whose cgroup v2 tree is only its root (cgroup v1) are named by their process.
 */
export class HostIdentity implements Identity {
  readonly #cgroups: Cgroups;

  constructor(cgroups: Cgroups) {
    this.#cgroups = cgroups;
  }

  owner(cgroupId: number, comm: string): Owner {
    return ownerOf(this.#cgroups.name(cgroupId)) ?? (comm === '' ? UNKNOWN : { kind: 'process', name: comm });
  }

  learn(cgroupIds: Iterable<number>): Promise<boolean> {
    return this.#cgroups.learn(cgroupIds);
  }
}

/** A pod has no name here: its container has a short one. */
function ownerOf(name: CgroupName | null | undefined): Owner | null {
  if (name?.kind !== 'pod') return name ?? null;
  if (name.containerId === '') return null;
  return { kind: 'container', name: shortContainerId(name.containerId) };
}
