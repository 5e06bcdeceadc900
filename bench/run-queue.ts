import { readFileSync } from 'node:fs';

/**
 * How long the main thread has been ready and had no processor, in milliseconds since it began: on a machine with
 * neighbours, time of the clock less this is what the work itself took. Source: proc(5), /proc/pid/schedstat.
 */
export function waitedMs(): number {
  const [, waitedNs] = readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'latin1').split(' ');
  return Number(waitedNs) / 1e6;
}
