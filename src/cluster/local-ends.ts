import type { CgroupLayout } from './cgroup-mount.ts';
import { type CgroupName, parseCgroupPath } from './cgroup-path.ts';
import type { Cgroups } from './cgroups.ts';
import type { NetnsPods, PodLookup } from './netns-pods.ts';
import { type PodCgroup, podsOfCgroupPath } from './pod-cgroup.ts';

/** Where a socket of this node belongs, as far as the node itself can tell. */
export type LocalEnd =
  | ({
      readonly kind: 'pod';
      /** What told it. By netns, containerId is ''. */ readonly by: 'cgroup' | 'netns';
    } & PodCgroup)
  | Exclude<CgroupName, { readonly kind: 'pod' }>;

export interface LocalEndsOptions {
  readonly cgroups: Cgroups;
  readonly netnsPods: NetnsPods;
  readonly pods: PodLookup;
  readonly layout: CgroupLayout;
}

/**
 * Says whose a socket is: the pod in its cgroup's path; else the container or unit there; else the pod of its network
 * namespace. Where cgroup v1 holds the controllers, a container may be nowhere in the v2 tree: its sockets have the
 * cgroup of whoever started it, the runtime's unit or the root. There the namespace goes before a unit.
 */
export class LocalEnds {
  readonly #cgroups: Cgroups;
  readonly #netnsPods: NetnsPods;
  readonly #pods: PodLookup;
  /** Whether all containers are in the v2 tree: then a unit or a process that is in none is the node's. */
  readonly unitsAreTrue: boolean;
  /** The network namespace of the node; 0: not known yet. */
  #nodeNetns = 0;

  constructor({ cgroups, netnsPods, pods, layout }: LocalEndsOptions) {
    this.#cgroups = cgroups;
    this.#netnsPods = netnsPods;
    this.#pods = pods;
    this.unitsAreTrue = layout === 'v2';
  }

  /** Of what is known now; null: nothing tells. Call Cgroups.learn before, and note() for each new pair. */
  of(cgroupId: number, netns: number): LocalEnd | null {
    const path = this.#cgroups.path(cgroupId) ?? '';
    const pod = this.#podOf(path);
    if (pod) return { kind: 'pod', by: 'cgroup', ...pod };
    const name = parseCgroupPath(path);
    if (name !== null && name.kind !== 'pod' && (this.unitsAreTrue || name.kind === 'container')) return name;
    const podUid = this.#netnsPods.of(netns);
    if (podUid !== null) return { kind: 'pod', by: 'netns', podUid, containerId: '' };
    return name?.kind === 'pod' ? null : name;
  }

  /** A socket of this cgroup is in this namespace: what NetnsPods learns from. */
  note(cgroupId: number, netns: number): void {
    const pod = this.#podOf(this.#cgroups.path(cgroupId) ?? '');
    if (pod) this.#netnsPods.note(netns, pod.podUid);
  }

  /** The namespace has an address that is this pod's own. */
  noteAddress(netns: number, podUid: string): void {
    this.#netnsPods.note(netns, podUid);
  }

  /** Whether the cgroup's path is known, and so whether it is in a pod that it names. */
  knows(cgroupId: number): boolean {
    return typeof this.#cgroups.path(cgroupId) === 'string';
  }

  /** The namespace has an address that is the node's. */
  noteNode(netns: number): void {
    this.#nodeNetns = netns;
  }

  /** Whether the namespace is known to be the node's. */
  isNode(netns: number): boolean {
    return netns !== 0 && netns === this.#nodeNetns;
  }

  /** The innermost pod that is known to the cluster, else the innermost: a pod may run nodes of another cluster. */
  #podOf(path: string): PodCgroup | undefined {
    const pods = podsOfCgroupPath(path);
    return pods.find(({ podUid }) => this.#pods(podUid) !== undefined) ?? pods[0];
  }
}
