import type { ServiceRecord, WorkloadRecord } from '../objects/records.ts';
import { ByName } from './by-name.ts';
import { type Claimant, latestMs, type Moment } from './claim.ts';
import type { Coverage } from './coverage.ts';
import { Holdings } from './holdings.ts';
import type { Now } from './pod-index.ts';
import { portKey } from './port-key.ts';
import { Removed, type RemovedOptions } from './removed.ts';
import { type Answer, Timeline } from './timeline.ts';

export class ServiceEntry implements Claimant<ServiceEntry> {
  record: ServiceRecord;
  /** Addresses and ports. */
  readonly ports: Holdings<ServiceEntry>;
  /** Null: it never had one. */
  nodePorts: Holdings<ServiceEntry> | null = null;
  removed = false;
  signMs: number | null = null;
  goneMs: number | null = null;
  readonly endedMs = null;
  /** The backend as it was told last; undefined: nobody has asked. */
  toldBackend: WorkloadRecord | null | undefined = undefined;

  constructor(record: ServiceRecord, indexes: Pick<ServiceIndex, 'ports' | 'coverage'>) {
    this.record = record;
    this.ports = new Holdings(this, indexes.ports, indexes.coverage);
  }

  get fromMs(): number {
    return this.record.createdMs;
  }

  get surelyFromMs(): number | null {
    return this.record.createdMs || null;
  }

  sameAs(other: ServiceEntry): boolean {
    return this.record.name === other.record.name && this.record.namespace === other.record.namespace;
  }
}

export const serviceKey = (namespace: string, name: string): string => `${namespace}/${name}`;

/**
 * Services by UID and name, and by (address, port, protocol): cluster addresses of both families, external addresses and
 * those of load balancers; and by NodePort. Headless Services and ExternalNames claim nothing: kube-proxy leaves out any
 * Service without a cluster address (pkg/proxy/util, ShouldSkipService), its external addresses too.
 */
export class ServiceIndex {
  readonly coverage: Coverage;
  readonly ports: Timeline<ServiceEntry>;
  readonly nodePorts: Timeline<ServiceEntry>;
  readonly #changed: (entry: ServiceEntry) => void;
  readonly #byUid = new Map<string, ServiceEntry>();
  /** Those that the server has. */
  readonly #byName = new ByName<ServiceEntry>();
  /** How many Services have each address: for "is it of the cluster?". */
  readonly #addresses = new Map<string, number>();
  readonly #removed: Removed<ServiceEntry>;

  /** `changed` is called with what the entry was, and again with what it is. */
  constructor(coverage: Coverage, changed: (entry: ServiceEntry) => void, keep: RemovedOptions) {
    this.coverage = coverage;
    this.ports = new Timeline(coverage);
    this.nodePorts = new Timeline(coverage);
    this.#changed = changed;
    this.#removed = new Removed(keep);
  }

  get size(): number {
    return this.#byUid.size - this.#removed.size;
  }

  get removedSize(): number {
    return this.#removed.size;
  }

  byKey(key: string): ServiceEntry | undefined {
    return this.#byName.newest(key);
  }

  allByKey(key: string): readonly ServiceEntry[] {
    return this.#byName.all(key);
  }

  /** Whether it is an address of a Service that its proxies serve. */
  hasAddress(address: string): boolean {
    return this.#addresses.has(address);
  }

  at(key: string, moment: Moment, now: Now): Answer<ServiceEntry> {
    return this.ports.at(key, moment, now.monoMs);
  }

  atNodePort(key: string, moment: Moment, now: Now): Answer<ServiceEntry> {
    return this.nodePorts.at(key, moment, now.monoMs);
  }

  upsert(record: ServiceRecord, now: Now): void {
    this.#forget(now);
    const known = this.#byUid.get(record.uid);
    if (known !== undefined) this.#leave(known);
    const entry = known ?? new ServiceEntry(record, this);
    if (entry.removed) this.#removed.restore(entry);
    entry.removed = false;
    entry.signMs = null;
    entry.goneMs = null;
    entry.record = record;
    this.#byUid.set(record.uid, entry);
    this.#byName.add(serviceKey(record.namespace, record.name), entry);
    const keys = portKeys(record, known === undefined);
    entry.ports.set(keys.ports, Math.ceil(now.monoMs), now.offsetMs);
    if (keys.nodePorts.size > 0) entry.nodePorts ??= new Holdings(entry, this.nodePorts, this.coverage);
    entry.nodePorts?.set(keys.nodePorts, Math.ceil(now.monoMs), now.offsetMs);
    for (const address of served(record)) {
      this.#addresses.set(address, (this.#addresses.get(address) ?? 0) + 1);
    }
    this.#changed(entry);
  }

  remove(uid: string, now: Now): void {
    this.#forget(now);
    const entry = this.#byUid.get(uid);
    if (entry === undefined || entry.removed) return;
    this.#leave(entry);
    entry.removed = true;
    entry.signMs = Math.floor(this.coverage.asOfMs(now.monoMs));
    entry.goneMs = Math.ceil(now.monoMs);
    this.#removed.add(entry, now.monoMs);
    this.#byName.delete(serviceKey(entry.record.namespace, entry.record.name), entry);
    this.#changed(entry);
  }

  /** The record that the entry had does not count any more. */
  #leave(entry: ServiceEntry): void {
    this.#changed(entry);
    if (entry.removed) return;
    for (const address of served(entry.record)) {
      const left = (this.#addresses.get(address) ?? 0) - 1;
      if (left > 0) this.#addresses.set(address, left);
      else this.#addresses.delete(address);
    }
  }

  #forget({ monoMs, offsetMs }: Now): void {
    for (const entry of this.#removed.due(monoMs)) {
      this.#byUid.delete(entry.record.uid);
      const gone = { holder: entry, seenMs: 0, surelyTold: false, signMs: 0, goneMs: entry.goneMs };
      this.coverage.forgot(latestMs(gone, offsetMs, this.coverage.margins) - offsetMs);
      entry.ports.forget();
      entry.nodePorts?.forget();
    }
  }
}

/** Addresses at which the Service is served. */
function served({ type, clusterAddresses, externalAddresses }: ServiceRecord): readonly string[] {
  if (type === 'ExternalName' || clusterAddresses.length === 0) return [];
  return [...clusterAddresses, ...externalAddresses];
}

/**
 * What the Service claims. A cluster address is given to a Service when it is made, so one that was there when the
 * Service was first told (`first`) surely was its own from then on; other addresses and node ports come and go.
 */
function portKeys(record: ServiceRecord, first: boolean) {
  const ports = new Map<string, boolean>();
  const nodePorts = new Map<string, boolean>();
  const addresses = served(record);
  for (const { port, protocol, nodePort } of record.ports) {
    for (const address of addresses) {
      const isCluster = record.clusterAddresses.includes(address);
      ports.set(portKey(address, port, protocol), first && isCluster);
    }
    if (nodePort !== 0 && addresses.length > 0) nodePorts.set(portKey('', nodePort, protocol), false);
  }
  return { ports, nodePorts };
}
