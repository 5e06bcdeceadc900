import type { AppLabels, WorkloadRecord } from './objects/records.ts';

export type { AppLabels } from './objects/records.ts';

/** One end of a flow, as far as it can be told without guessing. Its text comes from outside: escape it where it is printed. */
export interface Party {
  /** `container` is a machine of systemd-machined too; `unknown` has no name; `other` are many, folded into one. */
  readonly kind: 'pod' | 'service' | 'node' | 'container' | 'unit' | 'process' | 'unknown' | 'other';
  readonly name: string;
  /** '' for all but pods and Services. */
  readonly namespace: string;
  /** Name of the node that it is on; '' where it is on none, or on many. */
  readonly node: string;
  /** topology.kubernetes.io/zone of that node. */
  readonly zone: string;
  /** Whether it belongs to the cluster, whoever it is. */
  readonly inCluster: boolean;
  /** The top of the owner chain; of a Service: of its backends, where that is one. */
  readonly workload: WorkloadRecord | null;
  /** The Service, of the same namespace, that it is or that it backs; '' for none, or more than one. */
  readonly service: string;
  readonly app: AppLabels | null;
}

const NOTHING: Omit<Party, 'kind' | 'name'> = {
  namespace: '',
  node: '',
  zone: '',
  inCluster: false,
  workload: null,
  service: '',
  app: null,
};

/** A party with these fields, and nothing known of the others. */
export function party(of: Pick<Party, 'kind' | 'name'> & Partial<Party>): Party {
  return { ...NOTHING, ...of };
}

export const UNKNOWN: Party = party({ kind: 'unknown', name: '' });
export const OTHERS: Party = party({ kind: 'other', name: 'other' });

/** This machine's end of a flow. */
export interface LocalEnd {
  /** Inode number of the cgroup v2 directory; 0: none. */
  readonly cgroupId: number;
  /** Inode number of the network namespace. */
  readonly netns: number;
  /** Name of the process; '': unknown. */
  readonly comm: string;
  /** As text, see util/ip.ts. */
  readonly address: string;
  /** Of a server: the port it serves; 0 for a client. */
  readonly port: number;
  readonly protocol: 'tcp' | 'udp';
}

/** The other end. */
export interface RemoteEnd {
  readonly address: string;
  /** The port that it serves; 0 for a client, whose port says nothing. */
  readonly port: number;
  readonly protocol: 'tcp' | 'udp';
}

/** When a flow began: after `fromNs` and not after `toNs`, on CLOCK_MONOTONIC. */
export interface Moment {
  readonly fromNs: number;
  readonly toNs: number;
}

export interface Answer {
  readonly party: Party;
  /** Tells this party from all others, of the same name too; '' where nobody is known. */
  readonly holder: string;
  /** False: more may be known in a moment. */
  readonly final: boolean;
}

/** What may be answered otherwise than before. */
export interface Changes {
  readonly all: boolean;
  /** As text. */
  readonly addresses: ReadonlySet<string>;
  /** News stopped coming a while ago: addresses may have gone over to others since, unheard. Told once. */
  readonly deaf?: boolean;
}

export const NO_CHANGES: Changes = { all: false, addresses: new Set() };

/** Says who is at both ends of a flow. */
export interface Identity {
  /** Whose socket it is, of what is known now. Never waits. */
  local(end: LocalEnd, at: Moment): Answer;
  /** Who had this address at that moment, of what is known now. Never waits. */
  remote(end: RemoteEnd, at: Moment): Answer;
  /**
   * Who has the address now, by the latest news, as Answer.holder, and a space and a word where that is about to end. More
   * may have been it at any moment that is not old yet.
   */
  holder(end: RemoteEnd): string;
  /** Since the last call. */
  changes(): Changes;
  /**
   * Looks for those of the cgroups that are not known yet, so that local() can name them. To be awaited before a
   * socket's first local() where a name must not change later. Never fails.
   * Answers false where it looked only a moment ago and some are still unknown: ask again with the next snapshot.
   */
  learn(cgroupIds: Iterable<number>): Promise<boolean>;
}
