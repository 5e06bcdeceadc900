import { type Clock, monotonicNs } from '../util/clock.ts';
import type { Cgroups } from './cgroups.ts';
import type { Directory } from './directory/directory.ts';
import { holderOf } from './directory/latest-holder.ts';
import type { RemoteEnd as Found } from './directory/remote-end.ts';
import {
  type Answer,
  type Changes,
  type Identity,
  type LocalEnd,
  type Moment,
  type Party,
  party,
  type RemoteEnd,
  UNKNOWN,
} from './identity.ts';
import type { LocalEnds } from './local-ends.ts';
import type { PodRecord } from './objects/records.ts';

/** What stands behind a holder who may give the address away any moment: the next one may speak before we hear of it. */
const ENDING = 'ending';
/** News may be so late, as the directory has it: what is not heard for longer is missed. */
const DEAF_MS = 2_000;
/** Far below the time for which an address that was given up keeps others from being named without doubt. */
const STEP_NS = 1e9;
const MAX_STEPS = 20;
/** Somebody of the cluster, of whom nothing else is known. */
const SOMEBODY: Party = party({ kind: 'unknown', name: '', inCluster: true });

export interface KubeIdentityOptions {
  readonly cgroups: Pick<Cgroups, 'learn'>;
  readonly localEnds: Pick<
    LocalEnds,
    'knows' | 'of' | 'note' | 'noteAddress' | 'noteNode' | 'isNode' | 'unitsAreTrue'
  >;
  readonly directory: Directory;
  /** '' where it is not known. */
  readonly nodeName: string;
  readonly clock: Clock;
  /** How long no news of some kind could come; 0: they come. */
  readonly deafMs?: () => number;
  /** The clock of moments: CLOCK_MONOTONIC. */
  readonly nowNs?: () => number;
}

/**
 * Identity on a node of a cluster. This end: the pod of the socket's cgroup, else that of its network namespace, else
 * (where containers may be nowhere in the v2 tree) that of its address, else the node, with the systemd unit or process as its workload. The other end: who had its address at that moment.
 */
export class KubeIdentity implements Identity {
  readonly #of: KubeIdentityOptions;
  #wasDeaf = false;

  constructor(options: KubeIdentityOptions) {
    this.#of = options;
  }

