import { Backends } from './backends.ts';
import { Changes } from './changes.ts';
import { Coverage } from './coverage.ts';
import type { Margins } from './margins.ts';
import { NodeIndex } from './node-index.ts';
import { OwnerBook, type WantOwner } from './owner-book.ts';
import { type PodEntry } from './pod-entry.ts';
import { PodIndex } from './pod-index.ts';
import type { RemovedOptions } from './removed.ts';
import { type ServiceEntry, ServiceIndex, serviceKey } from './service-index.ts';
import { SliceIndex } from './slice-index.ts';

export interface IndexOptions {
  readonly margins: Margins;
  readonly wantOwner: WantOwner;
  readonly keepPods: RemovedOptions;
  /** Of Services and of nodes. */
  readonly keepOthers: RemovedOptions;
}

/** The indexes of the kinds, and what a change in one means for answers that come from another. */
export class Indexes {
  readonly coverage: Readonly<Record<'pods' | 'services' | 'slices' | 'nodes', Coverage>>;
  readonly changes = new Changes();
  readonly owners: OwnerBook;
  readonly pods: PodIndex;
  readonly services: ServiceIndex;
  readonly slices: SliceIndex;
  readonly nodes: NodeIndex;
  readonly backends: Backends;

  constructor({ margins, wantOwner, keepPods, keepOthers }: IndexOptions) {
    const coverage = (): Coverage => new Coverage(margins);
    this.coverage = { pods: coverage(), services: coverage(), slices: coverage(), nodes: coverage() };
    const mark = (address: string): void => this.changes.mark(address);
    const zoneChanged = (node: string): void => this.#zoneChanged(node);
    const podChanged = (pod: PodEntry): void => this.#podChanged(pod);
    const serviceChanged = (service: ServiceEntry): void => this.#serviceChanged(service);
    this.owners = new OwnerBook(wantOwner);
    this.nodes = new NodeIndex(this.coverage.nodes, { changed: mark, zoneChanged }, keepOthers);
    this.pods = new PodIndex(this.coverage.pods, this.owners, { changed: podChanged, moved: mark }, keepPods);
    this.services = new ServiceIndex(this.coverage.services, serviceChanged, keepOthers);
    this.slices = new SliceIndex(
      {
        serviceChanged: (key) => this.backends.doubt(key),
        podChanged: (uid) => this.#markPod(this.pods.get(uid)),
      },
      (uid) => this.pods.get(uid)?.uid ?? uid,
    );
    this.backends = new Backends(this.pods, this.services, this.slices, this.owners);
  }

  /** Marks what follows from news that are not told of at once: names of owners, backends of Services. */
  settleChanges(nowMs: number): void {
    const renamed = this.owners.takeRenamed();
    if (renamed.size > 0) {
      for (const pod of this.pods.all()) {
        if (pod.owner !== null && renamed.has(pod.owner.uid)) this.#podChanged(pod);
      }
    }
    for (const service of this.backends.takeChanged(nowMs)) this.#markService(service);
  }

  #podChanged(pod: PodEntry): void {
    this.#markPod(pod);
    for (const service of this.slices.servicesOf(pod.uid)) this.backends.doubt(service);
  }

  #markPod(pod: PodEntry | undefined): void {
    if (pod === undefined) return;
    if (!pod.hostNetwork) for (const address of pod.addresses) this.changes.mark(address);
    if (pod.hostPorts.length === 0) return;
    for (const address of this.nodes.addressesOf(pod.nodeName)) this.changes.mark(address);
  }

  #serviceChanged(service: ServiceEntry): void {
    const { namespace, name } = service.record;
    const key = serviceKey(namespace, name);
    this.#markService(service);
    this.backends.doubt(key);
    // pods behind it are told with it, or not any more
    for (const uid of this.slices.podsOf(key)) this.#markPod(this.pods.get(uid));
  }

  #markService({ record }: ServiceEntry): void {
    for (const address of record.clusterAddresses) this.changes.mark(address);
    for (const address of record.externalAddresses) this.changes.mark(address);
    if (!record.ports.some(({ nodePort }) => nodePort !== 0)) return;
    for (const address of this.nodes.addresses()) this.changes.mark(address);
  }

  #zoneChanged(node: string): void {
    for (const address of this.nodes.addressesOf(node)) this.changes.mark(address);
    for (const pod of this.pods.all()) if (pod.nodeName === node) this.#markPod(pod);
  }
}
