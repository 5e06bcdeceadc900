import type { PodRecord } from './objects/records.ts';

/** Network namespaces known at the same time: some 40 bytes a pod of each. Over it the one that was noted longest ago goes. */
const MAX_NAMESPACES = 4096;
/** Pods seen in one namespace. A namespace with more is the host's. */
const MAX_PODS = 4;

/** A pod by the UID that its cgroups carry: metadata.uid, or a static pod's hash. Undefined: not known, or forgotten. */
export type PodLookup = (podUid: string) => PodRecord | undefined;

/**
 * Whose a network namespace is, by the pods whose sockets or processes were seen in it: for sockets whose cgroup says
 * nothing. Containers of a pod share one, and pods share only the host's.
 */
export class NetnsPods {
  readonly #pods: PodLookup;
  readonly #limit: number;
  /** By inode, which the kernel gives again: a pod that is done makes room for its successor. */
  readonly #seen = new Map<number, Set<string>>();

  constructor(pods: PodLookup, limit: number = MAX_NAMESPACES) {
    this.#pods = pods;
    this.#limit = limit;
  }

  /** A socket or process of this pod is in the namespace (0: not known, which is nothing). */
  note(netns: number, podUid: string): void {
    if (netns === 0) return;
    const seen = this.#seen.get(netns) ?? new Set();
    this.#seen.delete(netns);
    this.#seen.set(netns, seen);
    if (!seen.has(podUid)) this.#dropDone(seen);
    if (seen.size < MAX_PODS) seen.add(podUid);
    if (this.#seen.size <= this.#limit) return;
    const [oldest] = this.#seen.keys();
    if (oldest !== undefined) this.#seen.delete(oldest);
  }

  /** The UID of the one pod that the namespace belongs to. Null: not known, the host's, or that of several. */
  of(netns: number): string | null {
    const seen = this.#seen.get(netns);
    if (seen === undefined) return null;
    if (seen.size > 1) this.#dropDone(seen);
    const [uid] = seen;
    if (uid === undefined || seen.size > 1) return null;
    return this.#pods(uid)?.hostNetwork === false ? uid : null;
  }

  get size(): number {
    return this.#seen.size;
  }

  get limit(): number {
    return this.#limit;
  }

  #dropDone(seen: Set<string>): void {
    for (const uid of seen) if (this.#pods(uid)?.done === true) seen.delete(uid);
  }
}
