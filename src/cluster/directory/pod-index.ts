import type { PodRecord } from '../objects/records.ts';
import { latestMs, type Moment } from './claim.ts';
import type { Coverage } from './coverage.ts';
import { Holdings } from './holdings.ts';
import type { OwnerBook } from './owner-book.ts';
import { PodEntry } from './pod-entry.ts';
import { portKey } from './port-key.ts';
import { Removed, type RemovedOptions } from './removed.ts';
import { type Answer, Timeline } from './timeline.ts';

/** What a pod index tells the others. */
export interface PodEvents {
  /** The answers for its addresses, and its ports of its node, may have changed. */
  readonly changed: (pod: PodEntry) => void;
  /** An address of a pod's own has come or gone: of one that lives on. */
  readonly moved: (address: string) => void;
}

/** Our clocks at one moment. */
export interface Now {
  readonly monoMs: number;
  /** The wall clock less the monotonic one. */
  readonly offsetMs: number;
}

/**
 * Pods by UID, by address, and by their ports of nodes. A pod claims its addresses from when it was first told with some
 * until it is done (Succeeded, Failed) or removed. One with hostNetwork never claims an address, for that is its node's:
 * only its declared ports there. As many as the Reflector lets through, and those removed lately.
 */
export class PodIndex {
  readonly #coverage: Coverage;
  readonly #owners: OwnerBook;
  readonly #events: PodEvents;
  readonly #byUid = new Map<string, PodEntry>();
  /** Static pods by the UID that they have on their node. The newest: kubelet makes the object anew, and the pod stays. */
  readonly #byStaticHash = new Map<string, PodEntry>();
  readonly #removed: Removed<PodEntry>;
  readonly #addresses: Timeline<PodEntry>;
  readonly #hostPorts: Timeline<PodEntry>;
  /** Upserts that said nothing new. */
  unchanged = 0;

  constructor(coverage: Coverage, owners: OwnerBook, events: PodEvents, keep: RemovedOptions) {
    this.#coverage = coverage;
    this.#owners = owners;
    this.#events = events;
    this.#removed = new Removed(keep);
    this.#addresses = new Timeline(coverage);
    this.#hostPorts = new Timeline(coverage);
  }

  get size(): number {
    return this.#byUid.size - this.#removed.size;
  }

  get removedSize(): number {
    return this.#removed.size;
  }

  get addressesSize(): number {
    return this.#addresses.size;
  }

  get(uid: string): PodEntry | undefined {
    return this.#byUid.get(uid);
  }

  /** The pod with this UID on its node: a static pod has another there than its object. */
  byNodeUid(uid: string): PodEntry | undefined {
    return this.#byUid.get(uid) ?? this.#byStaticHash.get(uid);
  }

  /** All, those removed lately too. */
  all(): Iterable<PodEntry> {
    return this.#byUid.values();
  }

  hasAddress(address: string): boolean {
    return this.#addresses.has(address);
  }

  /** The pod that had the address of its own at that moment. */
  atAddress(address: string, moment: Moment, now: Now): Answer<PodEntry> {
    return this.#addresses.at(address, moment, now.monoMs);
  }

  /** The pod that has it, or the port of the node, by the latest news. */
  latestAt(address: string): PodEntry | null {
    return this.#addresses.latest(address);
  }

  latestAtHostPort(node: string, address: string, key: string): PodEntry | null {
    return (
      this.#hostPorts.latest(hostKey(node, '', key)) ?? this.#hostPorts.latest(hostKey(node, address, key))
    );
  }

  /** The pod whose port of the node it was at that moment; `address`: that of the node which was asked. */
  atHostPort(node: string, address: string, key: string, moment: Moment, now: Now): Answer<PodEntry> {
    const everywhere = this.#hostPorts.at(hostKey(node, '', key), moment, now.monoMs);
    return everywhere ?? this.#hostPorts.at(hostKey(node, address, key), moment, now.monoMs);
  }

  upsert(record: PodRecord, now: Now): void {
    this.#forget(now);
    const known = this.#byUid.get(record.uid);
    if (known === undefined) return this.#add(record, now);
    if (!known.removed && known.equals(record)) {
      this.unchanged++;
      return;
    }
    this.#change(known, record, now);
  }

  remove(uid: string, now: Now): void {
    this.#forget(now);
    const entry = this.#byUid.get(uid);
    if (entry === undefined || entry.removed) return;
    entry.removed = true;
    this.#removed.add(entry, now.monoMs);
    this.#end(entry, now);
    this.#events.changed(entry);
  }

