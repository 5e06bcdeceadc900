import type { PageBlock } from '../expose/page.ts';
import { Role } from '../abi/records.gen.ts';
import { FlowState, type FlowTable, OTHER, Protocol } from '../tracker/flow-table.ts';
import type { FlowDistributions } from '../tracker/flow-distributions.ts';
import type { LiveTable } from '../tracker/live-table.ts';
import { EdgeBook } from './edge-book.ts';
import type { Edge } from './edge.ts';
import type { EdgeAccount } from './edge-account.ts';
import { type EdgeIdentity, type EdgeView, WHOLE_VIEW } from './edge-labels.ts';
import { EdgePage } from './edge-page.ts';
import type { FlowName, FlowNames } from './flow-names.ts';
import { FlowReadings } from './flow-readings.ts';

const PAUSE_MASK = 0xff; // rows between two places to pause, less one

export interface EdgeOptions {
  readonly flows: FlowTable;
  readonly live: LiveTable;
  readonly names: FlowNames;
  readonly distributions: Pick<FlowDistributions, 'take' | 'clear'>;
  /** Edges with series at a time, those named `other` apart. */
  readonly budget: number;
  /** An edge ends so long after its last byte. */
  readonly ttlNs: number;
  readonly view?: EdgeView;
  /** Of the kernel; asked when a page is made. */
  readonly jiffiesPerSecond: () => number;
}

/**
 * Edges between owners and ports: counters, quality and distributions, without addresses. Each snapshot adds what flows
 * have counted since the last one to whatever edge they belong to then, or to the edge `other` of their scope where that
 * has no series. So the sum is exact, no counter falls while its series lives, and what a flow has counted under one
 * name stays there when it gets another.
 */
export class EdgeSeries {
  readonly #flows: FlowTable;
  readonly #live: LiveTable;
  readonly #names: FlowNames;
  readonly #jiffiesPerSecond: () => number;
  readonly #readings: FlowReadings;
  readonly #book: EdgeBook;
  readonly #edgeOf: (Edge | null)[];
  /** The name by which a row came to its edge. */
  readonly #nameOf: (FlowName | null)[];
  /** Two in turn: a text may still be made of the one before. */
  #page = new EdgePage();
  #next = new EdgePage();

  constructor(options: EdgeOptions) {
    const { flows, live, names, distributions, budget, ttlNs, view = WHOLE_VIEW } = options;
    this.#flows = flows;
    this.#live = live;
    this.#names = names;
    this.#jiffiesPerSecond = options.jiffiesPerSecond;
    this.#readings = new FlowReadings(flows, distributions);
    this.#book = new EdgeBook(view, budget, ttlNs);
    this.#edgeOf = new Array<Edge | null>(flows.capacity).fill(null);
    this.#nameOf = new Array<FlowName | null>(flows.capacity).fill(null);
    this.#edgeOf[OTHER] = this.#book.other('source', 'unknown'); // of those nobody knows which end they are
  }

  /** Edges with series, the most there may be, and those in `other`. */
  get stats(): { readonly edges: number; readonly budget: number; readonly folded: number } {
    return this.#book.stats;
  }

  /** Counts the last of a row that is about to be cleared. */
  forget(row: number): void {
    const edge = this.#edgeOf[row] ?? this.#place(row, this.#names.of(row));
    this.#readings.takeLast(row, accountOf(edge));
    edge.rows--;
    this.#edgeOf[row] = null;
    this.#nameOf[row] = null;
  }

  /** Makes the series of a snapshot, which publish() shows. Yields where it may pause. */
  *update(nowNs: number): Generator<void> {
    for (let i = 0; i < this.#flows.rowCount; i++) {
      this.#settle(this.#flows.rows[i] ?? 0, nowNs);
      if ((i & PAUSE_MASK) === 0) yield;
    }
    yield* this.#book.choose(nowNs);
    for (let i = 0; i < this.#flows.rowCount; i++) {
      this.#count(this.#flows.rows[i] ?? 0);
      if ((i & PAUSE_MASK) === 0) yield;
    }
    for (let row = 0; row < this.#live.count; row++) {
      this.#addRtt(row);
      if ((row & PAUSE_MASK) === 0) yield;
    }
    yield* this.#write();
  }

  /** From now on blocks() are those of the last update. */
  publish(): void {
    [this.#page, this.#next] = [this.#next, this.#page];
  }

  /** They stay as they are until the update after the next. */
  blocks(): PageBlock[] {
    return this.#page.blocks();
  }

  /** Brings a row to the edge of its name, unless the name may come in a moment. */
  #settle(row: number, nowNs: number): void {
    if (this.#flows.state[row] === FlowState.free) return; // cleared since the table was read
    let edge = this.#edgeOf[row];
    if (row !== OTHER) {
      const name = this.#names.of(row);
      if (!edge && this.#names.isHeld(row, nowNs)) return;
      if (!edge || this.#nameOf[row] !== name) edge = this.#place(row, name);
    }
    if (!edge) return;
    edge.size += this.#readings.growth(row);
    if (this.#flows.state[row] === FlowState.used)
      edge.activeNs = Math.max(edge.activeNs, this.#flows.activeNs[row] ?? 0);
  }

  #place(row: number, name: FlowName): Edge {
    const before = this.#edgeOf[row];
    const edge = this.#book.find(this.#identify(row, name));
    this.#nameOf[row] = name;
    if (edge === before) return edge;
    if (before) before.rows--;
    edge.rows++;
    this.#edgeOf[row] = edge;
    return edge;
  }

  #identify(row: number, { local, remote, scope }: FlowName): EdgeIdentity {
    return {
      reporter: this.#flows.role(row) === Role.ROLE_SERVER ? 'destination' : 'source',
      local,
      remote,
      port: this.#flows.port(row),
      protocol: this.#flows.protocol(row) === Protocol.udp ? 'udp' : 'tcp',
      scope,
    };
  }

  #count(row: number): void {
    const edge = this.#edgeOf[row];
    if (!edge || this.#flows.state[row] === FlowState.free) return;
    const account = accountOf(edge);
    this.#readings.take(row, account);
    account.active += this.#flows.established[row] ?? 0;
  }

  #addRtt(row: number): void {
    const edge = this.#edgeOf[this.#live.book[row] ?? OTHER];
    const rttUs = this.#live.srttUs[row] ?? 0;
    if (!edge || rttUs === 0) return;
    const account = accountOf(edge);
    const weight = 1 + (this.#live.sentBytes[row] ?? 0) + (this.#live.receivedBytes[row] ?? 0);
    account.rttWeight += weight;
    account.rttWeighted += weight * rttUs;
  }

  *#write(): Generator<void> {
    const jiffies = this.#jiffiesPerSecond();
    let i = 0;
    this.#next.begin();
    for (const edge of this.#book.shown()) {
      const account = accountOf(edge);
      account.end();
      this.#next.add(edge, account, jiffies);
      if ((i++ & PAUSE_MASK) === 0) yield;
    }
  }
}

/** Where the flows of an edge are counted now. */
function accountOf(edge: Edge): EdgeAccount {
  const account = edge.account ?? edge.other?.account;
  if (!account) throw new Error(`the edge ${edge.key} is counted nowhere`);
  return account;
}
