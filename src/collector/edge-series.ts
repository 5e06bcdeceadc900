import { ConnectFailure, Role } from '../abi/records.gen.ts';
import { OTHERS, UNKNOWN } from '../cluster/identity.ts';
import type { MetricName } from '../expose/metrics.ts';
import type { Block, LabelSet } from '../expose/page.ts';
import { FlowState, type FlowTable, OTHER } from '../tracker/flow-table.ts';
import type { LiveTable } from '../tracker/live-table.ts';
import { Edge, EDGE_COUNTERS, type EdgeCounter, type EdgeIdentity } from './edge.ts';
import type { FlowName, FlowNames } from './flow-names.ts';

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
 * edge `other` for as long as it lives, so sums are exact and no counter falls. Nor does one fall when a flow gets another
 * name: what the flow has counted stays with the edge that showed it, and what comes is the new one's.
 */
export class EdgeSeries {
  readonly #flows: FlowTable;
  readonly #live: LiveTable;
  readonly #names: FlowNames;
  readonly #budget: number;
  readonly #ttlNs: number;
  /** Bounded by the budget. */
  readonly #edges = new Map<string, Edge>();
  /** What is over the budget, by who reports it: that says which way bytes go. */
  readonly #other = { source: otherEdge('source'), destination: otherEdge('destination') } as const;
  readonly #edgeOf: (Edge | null)[];
  /** The name by which a row came to its edge. */
  readonly #nameOf: (FlowName | null)[];
  /** What rows that had another name before have left there: EDGE_COUNTERS, failures. Bounded by the flow table. */
  readonly #left = new Map<number, Float64Array>();

  /** @param budget edges at a time @param ttlNs an edge ends so long after its last flow */
  constructor(flows: FlowTable, live: LiveTable, names: FlowNames, budget: number, ttlNs: number) {
    this.#flows = flows;
    this.#live = live;
    this.#names = names;
    this.#budget = budget;
    this.#ttlNs = ttlNs;
    this.#edgeOf = new Array<Edge | null>(flows.capacity).fill(null);
    this.#nameOf = new Array<FlowName | null>(flows.capacity).fill(null);
    this.#edgeOf[OTHER] = this.#other.source; // of those nobody knows which end they are
  }

  /** Adds a row that is about to be cleared to what its edge keeps. */
  forget(row: number): void {
    const edge = this.#edgeOf[row] ?? this.#place(row);
    this.#leave(row, edge);
    this.#left.delete(row);
    this.#edgeOf[row] = null;
    this.#nameOf[row] = null;
  }

  /** Brings flows to the edges of their names, before update(). Yields where it may pause. */
  *place(nowNs: number): Generator<void> {
    for (let i = 0; i < this.#flows.rowCount; i++) {
      this.#settle(this.#flows.rows[i] ?? 0, nowNs);
      if ((i & PAUSE_MASK) === 0) yield;
    }
  }

  update(nowNs: number): void {
    for (let i = 0; i < this.#flows.rowCount; i++) this.#settle(this.#flows.rows[i] ?? 0, nowNs);
    this.#other.source.clear();
    this.#other.destination.clear();
    for (const edge of this.#edges.values()) edge.clear();
    for (let i = 0; i < this.#flows.rowCount; i++) {
      const row = this.#flows.rows[i] ?? 0;
      const edge = this.#edgeOf[row];
      if (edge) this.#addRow(edge, row);
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

  /** Brings a row to the edge of its name, unless the name may come in a moment. */
  #settle(row: number, nowNs: number): void {
    if (row === OTHER || this.#flows.state[row] === FlowState.free) return; // or cleared since the table was read
    const edge = this.#edgeOf[row];
    const name = this.#names.of(row);
    if (!edge && this.#names.isHeld(row, nowNs)) return;
    if (edge && this.#nameOf[row] === name) return;
    if (edge?.key === Edge.key(this.#identify(row, name))) {
      this.#nameOf[row] = name;
      return;
    }
    if (edge) this.#leave(row, edge);
    this.#place(row);
  }

  /** What a row has counted by now stays with its edge. */
  #leave(row: number, edge: Edge): void {
    const left = this.#left.get(row) ?? new Float64Array(EDGE_COUNTERS.length + FAILURES);
    EDGE_COUNTERS.forEach((counter, i) => {
      const value = this.#flows.columns[counter][row] ?? 0;
      edge.gone[counter] += value - (left[i] ?? 0);
      left[i] = value;
    });
    for (let i = 0; i < FAILURES; i++) {
      const value = this.#flows.failed[row * FAILURES + i] ?? 0;
      add(edge.failedGone, i, value - (left[EDGE_COUNTERS.length + i] ?? 0));
      left[EDGE_COUNTERS.length + i] = value;
    }
    this.#left.set(row, left);
    edge.rows--;
  }

  #place(row: number): Edge {
    const name = this.#names.of(row);
    const identity = this.#identify(row, name);
    const key = Edge.key(identity);
    let edge = this.#edges.get(key);
    if (!edge && this.#edges.size < this.#budget) {
      edge = new Edge(identity);
      this.#edges.set(key, edge);
    }
    edge ??= this.#other[identity.reporter];
    edge.rows++;
    this.#edgeOf[row] = edge;
    this.#nameOf[row] = name;
    return edge;
  }

  #identify(row: number, { local, remote, scope }: FlowName): EdgeIdentity {
    return {
      reporter: this.#flows.role(row) === Role.ROLE_SERVER ? 'destination' : 'source',
      local,
      remote,
      port: this.#flows.port(row),
      protocol: this.#flows.protocol(row) === UDP ? 'udp' : 'tcp',
      scope,
    };
  }

  #addRow(edge: Edge, row: number): void {
    const left = this.#left.get(row);
    EDGE_COUNTERS.forEach((counter, i) => {
      edge.now[counter] += (this.#flows.columns[counter][row] ?? 0) - (left?.[i] ?? 0);
    });
    for (let i = 0; i < FAILURES; i++) {
      const failures = this.#flows.failed[row * FAILURES + i] ?? 0;
      add(edge.failed, i, failures - (left?.[EDGE_COUNTERS.length + i] ?? 0));
    }
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
  return new Edge({ reporter, local: OTHERS, remote: UNKNOWN, port: 0, protocol: 'tcp', scope: 'unknown' });
}

function add(to: Float64Array, at: number, value: number): void {
  to[at] = (to[at] ?? 0) + value;
}

function block(metric: MetricName, labels: readonly LabelSet[], values: readonly number[]): Block {
  return { metric, labels, values: Float64Array.from(values), count: values.length };
}
