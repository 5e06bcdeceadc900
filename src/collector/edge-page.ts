import type { MetricName } from '../expose/metrics.ts';
import type { Block, HistogramBlock, HistogramValues, LabelSet, PageBlock } from '../expose/page.ts';
import type { Distribution, DistributionName } from '../tracker/flow-distributions.ts';
import { DISTRIBUTIONS } from '../tracker/flow-distributions.ts';
import type { Edge } from './edge.ts';
import { AT, type Counted, type EdgeAccount, FAILED_AT } from './edge-account.ts';

const GROWTH = 2;

/** Samples of one metric, kept from snapshot to snapshot for their memory. As large as the largest page. */
class Column implements Block {
  readonly metric: MetricName;
  readonly labels: LabelSet[] = [];
  values = new Float64Array(64);
  count = 0;

  constructor(metric: MetricName) {
    this.metric = metric;
  }

  add(labels: LabelSet, value: number): void {
    if (this.count === this.values.length) {
      const grown = new Float64Array(this.count * GROWTH);
      grown.set(this.values);
      this.values = grown;
    }
    this.labels[this.count] = labels;
    this.values[this.count++] = value;
  }
}

class Histogram implements HistogramValues {
  readonly counts: Float64Array;
  sumSeconds = 0;

  constructor(buckets: number) {
    this.counts = new Float64Array(buckets);
  }
}

function hasCounted(counts: Float64Array): boolean {
  for (let i = 0; i < counts.length; i++) if ((counts[i] ?? 0) > 0) return true;
  return false;
}

/** Histograms of one metric, kept likewise. */
class HistogramColumn implements HistogramBlock {
  readonly metric: MetricName;
  readonly labels: LabelSet[] = [];
  readonly histograms: Histogram[] = [];
  count = 0;
  readonly #buckets: number;

  constructor(metric: MetricName, of: DistributionName) {
    this.metric = metric;
    this.#buckets = DISTRIBUTIONS[of].buckets;
  }

  /** An edge that has measured nothing has no series. */
  add(labels: LabelSet, of: Distribution): void {
    if (!hasCounted(of.counts)) return;
    const at = this.count++;
    this.labels[at] = labels;
    const copy = (this.histograms[at] ??= new Histogram(this.#buckets));
    copy.counts.set(of.counts);
    copy.sumSeconds = of.sumSeconds;
  }
}

/** What a page shows of edges, of one snapshot. */
export class EdgePage {
  readonly #bytes = new Column('kube_netc_edge_bytes_total');
  readonly #segments = new Column('kube_netc_edge_segments_total');
  readonly #retransSegments = new Column('kube_netc_edge_retransmitted_segments_total');
  readonly #retransBytes = new Column('kube_netc_edge_retransmitted_bytes_total');
  readonly #opened = new Column('kube_netc_edge_connections_opened_total');
  readonly #closed = new Column('kube_netc_edge_connections_closed_total');
  readonly #active = new Column('kube_netc_edge_connections_active');
  readonly #failures = new Column('kube_netc_edge_connect_failures_total');
  readonly #resets = new Column('kube_netc_edge_resets_total');
  readonly #busy = new Column('kube_netc_edge_busy_seconds_total');
  readonly #limited = new Column('kube_netc_edge_limited_seconds_total');
  readonly #rtt = new Column('kube_netc_edge_smoothed_rtt_seconds');
  readonly #connect = new HistogramColumn('kube_netc_edge_connect_duration_seconds', 'connect');
  readonly #duration = new HistogramColumn('kube_netc_edge_connection_duration_seconds', 'duration');
  readonly #minRtt = new HistogramColumn('kube_netc_edge_min_rtt_seconds', 'rtt');
  readonly #columns = [
    this.#bytes,
    this.#segments,
    this.#retransSegments,
    this.#retransBytes,
    this.#opened,
    this.#closed,
    this.#active,
    this.#failures,
    this.#resets,
    this.#busy,
    this.#limited,
    this.#rtt,
  ];
  readonly #histograms = [this.#connect, this.#duration, this.#minRtt];

  begin(): void {
    for (const column of this.#columns) column.count = 0;
    for (const column of this.#histograms) column.count = 0;
  }

  /** @param jiffies a second */
  add(edge: Edge, account: EdgeAccount, jiffies: number): void {
    const { labels } = edge;
    const of = (name: Counted): number => account.counters[AT[name]] ?? 0;
    const source = edge.reporter === 'source';
    const ways = [labels.direction.to_server, labels.direction.to_client] as const;
    this.#bytes.add(ways[0], of(source ? 'sentBytes' : 'receivedBytes'));
    this.#bytes.add(ways[1], of(source ? 'receivedBytes' : 'sentBytes'));
    this.#segments.add(ways[0], of(source ? 'sentSegs' : 'receivedSegs'));
    this.#segments.add(ways[1], of(source ? 'receivedSegs' : 'sentSegs'));
    if (!account.hasConnections) return;
    this.#addConnections(edge, account, of);
    this.#addSending(edge, account, of, jiffies);
    this.#addDistributions(edge, account);
  }

  blocks(): PageBlock[] {
    return [...this.#columns, ...this.#histograms];
  }

  #addConnections(edge: Edge, account: EdgeAccount, of: (name: Counted) => number): void {
    const { labels } = edge;
    this.#opened.add(labels.edge, of('opened'));
    this.#closed.add(labels.edge, of('closed'));
    this.#active.add(labels.edge, account.active);
    this.#resets.add(labels.edge, of('reset'));
    if (account.rttWeight > 0) this.#rtt.add(labels.edge, account.rttWeighted / account.rttWeight / 1e6);
    if (!account.hasFailed) return;
    edge.reasons.forEach((reason, i) => this.#failures.add(reason, account.counters[FAILED_AT + i] ?? 0));
  }

  /** What the reporter alone can tell: of the data that it sends itself. */
  #addSending(edge: Edge, account: EdgeAccount, of: (name: Counted) => number, jiffies: number): void {
    const { labels, sends } = edge;
    const way = labels.direction[sends];
    this.#retransSegments.add(way, of('retransSegs'));
    this.#retransBytes.add(way, of('retransBytes'));
    this.#busy.add(way, of('busyJiffies') / jiffies);
    const limited = [of('receiverLimitedJiffies'), of('sndbufLimitedJiffies'), account.congestedJiffies];
    labels.limits.forEach((by, i) => this.#limited.add(by, (limited[i] ?? 0) / jiffies));
  }

  #addDistributions({ reporter, labels }: Edge, { distributions }: EdgeAccount): void {
    if (!distributions) return;
    // only the client's end knows when connect() was called
    if (reporter === 'source') this.#connect.add(labels.edge, distributions.connect);
    this.#duration.add(labels.edge, distributions.duration);
    this.#minRtt.add(labels.edge, distributions.rtt);
  }
}
