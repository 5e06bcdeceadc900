import type { KernelReading, Source } from './audit-counters.ts';

/** One snapshot's two readings of a namespace: the sums of the agent were taken between them. */
export interface Window {
  readonly before: KernelReading;
  readonly after: KernelReading;
}

/** How much a counter has grown. The agent's sums were taken at moments within two windows: hence between low and high. */
export interface Range {
  readonly low: number;
  /** By the first readings of both windows. */
  readonly point: number;
  readonly high: number;
}

/** What the kernel has counted between two snapshots. In a quiet namespace low, point and high are the same. */
export class Growth {
  readonly from: Window;
  readonly to: Window;

  constructor(from: Window, to: Window) {
    this.from = from;
    this.to = to;
  }

  of(source: Source): Range {
    return {
      low: this.to.before[source] - this.from.after[source],
      point: this.to.before[source] - this.from.before[source],
      high: this.to.after[source] - this.from.before[source],
    };
  }

  /** The most it can have been: what a cause can explain at most. */
  most(source: Source): number {
    return Math.max(0, this.of(source).high);
  }
}

/** a - b of two ranges. */
export function minus(a: Range, b: Range): Range {
  return { low: a.low - b.high, point: a.point - b.point, high: a.high - b.low };
}
