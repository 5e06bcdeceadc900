import type {
  NodeRecord,
  OwnerRef,
  PodRecord,
  ServiceRecord,
  SliceRecord,
  WorkloadRecord,
} from '../objects/records.ts';
import type { Clock } from '../../util/clock.ts';
import type { ChangedAddresses } from './changes.ts';
import { AMBIGUOUS, type Moment } from './claim.ts';
import type { Coverage } from './coverage.ts';
import { Indexes } from './indexes.ts';
import type { Margins } from './margins.ts';
import type { WantOwner } from './owner-book.ts';
import type { Now } from './pod-index.ts';
import { latestHolder } from './latest-holder.ts';
import { remoteAnswer } from './remote-answer.ts';
import type { RemoteEnd } from './remote-end.ts';
import type { DirectorySink } from './sink.ts';

/** How far clocks and news may be off. Clusters that keep time by NTP are far within. */
const MARGINS: Margins = { skewMs: 2000, settleMs: 2000, tellMs: 5000, lingerMs: 10_000 };
/** A moment without an answer may still get one for so long: kubelets can be slow to tell addresses. */
const HOLD_MS = 15_000;
/** What is gone is kept so long, for connections are asked for by the time they began; of pods some 4 MB at most. */
const KEEP_MS = 2 * 3_600_000;
const KEEP_PODS = 10_000;
/** Services, and nodes. */
const KEEP_OTHERS = 2000;

export interface DirectoryOptions {
  readonly clock: Clock;
  /** Asks for the controller of a ReplicaSet or a Job; the answer goes to ownerIs(). */
  readonly wantOwner?: WantOwner;
  readonly margins?: Partial<Margins>;
  /** Removed pods that are kept. */
  readonly keepPods?: number;
}

export interface DirectoryStatistics {
  readonly pods: number;
  readonly podsRemoved: number;
  readonly podsRemovedLimit: number;
  /** Addresses that pods have or had. */
  readonly podAddresses: number;
  readonly services: number;
  readonly servicesRemoved: number;
  readonly slices: number;
  /** Pods that are endpoints of Services. */
  readonly endpoints: number;
  readonly nodes: number;
  readonly nodesRemoved: number;
  readonly owners: number;
  /** Pods that were told again without news. */
  readonly unchanged: number;
}

/**
 * Who owned this address, and port, at that moment. Objects and a clock in, answers out; no timers, no I/O.
 *
 * Unknown before wrong: an answer is given only where nobody else can have been it, if no clock is off by more than
 * `skewMs` and no news is later than `settleMs`. Three kinds of time meet here. Arrival times are ours and monotonic.
 * Times in objects are of other machines and whole seconds: they narrow down an arrival time, within those margins.
 * The moment that is asked for is of our wall clock, by its offset to the monotonic one now: a jump moves both alike.
 */
export class Directory {
  readonly pods: DirectorySink<PodRecord>;
  readonly services: DirectorySink<ServiceRecord>;
  readonly slices: DirectorySink<SliceRecord>;
  readonly nodes: DirectorySink<NodeRecord>;
  readonly #clock: Clock;
  readonly #keepPods: number;
  readonly #indexes: Indexes;