  local(end: LocalEnd, at: Moment): Answer {
    const { localEnds, directory } = this.#of;
    localEnds.note(end.cgroupId, end.netns);
    const found = localEnds.of(end.cgroupId, end.netns);
    if (found?.kind === 'pod') {
      const pod = directory.podByUid(found.podUid);
      // the pod is certain, and its name is to come: the API server tells of a pod before kubelet starts it
      if (!pod) return { party: SOMEBODY, holder: found.podUid, final: false };
      return { party: this.#podParty(pod, end, at), holder: pod.uid, final: true };
    }
    const isCertain = found?.kind === 'container' || localEnds.unitsAreTrue || localEnds.isNode(end.netns);
    const owner = isCertain ? null : this.#ofAddress(end, at);
    if (owner !== null) return owner;
    const name = found ?? (end.comm === '' ? null : { kind: 'process' as const, name: end.comm });
    // its cgroup is in no pod: it is the node's, whoever it is there
    const isNodes = localEnds.knows(end.cgroupId) && (localEnds.unitsAreTrue || localEnds.isNode(end.netns));
    const isKnown = name !== null || isNodes;
    return { party: isKnown ? this.#nodeParty(name) : UNKNOWN, holder: '', final: true };
  }

  remote(end: RemoteEnd, at: Moment): Answer {
    const late = this.#ask(end, at.toNs);
    const early = at.fromNs === at.toNs ? late : this.#ask(end, at.fromNs);
    const found = holderOf(late) === holderOf(early) ? late : this.#only(end, at, [early, late]);
    const final = late.final && early.final;
    if (found === null) return { party: SOMEBODY, holder: '', final };
    return { party: this.#remoteParty(end, found), holder: holderOf(found), final };
  }

  holder({ address, port, protocol }: RemoteEnd): string {
    const { directory } = this.#of;
    const holder = directory.holder(address, port, protocol);
    return directory.podByUid(holder)?.terminating === true ? `${holder} ${ENDING}` : holder;
  }

  changes(): Changes {
    const isDeaf = (this.#of.deafMs?.() ?? 0) > DEAF_MS;
    const deaf = isDeaf && !this.#wasDeaf;
    this.#wasDeaf = isDeaf;
    return { ...this.#of.directory.takeChanges(), deaf };
  }

  learn(cgroupIds: Iterable<number>): Promise<boolean> {
    return this.#of.cgroups.learn(cgroupIds);
  }

  /**
   * Whose socket it is by its own address. Null: the node's, or that of nobody in the cluster. Loopback is an address that
   * all have: nobody's until the namespace is known by another one.
   */
  #ofAddress(end: LocalEnd, at: Moment): Answer | null {
    const { address, protocol } = end;
    const { localEnds, directory, nodeName } = this.#of;
    if (isLoopback(address))
      return localEnds.isNode(end.netns) ? null : { party: UNKNOWN, holder: '', final: false };
    const { party: who, holder, final } = this.remote({ address, port: 0, protocol }, at);
    const pod = who.kind === 'pod' ? directory.podByUid(holder) : undefined;
    if (pod !== undefined && (nodeName === '' || pod.nodeName === nodeName)) {
      localEnds.noteAddress(end.netns, holder);
      return { party: this.#podParty(pod, end, at), holder, final: true };
    }
    if (who.kind === 'node') {
      if (nodeName === '' || who.name === nodeName) localEnds.noteNode(end.netns);
      return null;
    }
    return final && !who.inCluster ? null : { party: who.inCluster ? SOMEBODY : UNKNOWN, holder: '', final };
  }

  #ask({ address, port, protocol }: RemoteEnd, ns: number): Found {
    return this.#of.directory.remote(address, port, protocol, this.#wallMs(ns));
  }

  /** The only one who may have had the address at any moment from `fromNs` to `toNs`; null: there are more. */
  #only(end: RemoteEnd, { fromNs, toNs }: Moment, ends: readonly Found[]): Found | null {
    const stepNs = Math.max(STEP_NS, (toNs - fromNs) / MAX_STEPS);
    const answers = [...ends];
    for (let ns = fromNs + stepNs; ns < toNs; ns += stepNs) answers.push(this.#ask(end, ns));
    const [one, ...more] = answers.filter(({ kind }) => kind !== 'unknown');
    if (!one || answers.some(({ contested }) => contested)) return null;
    return more.every((other) => holderOf(other) === holderOf(one)) ? one : null;
  }

  #wallMs(ns: number): number {
    const nowNs = (this.#of.nowNs ?? monotonicNs)();
    return this.#of.clock.tsWallMs() - (nowNs - ns) / 1e6;
  }

  #podParty(pod: PodRecord, { address, port, protocol }: LocalEnd, { toNs }: Moment): Party {
    const { directory } = this.#of;
    // the Service that it backs, for a server: what it is known as to who asks for its address and port
    const served = port > 0 ? directory.remote(address, port, protocol, this.#wallMs(toNs)) : null;
    const isServed = served?.podUid === pod.uid && served.serviceNamespace === pod.namespace;
    return party({
      kind: 'pod',
      name: pod.name,
      namespace: pod.namespace,
      node: pod.nodeName,
      zone: directory.nodeByName(pod.nodeName)?.zone ?? '',
      inCluster: true,
      workload: directory.workloadOf(pod),
      service: isServed ? served.serviceName : '',
      app: pod.app,
    });
  }

  #nodeParty(name: { readonly kind: string; readonly name: string } | null): Party {
    const { directory, nodeName } = this.#of;
    return party({
      kind: 'node',
      name: nodeName,
      node: nodeName,
      zone: directory.nodeByName(nodeName)?.zone ?? '',
      inCluster: true,
      workload: name && { kind: name.kind, name: name.name, namespace: '' },
    });
  }

  #remoteParty({ address }: RemoteEnd, found: Found): Party {
    if (found.kind === 'unknown') return this.#of.directory.isClusterAddress(address) ? SOMEBODY : UNKNOWN;
    return party({
      kind: found.kind,
      name: found.name,
      namespace: found.namespace,
      node: found.node,
      zone: found.zone,
      inCluster: true,
      workload: found.workload,
      service:
        found.kind === 'service' || found.serviceNamespace === found.namespace ? found.serviceName : '',
    });
  }
}

function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.');
}
