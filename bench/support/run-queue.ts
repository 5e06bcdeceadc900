import { readFileSync } from 'node:fs';

/**
 * How long the main thread has been ready and had no processor, in milliseconds since it began: on a machine with
 * neighbours, time of the clock less this is what the work itself took. Source: proc(5), /proc/pid/schedstat. Read as
 * UTF-8: with any other encoding Node takes a buffer of 64 KB each time, which is a collection of garbage before long.
 */
export function waitedMs(): number {
  const [, waitedNs] = readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ');
  return Number(waitedNs) / 1e6;
}
