import { Role } from '../../../src/abi/records.gen.ts';
import {
  type Answer,
  type Changes,
  type Identity,
  type LocalEnd,
  NO_CHANGES,
  party,
  type RemoteEnd,
  UNKNOWN,
} from '../../../src/cluster/identity.ts';
import { FlowNames } from '../../../src/collector/flow-names.ts';
import { FlowState, FlowTable, OTHER } from '../../../src/tracker/flow-table.ts';
import { LiveTable, TcpState } from '../../../src/tracker/live-table.ts';
import { BookMemory, v4 } from '../tracker/book-memory.ts';
import { type LiveFields, liveRecords } from '../tracker/live-records.ts';

/** What a flow is: small numbers, so that random ones often meet. */
export interface Spec {
  readonly owner: number;
  readonly role: number;
  readonly local: number;
  /** 0: an unknown peer. */
  readonly remote: number;
  readonly port: number;
  readonly protocol: number;
  readonly netns: number;
}

export interface Socket {
  readonly spec: Spec;
  readonly cookie: number;
  readonly slot: number;
  readonly bornNs: number;
  readonly remotePort: number;
  state: number;
  row: number | null;
  opened: boolean;
  /** What a walk has claimed, and what has come since. */
  sent: number;
  received: number;
  moreSent: number;
  moreReceived: number;
}

/** What is done with a flow when the tables let go of it. */
export interface Reader {
  forget(row: number): void;
  /** @param nowNs CLOCK_MONOTONIC */
  read(nowNs: number): void;
}

/** What one kind of end has counted: clients (and ends of which nobody knows), or servers. */
export interface Tally {
  sent: number;
  received: number;
  opened: number;
  closed: number;
  readonly failed: number[];
}

function emptyTally(): Tally {
  return { sent: 0, received: 0, opened: 0, closed: 0, failed: [0, 0, 0, 0, 0, 0] };
}

export const TTL_NS = 20e9;

/** Names that can change: those of a cgroup are `cgroup <id>` until they are renamed. 0 has none. */
export class Names implements Identity {
  readonly of = new Map<number, string>();
  /** Pods by their address, where there are any. */
  readonly pods = new Map<string, string>();
  /** Whether more may be known in a moment of addresses that are no pod's. */
  hopes = false;
  /** Set it when a name has changed. */
  changed = false;

  local({ cgroupId, comm }: LocalEnd): Answer {
    const name = cgroupId === 0 ? '' : (this.of.get(cgroupId) ?? `cgroup ${cgroupId}`);
    if (name !== '') return { party: party({ kind: 'unit', name }), holder: '', final: true };
    return { party: comm === '' ? UNKNOWN : party({ kind: 'process', name: comm }), holder: '', final: true };
  }

  remote({ address }: RemoteEnd): Answer {
    const name = this.pods.get(address);
    if (name === undefined) return { party: UNKNOWN, holder: '', final: !this.hopes };
    return {
      party: party({ kind: 'pod', name, namespace: 'shop', inCluster: true }),
      holder: name,
      final: true,
    };
  }

  holder({ address }: RemoteEnd): string {
    return this.pods.get(address) ?? '';
  }

  changes(): Changes {
    const { changed } = this;
    this.changed = false;
    return changed ? { all: true, addresses: new Set() } : NO_CHANGES;
  }

  learn(): Promise<boolean> {
    return Promise.resolve(true);
  }
}

/**
 * A machine with sockets and the kernel side that counts them, in a few lines: books behind an index, sockets that are
 * bound to their book at the first walk or at their close, flows that are forgotten in two snapshots.
 */
export class Machine {
  readonly books: BookMemory;
  readonly flows: FlowTable;
  readonly live: LiveTable;
  readonly identity = new Names();
  readonly names: FlowNames;
  readonly sockets: Socket[] = [];
  /** All bytes that any book has ever been given. */
  readonly booked = { sent: 0, received: 0 };
  /** Of them, those of owners that have no name; and everything by reporter. */
  unknownBytes = 0;
  readonly tallies = { source: emptyTally(), destination: emptyTally() };
  nowNs = 1000e9;
  /** What each row in use is about. */
  readonly specs = new Map<number, Spec>();
  readonly #index = new Map<string, number>();
  readonly #free: number[];
  readonly #freeSlots: number[];
  #cookies = 0;

  constructor(books: number, slots: number) {
    this.books = new BookMemory(books);
    this.flows = new FlowTable(this.books.buffer);
    this.names = new FlowNames(this.flows, this.identity);
    this.live = new LiveTable(slots);
    this.#free = Array.from({ length: books - 1 }, (_, i) => i + 1);
    this.#freeSlots = Array.from({ length: slots }, (_, i) => i);
  }

  /** A connection that came and went between two walks, or a datagram. */
  transfer(of: Spec, sent: number, received: number): void {
    const row = this.#rowOf(of);
    this.#count(row, sent, received);
    if (of.protocol === 6) {
      this.#countOpen(row);
      this.#countClose(row);
    }
  }

  fail(of: Spec, failure: number): void {
    const row = this.#rowOf(of);
    this.books.addFailed(row, failure, 1);
    const { failed } = this.#tally(row);
    failed[failure] = (failed[failure] ?? 0) + 1;
  }