  constructor({ clock, wantOwner, margins, keepPods }: DirectoryOptions) {
    this.#clock = clock;
    this.#keepPods = keepPods ?? KEEP_PODS;
    this.#indexes = new Indexes({
      margins: { ...MARGINS, ...margins },
      wantOwner: wantOwner ?? (() => undefined),
      keepPods: { limit: this.#keepPods, keepMs: KEEP_MS },
      keepOthers: { limit: KEEP_OTHERS, keepMs: KEEP_MS },
    });
    const { coverage, pods, services, slices, nodes } = this.#indexes;
    this.pods = this.#sink(coverage.pods, pods);
    this.services = this.#sink(coverage.services, services);
    this.slices = this.#sink(coverage.slices, slices);
    this.nodes = this.#sink(coverage.nodes, nodes);
  }

  /** Whether a first list of every kind has been complete. */
  get synced(): boolean {
    return Object.values(this.#indexes.coverage).every(({ synced }) => synced);
  }

  /**
   * Who was at this address and port at that moment: see RemoteEnd. `address` is canonical text; port 0 where the other end
   * is the client, whose port says nothing; `atMs` is when the connection began, milliseconds since 1970 by this machine's
   * wall clock as it is set now. Moments of the last two seconds (`settleMs`) are unknown and not final.
   */
  remote(address: string, port: number, protocol: 'tcp' | 'udp', atMs: number): RemoteEnd {
    const now = this.#now();
    const old = now.monoMs + now.offsetMs - atMs > HOLD_MS;
    return remoteAnswer(this.#indexes, { address, port, protocol, moment: moment(atMs, now), now, old });
  }

  /** Who has it by the latest news, as holderOf() tells an answer; '' for nobody. It may be another one soon. */
  holder(address: string, port: number, protocol: 'tcp' | 'udp'): string {
    return latestHolder(this.#indexes, address, port, protocol);
  }

  /**
   * The pod with this UID, for about two hours after its removal too. For a static pod also by the UID that it has on its
   * node (PodRecord.staticHash), which is the one in cgroup paths.
   */
  podByUid(uid: string): PodRecord | undefined {
    return this.#indexes.pods.byNodeUid(uid);
  }

  /** The pod that had this address of its own at that moment. Null: none, or not sure which; never a host-network pod. */
  podByAddress(address: string, atMs: number): PodRecord | null {
    const now = this.#now();
    const pod = this.#indexes.pods.atAddress(address, moment(atMs, now), now);
    return pod === AMBIGUOUS ? null : (pod ?? null);
  }

  /** The node of this name, its zone and region; for about two hours after its removal too. */
  nodeByName(name: string): NodeRecord | undefined {
    return this.#indexes.nodes.byName(name);
  }

  /**
   * Whether the address is one of the cluster: of a pod, a Service or a node, now or lately, or within the range of a node's
   * pods. Gateways of those ranges are (and are nobody); cluster addresses that no Service has are not known to be.
   */
  isClusterAddress(address: string): boolean {
    const { pods, services, nodes } = this.#indexes;
    return pods.hasAddress(address) || services.hasAddress(address) || nodes.hasAddress(address);
  }

  /** What people deployed to get this pod: see OwnerBook. May change when its owner's controller becomes known. */
  workloadOf(pod: PodRecord): WorkloadRecord {
    return this.#indexes.owners.workloadOf(pod, this.#clock.tsMonoMs());
  }

  /** The answer to wantOwner: what controls the owner with this UID; null: nothing does. */
  ownerIs(uid: string, controller: OwnerRef | null): void {
    this.#indexes.owners.ownerIs(uid, controller);
  }

  /**
   * Addresses whose answers may have changed since the last call; "all" when there are too many, and after first lists.
   * Answers that were not final are to be asked for again in any case.
   */
  takeChanges(): ChangedAddresses {
    this.#indexes.settleChanges(this.#clock.tsMonoMs());
    return this.#indexes.changes.take();
  }

  get statistics(): DirectoryStatistics {
    const { pods, services, slices, nodes, owners } = this.#indexes;
    return {
      pods: pods.size,
      podsRemoved: pods.removedSize,
      podsRemovedLimit: this.#keepPods,
      podAddresses: pods.addressesSize,
      services: services.size,
      servicesRemoved: services.removedSize,
      slices: slices.size,
      endpoints: slices.podsSize,
      nodes: nodes.size,
      nodesRemoved: nodes.removedSize,
      owners: owners.size,
      unchanged: pods.unchanged,
    };
  }

  #now(): Now {
    const monoMs = this.#clock.tsMonoMs();
    return { monoMs, offsetMs: this.#clock.tsWallMs() - monoMs };
  }

  #sink<T>(
    coverage: Coverage,
    index: { upsert(object: T, now: Now): void; remove(uid: string, now: Now): void },
  ): DirectorySink<T> {
    const { changes } = this.#indexes;
    return {
      upsert: (object) => index.upsert(object, this.#now()),
      remove: (uid) => index.remove(uid, this.#now()),
      synced: () => {
        if (!coverage.synced) changes.markAll();
        coverage.listed(this.#clock.tsMonoMs());
      },
      lost: (heardAgoMs) => {
        const nowMs = this.#clock.tsMonoMs();
        coverage.lost(nowMs - heardAgoMs, nowMs);
      },
      whole: () => coverage.whole(this.#clock.tsMonoMs()),
    };
  }
}

function moment(atMs: number, { offsetMs }: Now): Moment {
  return { atMs, offsetMs };
}
