import { Role } from '../abi/records.gen.ts';
import {
  type Changes,
  type Identity,
  type Moment,
  NO_CHANGES,
  type Party,
  type RemoteEnd,
} from '../cluster/identity.ts';
import { FlowState, type FlowTable, OTHER, Protocol } from '../tracker/flow-table.ts';
import { formatAddressBytes } from '../util/ip.ts';
import { inSlices } from '../util/slices.ts';
import { commOf } from './comm.ts';
import { Networks } from './networks.ts';
import { scopeBetween } from './scope.ts';

const APP_LABELS = ['name', 'component', 'instance', 'version', 'partOf', 'managedBy'] as const;
const HOLD_NS = 5e9; // so long after it began a flow is shown with the name it has
const PAUSE_MASK = 0xff; // rows between two places to pause, less one
const MAX_PENDING = 16_384; // changed addresses that wait for the next snapshot; over it all names are asked for again

/** What the peer of a datagram is called that could not be told. */
export const UNKNOWN_ADDRESS = 'unknown';

/** Who is at both ends of a flow. */
export interface FlowName {
  readonly local: Party;
  readonly remote: Party;
  readonly localAddress: string;
  /** UNKNOWN_ADDRESS for a peer that could not be told. */
  readonly remoteAddress: string;
  readonly scope: string;
  /** Who the remote party is, see Answer. */
  readonly holder: string;
  /** False: more may be known in a moment. */
  readonly settled: boolean;
}

/** The name of each flow, kept until something is learnt about it. Bounded by the flow table. */
export class FlowNames {
  readonly #flows: FlowTable;
  readonly #identity: Identity;
  readonly #networks: Networks;
  readonly #names: (FlowName | null)[];
  /** The snapshot before the one that saw the row first: its flow began after it. */
  readonly #fromNs: Float64Array;
  /** Who had the remote address when the row was last looked at. */
  readonly #holders: string[];
  readonly #unsettled = new Set<number>();
  /** Cgroups that were looked for too lately to be looked for again. */
  #unlearnt = new Set<number>();
  #again = false;
  readonly #moved = new Set<number>();
  /** Changes that were looked at between snapshots. */
  #pending: Changes = NO_CHANGES;
  #lastNs = 0;

  /** @param networks names of scopes, see scopeBetween */
  constructor(flows: FlowTable, identity: Identity, networks = new Networks()) {
    this.#flows = flows;
    this.#networks = networks;
    this.#identity = identity;
    this.#names = new Array<FlowName | null>(flows.capacity).fill(null);
    this.#fromNs = new Float64Array(flows.capacity);
    this.#holders = new Array<string>(flows.capacity).fill('');
  }

  /** The name of a row; a new object when it changes. */
  of(row: number): FlowName {
    return this.#names[row] ?? this.#name(row, this.#moment(row));
  }

