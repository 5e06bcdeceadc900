import { ASKED_OWNERS } from './asked-owners.ts';
import type { OwnerRef, PodRecord, WorkloadRecord } from '../objects/records.ts';

/** An owner that was asked for and did not come is asked for again after this, when somebody wants to know. */
const ASK_AGAIN_MS = 60_000;

/** Asks the API server who controls an owner; the answer comes to ownerIs(), or never. */
export type WantOwner = (owner: OwnerRef, namespace: string) => void;

interface OwnerEntry {
  readonly ref: OwnerRef;
  /** Pods that name it. */
  pods: number;
  /** Its controller; null: it has none; undefined: not known. */
  controller: OwnerRef | null | undefined;
  askedMs: number;
  workload: WorkloadRecord | null;
}

/**
 * Owners of pods, and what is at the top of their chains. Only ReplicaSets and Jobs are asked for: others are tops
 * themselves, of whatever kind (StatefulSet, DaemonSet, kinds of custom resources), and what controls a ReplicaSet or
 * a Job is never of these two kinds. An entry lives as long as pods name it, so there are no more than pods.
 */
export class OwnerBook {
  readonly #wantOwner: WantOwner;
  readonly #entries = new Map<string, OwnerEntry>();
  /** Owners whose workload became another than was told before; taken by takeRenamed(). */
  #renamed = new Set<string>();

  constructor(wantOwner: WantOwner) {
    this.#wantOwner = wantOwner;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** A pod names this owner. Answers the one object that all its pods share. */
  acquire(ref: OwnerRef): OwnerRef {
    const known = this.#entries.get(ref.uid);
    if (known !== undefined) {
      known.pods++;
      return known.ref;
    }
    this.#entries.set(ref.uid, { ref, pods: 1, controller: undefined, askedMs: -Infinity, workload: null });
    return ref;
  }

  release(ref: OwnerRef): void {
    const entry = this.#entries.get(ref.uid);
    if (entry === undefined || --entry.pods > 0) return;
    this.#entries.delete(ref.uid);
    this.#renamed.delete(ref.uid);
  }

  /** The answer to wantOwner: the controller of the owner with this UID; null: it has none. */
  ownerIs(uid: string, controller: OwnerRef | null): void {
    const entry = this.#entries.get(uid);
    if (entry === undefined) return;
    entry.controller = controller;
    const { workload } = entry;
    if (workload === null) return;
    const { kind, name } = controller ?? entry.ref;
    if (workload.kind === kind && workload.name === name) return;
    entry.workload = null;
    this.#renamed.add(uid);
  }

  /** Owners whose pods have another workload now than was told before. */
  takeRenamed(): ReadonlySet<string> {
    const renamed = this.#renamed;
    if (renamed.size > 0) this.#renamed = new Set();
    return renamed;
  }

  /**
   * What people deployed to get this pod. A pod without an owner is its own workload. So is a static pod, whose owner
   * is its node: then the name is that of its manifest, which is the pod's less "-<node name>" (kubelet,
   * pkg/kubelet/config/common.go), so that the same manifest on several nodes is one workload.
   * Until a ReplicaSet's controller is known it is taken to be the Deployment which the label pod-template-hash implies.
   */
  workloadOf(pod: PodRecord, nowMs: number): WorkloadRecord {
    const { owner, namespace } = pod;
    if (owner === null || pod.staticHash !== '' || owner.kind === 'Node') return ownWorkload(pod);
    const entry = this.#entries.get(owner.uid);
    if (entry === undefined) return topOf(owner, undefined, pod);
    if (entry.controller === undefined && isAskedFor(owner) && nowMs - entry.askedMs >= ASK_AGAIN_MS) {
      entry.askedMs = nowMs;
      this.#wantOwner(owner, namespace);
    }
    // an owner without a namespace may have pods in several
    if (entry.workload?.namespace === namespace) return entry.workload;
    entry.workload = topOf(owner, entry.controller, pod);
    return entry.workload;
  }
}

function isAskedFor({ apiVersion, kind }: OwnerRef): boolean {
  return ASKED_OWNERS.some((asked) => kind === asked.kind && apiVersion.startsWith(`${asked.group}/`));
}

function topOf(owner: OwnerRef, controller: OwnerRef | null | undefined, pod: PodRecord): WorkloadRecord {
  const { namespace, templateHash } = pod;
  if (controller !== undefined) {
    const { kind, name } = controller ?? owner;
    return { kind, name, namespace };
  }
  const end = `-${templateHash}`;
  const implied = templateHash !== '' && owner.kind === 'ReplicaSet' && owner.name.endsWith(end);
  if (implied && isAskedFor(owner))
    return { kind: 'Deployment', name: owner.name.slice(0, -end.length), namespace };
  return { kind: owner.kind, name: owner.name, namespace };
}

function ownWorkload({ name, namespace, nodeName, staticHash, owner }: PodRecord): WorkloadRecord {
  const end = `-${nodeName.toLowerCase()}`;
  const isStatic = staticHash !== '' || owner?.kind === 'Node';
  const trimmed = isStatic && nodeName !== '' && name.endsWith(end) && name.length > end.length;
  return { kind: 'Pod', name: trimmed ? name.slice(0, -end.length) : name, namespace };
}
