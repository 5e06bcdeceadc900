import { ConnectFailure, Role } from '../abi/records.gen.ts';
import type { Identity } from '../cluster/identity.ts';
import type { MetricName } from '../expose/metrics.ts';
import type { Block, LabelSet } from '../expose/page.ts';
import { FlowState, type FlowTable, OTHER } from '../tracker/flow-table.ts';
import type { LiveTable } from '../tracker/live-table.ts';
import { Edge, EDGE_COUNTERS, type EdgeCounter, type EdgeIdentity } from './edge.ts';
import { commOf } from './comm.ts';
import { scopeOf } from './scope.ts';

const UDP = 17;
const PAUSE_MASK = 0xff; // rows between two places to pause, less one
const FAILURES = ConnectFailure.FAILED_CLASSES;

/** Which counter of an edge a metric shows, by who reports: bytes go from the client to the server. */
const COUNTER_METRICS: readonly (readonly [MetricName, EdgeCounter, EdgeCounter])[] = [
  ['kube_netc_sent_bytes_total', 'sentBytes', 'receivedBytes'],
  ['kube_netc_received_bytes_total', 'receivedBytes', 'sentBytes'],
  ['kube_netc_connections_opened_total', 'opened', 'opened'],
  ['kube_netc_connections_closed_total', 'closed', 'closed'],
  ['kube_netc_resets_total', 'reset', 'reset'],
  ['kube_netc_retransmitted_segments_total', 'retransSegs', 'retransSegs'],
  ['kube_netc_retransmitted_bytes_total', 'retransBytes', 'retransBytes'],
];

/**
 * Edges between owners and ports: counters and quality, without addresses. An edge over the budget is counted in the
 * edge `other` for as long as it lives, so sums are exact and no counter falls.
 */
export class EdgeSeries {
  readonly #flows: FlowTable;
  readonly #live: LiveTable;
  readonly #identity: Identity;
  readonly #budget: number;
  readonly #ttlNs: number;
  /** Bounded by the budget. */
  readonly #edges = new Map<string, Edge>();
  /** What is over the budget, by who reports it: that says which way bytes go. */
  readonly #other = { source: otherEdge('source'), destination: otherEdge('destination') } as const;
  readonly #edgeOf: (Edge | null)[];

  /** @param budget edges at a time @param ttlNs an edge ends so long after its last flow */
  constructor(flows: FlowTable, live: LiveTable, identity: Identity, budget: number, ttlNs: number) {
    this.#flows = flows;
    this.#live = live;
    this.#identity = identity;
    this.#budget = budget;
    this.#ttlNs = ttlNs;
    this.#edgeOf = new Array<Edge | null>(flows.capacity).fill(null);
    this.#edgeOf[OTHER] = this.#other.source; // of those nobody knows which end they are
  }

