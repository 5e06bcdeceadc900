import { type CgroupView, readCgroupView } from '../cluster/cgroup-view.ts';
import { Cgroups } from '../cluster/cgroups.ts';
import { HostIdentity } from '../cluster/host-identity.ts';
import type { Identity } from '../cluster/identity.ts';
import { systemClock } from '../util/clock.ts';
import { NetcError } from '../util/errors.ts';

/** What a plain host knows of its sockets' owners. */
export interface Host {
  readonly identity: Identity;
  readonly cgroups: Cgroups;
  /** What is seen of the cgroup v2 tree, and whose sockets are ours by it. */
  readonly view: CgroupView;
  /** Where cgroup v2 is mounted; null: nowhere. */
  readonly cgroupRoot: string | null;
  /** See MonitorOptions. */
  readonly nodeRootId: bigint;
}

/** @param root see --cgroup-root. Throws E_NO_PROC where /proc cannot be read, E_USAGE where `root` is no directory. */
export function openHost(root?: string): Host {
  const view = readView(root);
  if (root !== undefined && view.mount === null)
    throw new NetcError('E_USAGE', { problem: `--cgroup-root: there is no cgroup v2 directory ${root}` });
  const { mount, nodeRootId } = view;
  const cgroups = new Cgroups(mount, { clock: systemClock });
  return { identity: new HostIdentity(cgroups), cgroups, view, cgroupRoot: mount, nodeRootId };
}

/** Everything else that we read of /proc is there when this is. */
function readView(root: string | undefined): CgroupView {
  try {
    return readCgroupView(root);
  } catch (cause) {
    throw new NetcError('E_NO_PROC', { path: '/proc/self/mountinfo' }, { cause });
  }
}