  #add(record: PodRecord, now: Now): void {
    const entry = new PodEntry(record);
    if (entry.owner !== null) entry.owner = this.#owners.acquire(entry.owner);
    this.#byUid.set(entry.uid, entry);
    if (entry.staticHash !== '') this.#byStaticHash.set(entry.staticHash, entry);
    this.#begin(entry, now);
    this.#setEnds(entry, now);
    this.#events.changed(entry);
  }

  #change(entry: PodEntry, record: PodRecord, now: Now): void {
    this.#events.changed(entry); // of the addresses it had
    if (entry.removed) {
      entry.removed = false;
      this.#removed.restore(entry);
    }
    const before = entry.addresses;
    if (record.owner?.uid !== entry.owner?.uid) {
      if (entry.owner !== null) this.#owners.release(entry.owner);
      entry.owner = record.owner === null ? null : this.#owners.acquire(record.owner);
    }
    const moves = entry.claims && !record.done && !entry.hasAddresses(record.addresses);
    if (moves && entry.holdings === null) this.#makeHoldings(entry, before);
    for (const key of hostKeys(entry)) this.#hostPorts.drop(key, entry);
    entry.take(record);
    // a pod without a sandbox serves no port of its node
    if (entry.claims && entry.addresses.length > 0) this.#claimHostPorts(entry);
    this.#begin(entry, now);
    if (moves && entry.holdings !== null) this.#move(entry, entry.holdings, now);
    this.#setEnds(entry, now);
    this.#events.changed(entry);
  }

  /** It has addresses for the first time. */
  #begin(entry: PodEntry, now: Now): void {
    if (entry.claims || entry.addresses.length === 0 || entry.nodeName === '') return;
    entry.claims = true;
    entry.seenMs = Math.ceil(now.monoMs);
    if (!entry.hostNetwork) {
      for (const address of entry.addresses) this.#addresses.add(address, entry);
    }
    this.#claimHostPorts(entry);
  }

  #claimHostPorts(entry: PodEntry): void {
    for (const key of hostKeys(entry)) this.#hostPorts.add(key, entry);
  }

  /** From now on its addresses are claimed each by itself. */
  #makeHoldings(entry: PodEntry, addresses: readonly string[]): void {
    if (entry.hostNetwork) return;
    entry.holdings = new Holdings(entry, this.#addresses, this.#coverage);
    for (const address of addresses) {
      this.#addresses.drop(address, entry);
      entry.holdings.hold(address, entry.seenMs, true);
    }
  }

  /** Its sandbox was made anew, and has other addresses: since when is not told. */
  #move(entry: PodEntry, holdings: Holdings<PodEntry>, { monoMs, offsetMs }: Now): void {
    const keys = new Map(entry.addresses.map((address) => [address, false]));
    for (const address of holdings.set(keys, monoMs, offsetMs)) this.#events.moved(address);
  }

  #setEnds(entry: PodEntry, now: Now): void {
    if (entry.done) return this.#end(entry, now);
    entry.goneMs = null;
    if (!entry.terminating) entry.signMs = null;
    else entry.signMs ??= Math.floor(this.#coverage.asOfMs(now.monoMs));
  }

  #end(entry: PodEntry, now: Now): void {
    entry.signMs ??= Math.floor(this.#coverage.asOfMs(now.monoMs));
    entry.goneMs ??= Math.ceil(now.monoMs);
  }

  #forget({ monoMs, offsetMs }: Now): void {
    for (const entry of this.#removed.due(monoMs)) {
      this.#byUid.delete(entry.uid);
      if (this.#byStaticHash.get(entry.staticHash) === entry) this.#byStaticHash.delete(entry.staticHash);
      if (entry.owner !== null) this.#owners.release(entry.owner);
      if (!entry.claims) continue;
      this.#coverage.forgot(latestMs(entry, offsetMs, this.#coverage.margins) - offsetMs);
      for (const key of hostKeys(entry)) this.#hostPorts.drop(key, entry);
      if (entry.holdings !== null) entry.holdings.forget();
      else if (!entry.hostNetwork)
        for (const address of entry.addresses) this.#addresses.drop(address, entry);
    }
  }
}

const hostKey = (node: string, address: string, key: string): string => `${node} ${address} ${key}`;

function* hostKeys(entry: PodEntry): Generator<string, void> {
  for (const { address, port, protocol } of entry.hostPorts) {
    yield hostKey(entry.nodeName, address, portKey('', port, protocol));
  }
}
