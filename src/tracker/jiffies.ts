/** CONFIG_HZ as kernels are built (kernel/Kconfig.hz). */
const RATES = [100, 250, 300, 1000] as const;

/**
 * Jiffies a second of the running kernel, told from two readings of jiffies and of CLOCK_MONOTONIC (ns) that are 50 ms
 * or more apart: the nearest of the rates that kernels have.
 */
export function jiffiesPerSecond(from: Moment, to: Moment): number {
  const seconds = (to.ns - from.ns) / 1e9;
  const measured = seconds > 0 ? (to.jiffies - from.jiffies) / seconds : 0;
  return RATES.reduce((best, rate) => (Math.abs(rate - measured) < Math.abs(best - measured) ? rate : best));
}

/** One reading of both clocks. */
export interface Moment {
  readonly jiffies: number;
  readonly ns: number;
}
