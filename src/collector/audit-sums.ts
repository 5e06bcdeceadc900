import { Role } from '../abi/records.gen.ts';
import { type FlowTable, OTHER, Protocol } from '../tracker/flow-table.ts';
import { atOnce } from '../util/slices.ts';
import type { Audited } from './audit-counters.ts';

/**
 * What the agent has accounted for in one namespace, since its start: each counter of the audit, `connects`, the
 * attempts of clients that have ended, in a connection or without one, and `finsDue`, connections that closed before
 * the peer's FIN came.
 */
export type Accounted = Readonly<Record<Audited | 'connects' | 'finsDue', number>>;
type Sums = { -readonly [K in keyof Accounted]: Accounted[K] };

const PAUSE_MASK = 0x3ff; // rows between two places to pause, less one

/**
 * Sums of the flows by network namespace. A flow that ends is kept in its namespace's sum as long as somebody asks for
 * that namespace. Bounded by the flow table and by what keep() is told.
 */
export class AuditSums {
  readonly #flows: FlowTable;
  #sums = new Map<number, Sums>();
  /** Of flows that are over. */
  readonly #gone = new Map<number, Sums>();

  constructor(flows: FlowTable) {
    this.#flows = flows;
  }

  /** Adds up the flow table as it is now, in one go. */
  update(): void {
    atOnce(this.read());
  }

  /** The same; yields where it may pause. */
  *read(): Generator<void> {
    const sums = new Map<number, Sums>();
    for (const [netns, gone] of this.#gone) sums.set(netns, { ...gone });
    for (let i = 0; i < this.#flows.rowCount; i++) {
      const row = this.#flows.rows[i] ?? 0;
      if (row !== OTHER) this.#addRow(row, sums);
      if ((i & PAUSE_MASK) === PAUSE_MASK) yield;
    }
    this.#sums = sums;
  }

  /** As of the last update. */
  of(netns: number): Accounted {
    return this.#sums.get(netns) ?? nothing();
  }

  /** What had no room in the books, of whatever namespace: it may belong to any of the counters of its direction. */
  other(): Accounted {
    const sums = nothing();
    const { receivedSegs, sentSegs, retransSegs } = this.#flows.columns;
    sums.TcpInSegs = sums.UdpInDatagrams = receivedSegs[OTHER] ?? 0;
    sums.TcpOutSegs = sums.UdpOutDatagrams = sentSegs[OTHER] ?? 0;
    sums.TcpRetransSegs = retransSegs[OTHER] ?? 0;
    return sums;
  }

  /** A row whose flow is over: call it before the row is cleared. */
  forget(row: number): void {
    this.#addRow(row, this.#gone);
  }

  /** Flows that are over are remembered for these namespaces alone. */
  keep(namespaces: { has(netns: number): boolean }): void {
    for (const netns of this.#gone.keys()) if (!namespaces.has(netns)) this.#gone.delete(netns);
  }

  #addRow(row: number, to: Map<number, Sums>): void {
    const { columns } = this.#flows;
    const netns = this.#flows.netns(row);
    let sums = to.get(netns);
    if (!sums) to.set(netns, (sums = nothing()));
    if (this.#flows.protocol(row) !== Protocol.tcp) {
      sums.UdpInDatagrams += columns.receivedSegs[row] ?? 0;
      sums.UdpOutDatagrams += columns.sentSegs[row] ?? 0;
      return;
    }
    sums.TcpInSegs += columns.receivedSegs[row] ?? 0;
    sums.TcpOutSegs += columns.sentSegs[row] ?? 0;
    sums.TcpRetransSegs += columns.retransSegs[row] ?? 0;
    sums.finsDue += columns.finsDue[row] ?? 0;
    if (this.#flows.role(row) === Role.ROLE_CLIENT) sums.connects += this.#connects(row);
  }

  #connects(row: number): number {
    const { failed, columns, capacity } = this.#flows;
    const classes = failed.length / capacity;
    let count = columns.opened[row] ?? 0;
    for (let i = 0; i < classes; i++) count += failed[row * classes + i] ?? 0;
    return count;
  }
}

function nothing(): Sums {
  return {
    TcpInSegs: 0,
    TcpOutSegs: 0,
    TcpRetransSegs: 0,
    UdpInDatagrams: 0,
    UdpOutDatagrams: 0,
    connects: 0,
    finsDue: 0,
  };
}
