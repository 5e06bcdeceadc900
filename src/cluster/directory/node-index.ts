import type { NodeRecord } from '../objects/records.ts';
import { ByName } from './by-name.ts';
import { type Claimant, latestMs, type Moment } from './claim.ts';
import type { Coverage } from './coverage.ts';
import { Holdings } from './holdings.ts';
import { NodePrefixes } from './node-prefixes.ts';
import type { Now } from './pod-index.ts';
import { Removed, type RemovedOptions } from './removed.ts';
import { type Answer, Timeline } from './timeline.ts';

export class NodeEntry implements Claimant<NodeEntry> {
  record: NodeRecord;
  readonly holdings: Holdings<NodeEntry>;
  removed = false;
  signMs: number | null = null;
  goneMs: number | null = null;
  readonly endedMs = null;

  constructor(record: NodeRecord, timeline: Timeline<NodeEntry>, coverage: Coverage) {
    this.record = record;
    this.holdings = new Holdings(this, timeline, coverage);
  }

  get fromMs(): number {
    return this.record.createdMs;
  }

  /** A machine has its internal address before it registers; an external one may come to it later. */
  get surelyFromMs(): number | null {
    return this.record.createdMs || null;
  }

  sameAs(other: NodeEntry): boolean {
    return this.record.name === other.record.name;
  }
}

/** Nodes by UID, name and address. */
export class NodeIndex {
  readonly #coverage: Coverage;
  readonly #changed: (address: string) => void;
  readonly #zoneChanged: (node: string) => void;
  readonly #byUid = new Map<string, NodeEntry>();
  readonly #byName = new ByName<NodeEntry>();
  readonly #removed: Removed<NodeEntry>;
  readonly #addresses: Timeline<NodeEntry>;
  readonly #prefixes = new NodePrefixes();

  constructor(
    coverage: Coverage,
    events: { changed: (address: string) => void; zoneChanged: (node: string) => void },
    keep: RemovedOptions,
  ) {
    this.#coverage = coverage;
    this.#changed = events.changed;
    this.#zoneChanged = events.zoneChanged;
    this.#removed = new Removed(keep);
    this.#addresses = new Timeline(coverage);
  }

  get size(): number {
    return this.#byUid.size - this.#removed.size;
  }

  get removedSize(): number {
    return this.#removed.size;
  }

  byName(name: string): NodeRecord | undefined {
    return this.#byName.newest(name)?.record;
  }

  /** The addresses of those of this name. */
  *addressesOf(name: string): Generator<string, void> {
    for (const { record } of this.#byName.all(name)) yield* record.addresses;
  }

  *addresses(): Generator<string, void> {
    for (const { record, removed } of this.#byUid.values()) if (!removed) yield* record.addresses;
  }

  /** Whether it is a node's address, or in the range of a node's pods. */
  hasAddress(address: string): boolean {
    return this.#addresses.has(address) || this.#prefixes.has(address);
  }

  atAddress(address: string, moment: Moment, now: Now): Answer<NodeEntry> {
    return this.#addresses.at(address, moment, now.monoMs);
  }

  /** The node that has it by the latest news. */
  latestAt(address: string): NodeEntry | null {
    return this.#addresses.latest(address);
  }

  upsert(record: NodeRecord, now: Now): void {
    this.#forget(now);
    const known = this.#byUid.get(record.uid);
    const entry = known ?? new NodeEntry(record, this.#addresses, this.#coverage);
    const before = known === undefined || known.removed ? null : known.record;
    const zoneBefore = this.byName(record.name)?.zone;
    if (entry.removed) {
      entry.removed = false;
      this.#removed.restore(entry);
    }
    entry.signMs = null;
    entry.goneMs = null;
    entry.record = record;
    this.#byUid.set(record.uid, entry);
    this.#byName.add(record.name, entry);
    for (const cidr of record.podCidrs) this.#prefixes.add(cidr);
    for (const cidr of before?.podCidrs ?? []) this.#prefixes.remove(cidr);
    const external = new Set(record.externalAddresses);
    const keys = new Map(record.addresses.map((text) => [text, known === undefined && !external.has(text)]));
    const changed = entry.holdings.set(keys, Math.ceil(now.monoMs), now.offsetMs);
    for (const address of before === null ? record.addresses : changed) this.#changed(address);
    if (zoneBefore !== this.byName(record.name)?.zone) this.#zoneChanged(record.name);
  }

  remove(uid: string, now: Now): void {
    this.#forget(now);
    const entry = this.#byUid.get(uid);
    if (entry === undefined || entry.removed) return;
    const { name, addresses, podCidrs } = entry.record;
    const zoneBefore = this.byName(name)?.zone;
    entry.removed = true;
    entry.signMs = Math.floor(this.#coverage.asOfMs(now.monoMs));
    entry.goneMs = Math.ceil(now.monoMs);
    this.#removed.add(entry, now.monoMs);
    for (const cidr of podCidrs) this.#prefixes.remove(cidr);
    for (const address of addresses) this.#changed(address);
    if (zoneBefore !== this.byName(name)?.zone) this.#zoneChanged(name);
  }

  #forget({ monoMs, offsetMs }: Now): void {
    for (const entry of this.#removed.due(monoMs)) {
      const { name, uid } = entry.record;
      this.#byUid.delete(uid);
      this.#byName.delete(name, entry);
      const gone = { holder: entry, seenMs: 0, surelyTold: false, signMs: 0, goneMs: entry.goneMs };
      this.#coverage.forgot(latestMs(gone, offsetMs, this.#coverage.margins) - offsetMs);
      entry.holdings.forget();
    }
  }
}