  /** @param older the socket is older than the agent */
  connect(of: Spec, remotePort: number, state: number, older: boolean): void {
    const slot = this.#freeSlots.shift();
    if (slot === undefined) return;
    this.sockets.push({
      spec: of,
      cookie: ++this.#cookies,
      slot,
      bornNs: older ? 0 : this.nowNs,
      remotePort,
      state,
      row: null,
      opened: false,
      sent: 0,
      received: 0,
      moreSent: 0,
      moreReceived: 0,
    });
  }

  talk(socket: Socket, sent: number, received: number): void {
    socket.state = TcpState.established;
    socket.moreSent += sent;
    socket.moreReceived += received;
  }

  close(socket: Socket): void {
    this.#claim(socket);
    if (socket.opened) this.#countClose(socket.row ?? OTHER);
    this.sockets.splice(this.sockets.indexOf(socket), 1);
    this.#freeSlots.unshift(socket.slot); // the next one gets it, so that what is kept by slot is seen to be wrong
  }

  /** A snapshot as the agent takes it. @param late what happens between the walk and the reading of the books */
  snapshot(reader: Reader, late: () => void = () => {}): void {
    this.#walk();
    late();
    this.flows.update(this.nowNs);
    for (const row of this.flows.retired(this.nowNs)) {
      reader.forget(row);
      this.names.forget(row);
      this.flows.clear(row);
      this.books.release(row);
      this.specs.delete(row);
      this.#free.push(row);
    }
    for (const row of this.flows.idle(this.nowNs, TTL_NS, 4)) {
      for (const [key, of] of this.#index) if (of === row) this.#index.delete(key);
      this.flows.beginRetiring(row, this.nowNs);
    }
    reader.read(this.nowNs);
  }

  /** What the last snapshot saw of open connections and of UDP flows that are not silent. */
  active(): number {
    let active = this.flows.established[OTHER] ?? 0;
    for (const [row, { protocol }] of this.specs) {
      if (this.flows.state[row] === FlowState.free) continue;
      const recent = this.nowNs - (this.flows.activeNs[row] ?? 0) < 60e9;
      if (protocol === 6) active += this.flows.established[row] ?? 0;
      else if (recent && this.flows.state[row] === FlowState.used) active++;
    }
    return active;
  }

  #walk(): void {
    this.live.begin(this.flows);
    const records = this.sockets.map((socket): LiveFields => {
      if (socket.state !== TcpState.listen) this.#claim(socket);
      return {
        cookie: socket.cookie,
        bornNs: socket.bornNs,
        sentBytes: socket.sent,
        receivedBytes: socket.received,
        slot: socket.slot,
        book: socket.row ?? OTHER,
        localPort: socket.spec.port,
        remotePort: socket.remotePort,
        state: socket.state,
        role: socket.spec.role,
        srttUs: 1 + socket.slot,
      };
    });
    this.live.add(liveRecords(records), records.length, this.nowNs, this.flows);
  }

  #claim(socket: Socket): void {
    socket.row ??= this.#rowOf(socket.spec);
    this.#count(socket.row, socket.moreSent, socket.moreReceived);
    socket.sent += socket.moreSent;
    socket.received += socket.moreReceived;
    socket.moreSent = 0;
    socket.moreReceived = 0;
    if (socket.state !== TcpState.established || socket.opened) return;
    socket.opened = true;
    this.#countOpen(socket.row);
  }

  #count(row: number, sent: number, received: number): void {
    this.books.add(row, 'sentBytes', sent);
    this.books.add(row, 'receivedBytes', received);
    this.booked.sent += sent;
    this.booked.received += received;
    this.#tally(row).sent += sent;
    this.#tally(row).received += received;
    if (this.specs.get(row)?.owner === 0) this.unknownBytes += sent + received;
  }

  #countOpen(row: number): void {
    this.books.add(row, 'opened', 1);
    this.#tally(row).opened++;
  }

  #countClose(row: number): void {
    this.books.add(row, 'closed', 1);
    this.#tally(row).closed++;
  }

  #tally(row: number): Tally {
    return this.tallies[this.specs.get(row)?.role === Role.ROLE_SERVER ? 'destination' : 'source'];
  }

  #rowOf(of: Spec): number {
    const key = JSON.stringify(of);
    const known = this.#index.get(key);
    if (known !== undefined) return known;
    const row = this.#free.shift();
    if (row === undefined) return OTHER;
    this.#index.set(key, row);
    this.specs.set(row, of);
    this.books.open(row, {
      cgroupId: of.owner,
      netns: of.netns,
      port: of.port,
      role: of.role,
      protocol: of.protocol,
      localAddr: v4(10, 0, 0, of.local),
      remoteAddr: of.remote === 0 ? new Array<number>(16).fill(0) : v4(10, 1, 0, of.remote),
    });
    return row;
  }
}

/** A client of 10.1.0.1:80 in cgroup 1, but for what is given. */
export function spec(of: Partial<Spec> = {}): Spec {
  return {
    owner: 1,
    role: Role.ROLE_CLIENT,
    local: 1,
    remote: 1,
    port: 80,
    protocol: 6,
    netns: 1,
    ...of,
  };
}
