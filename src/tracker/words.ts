// hot
// Reading records in place. A u64 is two u32 of a little-endian machine, made into a double: exact up to 2^53,
// which is 9 PB or 104 days in nanoseconds; above that the nearest double, still never negative.

const HIGH = 4294967296;

/** The u64 at byte `offset` of memory that nobody writes now. */
export function readU64(words: Uint32Array, offset: number): number {
  const at = offset >>> 2;
  return (words[at] ?? 0) + (words[at + 1] ?? 0) * HIGH;
}

/**
 * The u64 at byte `offset` of memory that the kernel adds to meanwhile. Read low between two equal highs: a carry in
 * between would show a value 4 GiB off.
 */
export function readU64Live(words: Uint32Array, offset: number): number {
  const at = offset >>> 2;
  for (;;) {
    const high = words[at + 1] ?? 0;
    const low = words[at] ?? 0;
    if (high === (words[at + 1] ?? 0)) return low + high * HIGH;
  }
}

/** Seconds of a clock difference; a clock that went backwards gives 0. */
export function secondsBetween(fromNs: number, toNs: number): number {
  return toNs > fromNs ? (toNs - fromNs) / 1e9 : 0;
}

/** Per second; 0 where there is no time to divide by or the counter went backwards. */
export function rate(before: number, after: number, seconds: number): number {
  return seconds > 0 && after > before ? (after - before) / seconds : 0;
}