  /**
   * Whether a row is not shown yet: its name may come in a moment, and what is shown under one name first and another
   * then would be two series.
   */
  isHeld(row: number, nowNs: number): boolean {
    return !this.of(row).settled && nowNs - (this.#flows.firstNs[row] ?? 0) < HOLD_NS;
  }

  /** Rows whose name is not settled. */
  get unsettled(): number {
    return this.#unsettled.size;
  }

  /** The row is cleared next. */
  forget(row: number): void {
    this.#names[row] = null;
    this.#fromNs[row] = 0;
    this.#holders[row] = '';
    this.#unsettled.delete(row);
    this.#moved.delete(row);
  }

  /** Looks for cgroups that are not known yet. To be awaited before update(). */
  async learn(): Promise<void> {
    this.#again = this.#unlearnt.size > 0;
    const wanted = new Set(this.#unlearnt);
    await inSlices(this.#findCgroups(wanted));
    this.#unlearnt = (await this.#identity.learn(wanted)) ? new Set() : wanted;
  }

  /**
   * Names new rows, and again those of which more may be known. Yields where it may pause.
   * @param nowNs of this snapshot
   */
  *update(nowNs: number): Generator<void> {
    const { all, addresses, isDeaf } = this.#takeChanges();
    this.#pending = NO_CHANGES;
    if (isDeaf) yield* this.#splitNamed();
    for (let i = 0; i < this.#flows.rowCount; i++) {
      const row = this.#flows.rows[i] ?? 0;
      if ((i & PAUSE_MASK) === 0) yield;
      if (!this.#isFlow(row)) continue;
      const name = this.#names[row];
      if (!name) this.#begin(row);
      else if (this.#again || all || this.#unsettled.has(row) || touches(name, addresses))
        this.#ask(row, name);
    }
    this.#lastNs = nowNs;
  }

  /**
   * Looks for addresses that have gone over to somebody else, between snapshots: what takeMoved() tells then is split
   * before the next one has begun to use them. To be run some times a second: 1 ms for 16,384 flows, when there is news.
   * Yields where it may pause; what a snapshot takes meanwhile from before where it is, the snapshot looks at itself.
   */
  *noteChanges(): Generator<void> {
    const { all, addresses, isNew, isDeaf } = this.#takeChanges();
    if (isDeaf) yield* this.#splitNamed();
    if (!isNew) return;
    for (let i = 0; i < this.#flows.rowCount; i++) {
      const row = this.#flows.rows[i] ?? 0;
      if ((i & PAUSE_MASK) === PAUSE_MASK) yield;
      const name = this.#names[row];
      if (name && this.#isFlow(row) && (all || addresses.has(name.remoteAddress)))
        this.#noteHolder(row, name);
    }
  }

  /** What has changed since the last snapshot; all that waits for the next one. */
  #takeChanges(): Changes & { readonly isNew: boolean; readonly isDeaf: boolean } {
    const { deaf: isDeaf = false, ...changes } = this.#identity.changes();
    const isNew = changes.all || changes.addresses.size > 0;
    if (isNew) this.#pending = merged(this.#pending, changes);
    return { ...this.#pending, isNew, isDeaf };
  }

  /** Somebody else may have any address by now: connections that come are told apart from those whose peers were known. */
  *#splitNamed(): Generator<void> {
    for (let i = 0; i < this.#flows.rowCount; i++) {
      const row = this.#flows.rows[i] ?? 0;
      if ((i & PAUSE_MASK) === PAUSE_MASK) yield;
      if (!this.#isFlow(row) || this.#flows.detached[row] !== 0) continue;
      if ((this.#names[row]?.holder ?? '') !== '') this.#moved.add(row);
    }
  }

  /**
   * Rows whose address has gone over to somebody else since the last call: connections from now on are another flow's.
   * Not more than the limit: the others are told next time.
   */
  takeMoved(limit = Infinity): number[] {
    const moved = [...this.#moved.values().take(limit)];
    for (const row of moved) this.#moved.delete(row);
    return moved;
  }

  /** Cgroups of rows without a name: no more than there are flows. */
  *#findCgroups(found: Set<number>): Generator<void> {
    for (let i = 0; i < this.#flows.rowCount; i++) {
      const row = this.#flows.rows[i] ?? 0;
      if ((i & PAUSE_MASK) === 0) yield;
      if (this.#isFlow(row) && !this.#names[row]) found.add(this.#flows.cgroupId(row));
    }
  }

  /** Not `other`, and not cleared since the table was read. */
  #isFlow(row: number): boolean {
    return row !== OTHER && this.#flows.state[row] !== FlowState.free;
  }

  #begin(row: number): void {
    // what the first snapshot finds may have begun long ago: of that the moment of the snapshot is all that is known
    this.#fromNs[row] = this.#lastNs === 0 ? (this.#flows.firstNs[row] ?? 0) : this.#lastNs;
    this.#noteHolder(row, this.#name(row, this.#moment(row)));
  }

  #ask(row: number, before: FlowName): void {
    this.#noteHolder(row, this.#name(row, this.#moment(row), before));
  }

  /**
   * Connections that come to its address when somebody else has it or may soon have it, or while it is not sure who had
   * it when the row began, must not be counted with it.
   */
  #noteHolder(row: number, { settled, holder, remoteAddress }: FlowName): void {
    const before = this.#holders[row] ?? '';
    const now = this.#identity.holder(this.#remoteEnd(row, remoteAddress));
    this.#holders[row] = now;
    const [who] = now.split(' ');
    const isAnother = (settled && now !== '' && who !== holder) || (before !== '' && now !== before);
    if (isAnother && this.#flows.detached[row] === 0) this.#moved.add(row);
  }

  #remoteEnd(row: number, address: string): RemoteEnd {
    const flows = this.#flows;
    const protocol = flows.protocol(row) === Protocol.udp ? 'udp' : 'tcp';
    return { address, port: flows.role(row) === Role.ROLE_SERVER ? 0 : flows.port(row), protocol };
  }

  #moment(row: number): Moment {
    return { fromNs: this.#fromNs[row] ?? 0, toNs: this.#flows.firstNs[row] ?? 0 };
  }

  #name(row: number, at: Moment, before: FlowName | null = null): FlowName {
    const name = this.#describe(row, at);
    if (name.settled) this.#unsettled.delete(row);
    else this.#unsettled.add(row);
    const kept = before && isSame(before, name) ? before : name;
    this.#names[row] = kept;
    return kept;
  }

  #describe(row: number, at: Moment): FlowName {
    const flows = this.#flows;
    const { memory } = flows;
    const remoteAt = flows.remoteAddrOffset(row);
    const isUnknown = flows.protocol(row) === Protocol.udp && isZero(memory, remoteAt);
    const localAddress = formatAddressBytes(memory, flows.localAddrOffset(row));
    const remoteAddress = isUnknown ? UNKNOWN_ADDRESS : formatAddressBytes(memory, remoteAt);
    const end = this.#remoteEnd(row, remoteAddress);
    const local = this.#identity.local(
      {
        cgroupId: flows.cgroupId(row),
        netns: flows.netns(row),
        comm: commOf(memory, flows.commOffset(row)),
        address: localAddress,
        port: flows.role(row) === Role.ROLE_SERVER ? flows.port(row) : 0,
        protocol: end.protocol,
      },
      at,
    );
    const remote = this.#identity.remote(end, at);
    return {
      local: local.party,
      remote: remote.party,
      localAddress,
      remoteAddress,
      scope: scopeBetween(local.party, remote.party, this.#networks, memory, remoteAt),
      holder: remote.holder,
      settled: local.final && remote.final,
    };
  }
}

function merged(a: Changes, b: Changes): Changes {
  if (a.all || b.all) return { all: true, addresses: NO_CHANGES.addresses };
  const addresses = a.addresses.union(b.addresses);
  return addresses.size > MAX_PENDING
    ? { all: true, addresses: NO_CHANGES.addresses }
    : { all: false, addresses };
}

function touches(name: FlowName, addresses: ReadonlySet<string>): boolean {
  return addresses.size > 0 && (addresses.has(name.localAddress) || addresses.has(name.remoteAddress));
}

function isSameParty(a: Party, b: Party): boolean {
  return a.kind === b.kind && a.name === b.name && a.namespace === b.namespace && a.node === b.node;
}

/** Whether all that is shown of two names is the same. */
function isSame(a: FlowName, b: FlowName): boolean {
  return (
    a.settled === b.settled && a.scope === b.scope && isEqual(a.local, b.local) && isEqual(a.remote, b.remote)
  );
}

function isEqual(a: Party, b: Party): boolean {
  if (a === b) return true;
  return (
    isSameParty(a, b) &&
    a.zone === b.zone &&
    a.service === b.service &&
    a.workload?.kind === b.workload?.kind &&
    a.workload?.name === b.workload?.name &&
    a.workload?.namespace === b.workload?.namespace &&
    APP_LABELS.every((label) => a.app?.[label] === b.app?.[label])
  );
}

function isZero(bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < 16; i++) if (bytes[at + i] !== 0) return false;
  return true;
}
