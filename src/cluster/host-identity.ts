import { type CgroupName, shortContainerId } from './cgroup-path.ts';
import type { Cgroups } from './cgroups.ts';
import {
  type Answer,
  type Changes,
  type Identity,
  type LocalEnd,
  NO_CHANGES,
  type Party,
  party,
  UNKNOWN,
} from './identity.ts';

const NOT_KNOWN: Answer = { party: UNKNOWN, holder: '', final: true };

/**
 * Identity on a plain host: the container or systemd unit of the socket's cgroup, else the process. Sockets of logins
 * and of hosts whose cgroup v2 tree is only its root (cgroup v1) are named by their process. Of other machines it
 * knows nothing.
 */
export class HostIdentity implements Identity {
  readonly #cgroups: Cgroups;

  constructor(cgroups: Cgroups) {
    this.#cgroups = cgroups;
  }

  local({ cgroupId, comm }: LocalEnd): Answer {
    const named =
      namedBy(this.#cgroups.name(cgroupId)) ?? (comm === '' ? null : { kind: 'process', name: comm });
    return named === null ? NOT_KNOWN : { party: party(named), holder: '', final: true };
  }

  remote(): Answer {
    return NOT_KNOWN;
  }

  holder(): string {
    return '';
  }

  changes(): Changes {
    return NO_CHANGES;
  }

  learn(cgroupIds: Iterable<number>): Promise<boolean> {
    return this.#cgroups.learn(cgroupIds);
  }
}

/** A pod has no name here: its container has a short one. */
function namedBy(name: CgroupName | null | undefined): Pick<Party, 'kind' | 'name'> | null {
  if (name?.kind !== 'pod') return name ?? null;
  if (name.containerId === '') return null;
  return { kind: 'container', name: shortContainerId(name.containerId) };
}