  /** Adds a row that is about to be cleared to what its edge keeps. */
  forget(row: number): void {
    const edge = this.#edgeOf[row] ?? this.#place(row);
    for (const counter of EDGE_COUNTERS) edge.gone[counter] += this.#flows.columns[counter][row] ?? 0;
    for (let i = 0; i < FAILURES; i++) add(edge.failedGone, i, this.#flows.failed[row * FAILURES + i] ?? 0);
    this.#edgeOf[row] = null;
    edge.rows--;
  }

  /** Finds the edges of new rows before update(). Yields where it may pause. */
  *name(): Generator<void> {
    for (let i = 0; i < this.#flows.rowCount; i++) {
      const row = this.#flows.rows[i] ?? 0;
      if (this.#flows.state[row] !== FlowState.free && !this.#edgeOf[row]) this.#place(row);
      if ((i & PAUSE_MASK) === 0) yield;
    }
  }

  update(nowNs: number): void {
    this.#other.source.clear();
    this.#other.destination.clear();
    for (const edge of this.#edges.values()) edge.clear();
    for (let i = 0; i < this.#flows.rowCount; i++) {
      const row = this.#flows.rows[i] ?? 0;
      if (this.#flows.state[row] === FlowState.free) continue; // cleared since the table was read
      const edge = this.#edgeOf[row] ?? this.#place(row);
      this.#addRow(edge, row);
    }
    this.#addRtt();
    for (const [key, edge] of this.#edges) this.#age(key, edge, nowNs);
  }

  blocks(): Block[] {
    const other = [this.#other.source, this.#other.destination].filter((edge) => edge.hasCounted);
    const edges = [...this.#edges.values(), ...other];
    const labels = edges.map((edge) => edge.labels);
    const column = (metric: MetricName, value: (edge: Edge) => number): Block =>
      block(metric, labels, edges.map(value));
    const measured = edges.filter((edge) => edge.rttWeight > 0);
    return [
      ...COUNTER_METRICS.map(([metric, source, destination]) =>
        column(metric, (edge) => edge.now[edge.reporter === 'source' ? source : destination]),
      ),
      column('kube_netc_connections_active', (edge) => edge.active),
      block(
        'kube_netc_connect_failures_total',
        edges.flatMap((edge) => edge.failureLabels),
        edges.flatMap((edge) => [...edge.failed]),
      ),
      block(
        'kube_netc_rtt_seconds',
        measured.map((edge) => edge.labels),
        measured.map((edge) => edge.rttWeighted / edge.rttWeight / 1e6),
      ),
    ];
  }

  #place(row: number): Edge {
    const identity = this.#identify(row);
    const key = Edge.key(identity);
    let edge = this.#edges.get(key);
    if (!edge && this.#edges.size < this.#budget) {
      edge = new Edge(identity);
      this.#edges.set(key, edge);
    }
    edge ??= this.#other[identity.reporter];
    edge.rows++;
    this.#edgeOf[row] = edge;
    return edge;
  }

  #identify(row: number): EdgeIdentity {
    const flows = this.#flows;
    const owner = this.#identity.owner(flows.cgroupId(row), commOf(flows.memory, flows.commOffset(row)));
    return {
      reporter: flows.role(row) === Role.ROLE_SERVER ? 'destination' : 'source',
      name: owner.name,
      kind: owner.kind === 'unknown' ? '' : owner.kind,
      port: flows.port(row),
      protocol: flows.protocol(row) === UDP ? 'udp' : 'tcp',
      scope: scopeOf(flows.memory, flows.remoteAddrOffset(row)),
    };
  }

  #addRow(edge: Edge, row: number): void {
    for (const counter of EDGE_COUNTERS) edge.now[counter] += this.#flows.columns[counter][row] ?? 0;
    for (let i = 0; i < FAILURES; i++) add(edge.failed, i, this.#flows.failed[row * FAILURES + i] ?? 0);
    edge.active += this.#flows.established[row] ?? 0;
  }

  #addRtt(): void {
    for (let row = 0; row < this.#live.count; row++) {
      const edge = this.#edgeOf[this.#live.book[row] ?? OTHER];
      const rttUs = this.#live.srttUs[row] ?? 0;
      if (!edge || rttUs === 0) continue;
      const weight = 1 + (this.#live.sentBytes[row] ?? 0) + (this.#live.receivedBytes[row] ?? 0);
      edge.rttWeight += weight;
      edge.rttWeighted += weight * rttUs;
    }
  }

  /** An edge without flows keeps its series for a while: a counter that comes back must not start again in between. */
  #age(key: string, edge: Edge, nowNs: number): void {
    if (edge.rows > 0) edge.endedNs = 0;
    else if (edge.endedNs === 0) edge.endedNs = nowNs;
    else if (nowNs - edge.endedNs > this.#ttlNs) {
      this.#other[edge.reporter].inherit(edge);
      this.#edges.delete(key);
    }
  }
}

function otherEdge(reporter: Edge['reporter']): Edge {
  return new Edge({ reporter, name: 'other', kind: 'other', port: 0, protocol: 'tcp', scope: 'unknown' });
}

function add(to: Float64Array, at: number, value: number): void {
  to[at] = (to[at] ?? 0) + value;
}

function block(metric: MetricName, labels: readonly LabelSet[], values: readonly number[]): Block {
  return { metric, labels, values: Float64Array.from(values), count: values.length };
}
