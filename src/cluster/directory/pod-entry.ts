import type { AppLabels, ContainerRecord, HostPortRecord, OwnerRef, PodRecord } from '../objects/records.ts';
import type { Claim, Claimant } from './claim.ts';
import type { Holdings } from './holdings.ts';

const NONE: readonly never[] = [];

const HOST_NETWORK = 1;
const DONE = 2;
const TERMINATING = 4;
const CLAIMS = 8;
const REMOVED = 16;

/** API times are whole seconds: as small integers they cost nothing beside the field. 0: not told. */
const seconds = (ms: number | null): number => Math.floor((ms ?? 0) / 1000);
const milliseconds = (s: number): number | null => (s === 0 ? null : s * 1000);

/**
 * A pod as the directory keeps it: some 200 bytes beside its texts, for there are tens of thousands. It is its own claim
 * on the addresses that it was first told with; only where those change in its life does it get `holdings`.
 */
export class PodEntry implements PodRecord, Claimant<PodEntry>, Claim<PodEntry> {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  nodeName: string;
  app: AppLabels;
  owner: OwnerRef | null;
  templateHash: string;
  /** Cannot change: kubelet makes the object anew with the manifest. */
  readonly staticHash: string;
  hostPorts: readonly HostPortRecord[];
  containers: readonly ContainerRecord[];
  /** HOST_NETWORK and so on: a field for each would cost 8 bytes. */
  #flags: number;
  /** One address stands without a list around it. */
  #addresses: string | readonly string[];
  #created: number;
  #started: number;
  #network: number;
  #ended: number;
  seenMs = 0;
  signMs: number | null = null;
  goneMs: number | null = null;
  holdings: Holdings<PodEntry> | null = null;

  /** Texts, labels and owner of the record are shared with it. */
  constructor(record: PodRecord) {
    this.uid = record.uid;
    this.namespace = record.namespace;
    this.name = record.name;
    this.nodeName = record.nodeName;
    this.app = record.app;
    this.owner = record.owner;
    this.templateHash = record.templateHash;
    this.staticHash = record.staticHash;
    this.hostPorts = record.hostPorts.length === 0 ? NONE : record.hostPorts;
    this.containers = record.containers.length === 0 ? NONE : record.containers;
    this.#flags = record.hostNetwork ? HOST_NETWORK : 0;
    this.#set(DONE, record.done);
    this.#set(TERMINATING, record.terminating);
    this.#addresses = packed(record.addresses);
    this.#created = seconds(record.createdMs);
    this.#started = seconds(record.startedMs);
    this.#network = seconds(record.networkMs);
    this.#ended = seconds(record.endedMs);
  }

  /**
   * Becomes as the record says; only its owner is told apart. What it claims stays what it was where it is done: a pod that
   * ends may lose its addresses in the same breath. Of the times from which it surely had them the earliest stays.
   */
  take(record: PodRecord): void {
    this.nodeName = record.nodeName;
    this.app = record.app;
    this.templateHash = record.templateHash;
    this.hostPorts = record.hostPorts.length === 0 ? NONE : record.hostPorts;
    this.containers = record.containers.length === 0 ? NONE : record.containers;
    this.#set(DONE, record.done);
    this.#set(TERMINATING, record.terminating);
    if (!this.#keepsAddresses(record)) this.#addresses = packed(record.addresses);
    this.#created = seconds(record.createdMs);
    this.#started = seconds(record.startedMs);
    const network = seconds(record.networkMs);
    if (!this.claims || this.#network === 0) this.#network = network;
    else if (network !== 0) this.#network = Math.min(this.#network, network);
    this.#ended = seconds(record.endedMs);
  }

  /** Cannot change in a pod's life. */
  get hostNetwork(): boolean {
    return (this.#flags & HOST_NETWORK) !== 0;
  }

  get done(): boolean {
    return (this.#flags & DONE) !== 0;
  }

  get terminating(): boolean {
    return (this.#flags & TERMINATING) !== 0;
  }

  /** It has been told with addresses: it claims them, or did. */
  get claims(): boolean {
    return (this.#flags & CLAIMS) !== 0;
  }

  set claims(is: boolean) {
    this.#set(CLAIMS, is);
  }

  /** The API server does not have it any more. */
  get removed(): boolean {
    return (this.#flags & REMOVED) !== 0;
  }

  set removed(is: boolean) {
    this.#set(REMOVED, is);
  }

  get addresses(): readonly string[] {
    return typeof this.#addresses === 'string' ? [this.#addresses] : this.#addresses;
  }

  get createdMs(): number {
    return this.#created * 1000;
  }

  get startedMs(): number | null {
    return milliseconds(this.#started);
  }

  get networkMs(): number | null {
    return milliseconds(this.#network);
  }

  get endedMs(): number | null {
    return milliseconds(this.#ended);
  }

  get holder(): this {
    return this;
  }

  /** startTime is from before the sandbox and its addresses were made. */
  get fromMs(): number {
    return (this.#started === 0 ? this.#created : this.#started) * 1000;
  }

  get surelyFromMs(): number | null {
    return milliseconds(this.#network);
  }

  get surelyTold(): boolean {
    return true;
  }

  /** A pod of the same name on the same node: one of a StatefulSet that was made anew. */
  sameAs(other: PodEntry): boolean {
    if (this === other) return true;
    return this.name === other.name && this.namespace === other.namespace && this.nodeName === other.nodeName;
  }

  hasAddresses(addresses: readonly string[]): boolean {
    const own = this.#addresses;
    if (typeof own === 'string') return addresses.length === 1 && addresses[0] === own;
    return own.length === addresses.length && own.every((address, i) => address === addresses[i]);
  }

  /** Whether the record says nothing new. */
  equals(record: PodRecord): boolean {
    return (
      (this.hasAddresses(record.addresses) || this.#keepsAddresses(record)) &&
      this.done === record.done &&
      this.terminating === record.terminating &&
      this.nodeName === record.nodeName &&
      this.#started === seconds(record.startedMs) &&
      this.#ended === seconds(record.endedMs) &&
      this.#keepsNetwork(seconds(record.networkMs)) &&
      this.templateHash === record.templateHash &&
      this.owner?.uid === record.owner?.uid &&
      sameLabels(this.app, record.app) &&
      sameContainers(this.containers, record.containers)
    );
  }

  #set(flag: number, is: boolean): void {
    this.#flags = is ? this.#flags | flag : this.#flags & ~flag;
  }

  #keepsAddresses(record: PodRecord): boolean {
    return this.claims && record.done;
  }

  #keepsNetwork(network: number): boolean {
    if (!this.claims) return network === this.#network;
    return network === 0 || (this.#network !== 0 && this.#network <= network);
  }
}

function packed(addresses: readonly string[]): string | readonly string[] {
  if (addresses.length === 0) return NONE;
  return addresses.length === 1 ? (addresses[0] ?? NONE) : addresses;
}

function sameLabels(a: AppLabels, b: AppLabels): boolean {
  if (a === b) return true;
  return (
    a.name === b.name &&
    a.component === b.component &&
    a.instance === b.instance &&
    a.version === b.version &&
    a.partOf === b.partOf &&
    a.managedBy === b.managedBy
  );
}

function sameContainers(a: readonly ContainerRecord[], b: readonly ContainerRecord[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ id, name, image }, i) => id === b[i]?.id && name === b[i]?.name && image === b[i]?.image)
  );
}
