/** Where time comes from. Passed in, so that code which ages and paces can be tested without waiting. */
export interface Clock {
  /** Milliseconds of a clock that never goes back. Its zero means nothing: only differences do. */
  tsMonoMs(): number;
  /** Milliseconds since 1970, UTC. May jump. */
  tsWallMs(): number;
}

/** The clocks of this machine. */
export const systemClock: Clock = {
  tsMonoMs: () => performance.now(),
  tsWallMs: () => Date.now(),
};

/** CLOCK_MONOTONIC in nanoseconds, the kernel's bpf_ktime_get_ns(). Exact to 2 ns after 104 days of uptime. */
export function monotonicNs(): number {
  return Number(process.hrtime.bigint());
}
