import type { EdgeView } from '../../../src/collector/edge-labels.ts';
import { EdgeSeries } from '../../../src/collector/edge-series.ts';
import { METRICS } from '../../../src/expose/metrics.ts';
import type { Block, HistogramBlock } from '../../../src/expose/page.ts';
import type { Distribution, DistributionName } from '../../../src/tracker/flow-distributions.ts';
import type { FlowTable } from '../../../src/tracker/flow-table.ts';
import { atOnce } from '../../../src/util/slices.ts';
import { Machine, type Reader, TTL_NS } from './machine.ts';

export const JIFFIES = 250;

/** Instead of the kernel's: each connection that has closed took 2 s, which is bucket 15. */
class Durations {
  readonly #flows: FlowTable;
  readonly #taken = new Map<number, number>();
  /** Closes that are in the counters and not yet in the distribution. */
  late = 0;

  constructor(flows: FlowTable) {
    this.#flows = flows;
  }

  take(row: number, { duration }: Readonly<Record<DistributionName, Distribution>>): void {
    const closed = (this.#flows.columns.closed[row] ?? 0) - this.late;
    const more = closed - (this.#taken.get(row) ?? 0);
    duration.counts[15] = (duration.counts[15] ?? 0) + more;
    duration.sumSeconds += 2 * more;
    this.#taken.set(row, closed);
  }

  clear(row: number): void {
    this.#taken.delete(row);
  }
}

/** A machine whose edges are made with each snapshot. */
export class EdgePage implements Reader {
  readonly machine = new Machine(12, 8);
  readonly edges: EdgeSeries;
  readonly durations: Durations;

  constructor(budget: number, view?: EdgeView) {
    const { flows, live, names } = this.machine;
    const of = { flows, live, names, budget, ttlNs: TTL_NS, jiffiesPerSecond: () => JIFFIES };
    this.durations = new Durations(flows);
    this.edges = new EdgeSeries({ ...of, distributions: this.durations, ...(view && { view }) });
  }

  forget(row: number): void {
    this.edges.forget(row);
  }

  read(nowNs: number): void {
    atOnce(this.machine.names.update(nowNs));
    atOnce(this.edges.update(nowNs));
    this.edges.publish();
  }

  after(seconds: number): Samples {
    this.machine.nowNs += seconds * 1e9;
    this.machine.snapshot(this);
    return this.shown();
  }

  shown(): Samples {
    return new Samples(this.edges.blocks());
  }
}

/** The samples of a page by their metric and labels. A histogram is its count. */
export class Samples {
  readonly values = new Map<string, number>();
  readonly counters = new Map<string, number>();
  count = 0;
  /** Of all histograms. */
  sumSeconds = 0;

  constructor(blocks: readonly (Block | HistogramBlock)[]) {
    for (const block of blocks) {
      const { labels: names, type } = METRICS.find(({ name }) => name === block.metric) ?? {
        labels: [],
        type: '',
      };
      for (let i = 0; i < block.count; i++) {
        const values = block.labels[i]?.values ?? [];
        if (values.length !== names.length)
          throw new Error(`${block.metric} has not the labels ${names.join()}`);
        const key = `${block.metric.replace('kube_netc_edge_', '')} ${values.join('|')}`;
        const value = valueOf(block, i);
        this.values.set(key, value);
        if (type !== 'gauge') this.counters.set(key, value);
        this.count++;
        if ('histograms' in block) this.sumSeconds += block.histograms[i]?.sumSeconds ?? NaN;
      }
    }
  }

  /** Sum of a metric over the series whose labels begin and end so. */
  sum(metric: string, begin: string, end = ''): number {
    let sum = 0;
    for (const [key, value] of this.values) {
      if (key.startsWith(`${metric} ${begin}`) && key.endsWith(end)) sum += value;
    }
    return sum;
  }

  /** What is not 0, by metric and labels. */
  get counted(): Record<string, number> {
    return Object.fromEntries([...this.values].filter(([, value]) => value !== 0));
  }

  /** Edges with series, `other` too. */
  get edges(): number {
    return [...this.values.keys()].filter((key) => key.startsWith('bytes_total ')).length / 2;
  }
}

function valueOf(block: Block | HistogramBlock, i: number): number {
  if ('values' in block) return block.values[i] ?? NaN;
  return block.histograms[i]?.counts.reduce((sum, count) => sum + count, 0) ?? NaN;
}
