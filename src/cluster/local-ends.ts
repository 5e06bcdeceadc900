import type { CgroupLayout } from './cgroup-mount.ts';
import { type CgroupName, parseCgroupPath } from './cgroup-path.ts';
import type { Cgroups } from './cgroups.ts';
import type { NetnsPods, PodLookup } from './netns-pods.ts';
import { type PodCgroup, podsOfCgroupPath } from './pod-cgroup.ts';
import { podOfProcess } from './process-pod.ts';

/** Processes asked in one call of learnProcesses: 2 ms. */
const PROCESSES_A_CALL = 64;
/** Processes that have been asked and are not asked again. Over it all are forgotten. */
const MAX_ASKED = 8192;

/** Where a socket of this node belongs, as far as the node itself can tell. */
export type LocalEnd =
  | ({
      readonly kind: 'pod';
      /** What told it. By netns, containerId is ''. */ readonly by: 'cgroup' | 'netns';
    } & PodCgroup)
  | Exclude<CgroupName, { readonly kind: 'pod' }>;

/** A process that has opened a socket in a namespace, of the kernel's records. */
export interface SocketProcess {
  readonly netns: number;
  readonly pid: number;
  readonly comm: string;
}

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
  /** By namespace and pid, which the kernel gives again. */
  readonly #asked = new Set<string>();

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

  /**
   * Asks /proc for the pods of processes, a few in a call, each once. Of use where the v2 tree does not tell; only where
   * our pid namespace is the one of the kernel's records.
   */
  learnProcesses(processes: Iterable<SocketProcess>, proc?: string): void {
    if (this.unitsAreTrue) return;
    let left = PROCESSES_A_CALL;
    for (const { netns, pid, comm } of processes) {
      const asked = `${netns} ${pid}`;
      if (pid === 0 || this.#asked.has(asked) || this.#netnsPods.of(netns) !== null) continue;
      if (left-- === 0) return;
      if (this.#asked.size >= MAX_ASKED) this.#asked.clear();
      this.#asked.add(asked);
      const pod = podOfProcess(pid, comm, proc);
      if (pod) this.#netnsPods.note(netns, pod.podUid);
    }
  }

  /** The innermost pod that is known to the cluster, else the innermost: a pod may run nodes of another cluster. */
  #podOf(path: string): PodCgroup | undefined {
    const pods = podsOfCgroupPath(path);
    return pods.find(({ podUid }) => this.#pods(podUid) !== undefined) ?? pods[0];
  }
}
