import type { SliceRecord } from '../objects/records.ts';
import { serviceKey } from './service-index.ts';

/** What is kept of a slice: whom its endpoints are. Addresses, nodes and zones are the pods' own. */
interface SliceEntry {
  /** '' where it belongs to no Service. */
  service: string;
  ports: SliceRecord['ports'];
  podUids: readonly string[];
  /** Some endpoint is no pod. */
  others: boolean;
}

/** What a slice index tells the others. */
export interface SliceEvents {
  /** The endpoints of this Service have changed. */
  readonly serviceChanged: (service: string) => void;
  /** The pod may be an endpoint of other Services than before. */
  readonly podChanged: (podUid: string) => void;
}

/**
 * Endpoints of Services, of all their slices: ready or not, serving or terminating, published early or not. As many slices
 * as the Reflector lets through, of at most 1,000 endpoints each.
 */
export class SliceIndex {
  readonly #events: SliceEvents;
  readonly #sharedUid: (uid: string) => string;
  readonly #byUid = new Map<string, SliceEntry>();
  readonly #byService = new Map<string, Set<SliceEntry>>();
  readonly #byPod = new Map<string, SliceEntry | SliceEntry[]>();

  /** `sharedUid` answers the same text as its argument, where possible one that is kept anyway. */
  constructor(events: SliceEvents, sharedUid: (uid: string) => string) {
    this.#events = events;
    this.#sharedUid = sharedUid;
  }

  get size(): number {
    return this.#byUid.size;
  }

  /** Pods that are endpoints. */
  get podsSize(): number {
    return this.#byPod.size;
  }

  upsert(record: SliceRecord): void {
    const { namespace, serviceName, ports } = record;
    const podUids = new Set<string>();
    let others = false;
    for (const { podUid } of record.endpoints) {
      if (podUid === '') others = true;
      else podUids.add(this.#sharedUid(podUid));
    }
    const service = serviceName === '' ? '' : serviceKey(namespace, serviceName);
    const known = this.#byUid.get(record.uid);
    if (known !== undefined && same(known, { service, ports, podUids: [...podUids], others })) return;
    if (known !== undefined) this.#take(known, service, podUids);
    const entry = { service, ports, podUids: [...podUids], others };
    this.#byUid.set(record.uid, entry);
    this.#put(entry, known);
  }

  remove(uid: string): void {
    const entry = this.#byUid.get(uid);
    if (entry === undefined) return;
    this.#byUid.delete(uid);
    this.#take(entry, '', new Set());
    this.#events.serviceChanged(entry.service);
  }

  /** The Services that have this pod among their endpoints, on whatever port. */
  *servicesOf(podUid: string): Generator<string, void> {
    for (const { service } of this.#slicesOf(podUid)) if (service !== '') yield service;
  }

  /** The one Service for which `exists` holds and this port of the pod is an endpoint; null: none, or several. */
  onlyService(
    podUid: string,
    port: number,
    protocol: string,
    exists: (service: string) => boolean,
  ): string | null {
    let only: string | null = null;
    for (const { service, ports } of this.#slicesOf(podUid)) {
      if (service === '' || service === only || !exists(service)) continue;
      if (!ports.some((own) => own.protocol === protocol && (own.port === port || own.port === 0))) continue;
      if (only !== null) return null;
      only = service;
    }
    return only;
  }

  /** The pods among the endpoints of a Service; one may come several times. */
  *podsOf(service: string): Generator<string, void> {
    for (const { podUids } of this.#byService.get(service) ?? []) yield* podUids;
  }

  /** Whether some endpoint of the Service is no pod. */
  hasOthers(service: string): boolean {
    for (const { others } of this.#byService.get(service) ?? []) if (others) return true;
    return false;
  }

  #slicesOf(podUid: string): readonly SliceEntry[] {
    const slices = this.#byPod.get(podUid);
    if (slices === undefined) return [];
    return Array.isArray(slices) ? slices : [slices];
  }

  #put(entry: SliceEntry, before: SliceEntry | undefined): void {
    if (entry.service !== '') {
      const slices = this.#byService.get(entry.service) ?? new Set();
      this.#byService.set(entry.service, slices.add(entry));
    }
    const ports = before !== undefined && before.service === entry.service && samePorts(before, entry);
    const stay = ports ? new Set(before.podUids) : null;
    for (const uid of entry.podUids) {
      const there = this.#byPod.get(uid);
      if (there === undefined) this.#byPod.set(uid, entry);
      else if (Array.isArray(there)) there.push(entry);
      else this.#byPod.set(uid, [there, entry]);
      if (stay?.has(uid) !== true) this.#events.podChanged(uid);
    }
    this.#events.serviceChanged(entry.service);
  }

  /** Takes an entry out; the pods in `stay` of the same Service are told of by who puts in the next. */
  #take(entry: SliceEntry, service: string, stay: ReadonlySet<string>): void {
    const slices = this.#byService.get(entry.service);
    slices?.delete(entry);
    if (slices?.size === 0) this.#byService.delete(entry.service);
    for (const uid of entry.podUids) {
      const left = this.#slicesOf(uid).filter((other) => other !== entry);
      if (left.length > 1) this.#byPod.set(uid, left);
      else if (left[0] !== undefined) this.#byPod.set(uid, left[0]);
      else this.#byPod.delete(uid);
      if (service !== entry.service || !stay.has(uid)) this.#events.podChanged(uid);
    }
    if (service !== entry.service) this.#events.serviceChanged(entry.service);
  }
}

function same(a: SliceEntry, b: SliceEntry): boolean {
  return (
    a.service === b.service &&
    a.others === b.others &&
    a.podUids.length === b.podUids.length &&
    a.podUids.every((uid, i) => uid === b.podUids[i]) &&
    samePorts(a, b)
  );
}

function samePorts(a: SliceEntry, b: SliceEntry): boolean {
  return (
    a.ports.length === b.ports.length &&
    a.ports.every(({ port, protocol }, i) => port === b.ports[i]?.port && protocol === b.ports[i]?.protocol)
  );
}
