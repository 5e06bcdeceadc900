import { setTimeout as sleep } from 'node:timers/promises';
import type { Host } from '../hosts/host.ts';

/** A FIN that is lost five times comes after 13 s; and a machine may be busy. */
const LIMIT_MS = 60_000;
const STATES = ['connected', 'exclude', 'time-wait'];

/** Ends of TCP connections that the kernel has in these hosts: those on their last wait (TIME_WAIT), which no program sees, apart. */
export async function openEnds(hosts: readonly Host[]): Promise<number> {
  const listed = await Promise.all(hosts.map(async (host) => host.exec(['ss', '-Htan', 'state', ...STATES])));
  return listed.reduce((sum, text) => sum + text.split('\n').length - 1, 0);
}

/**
 * Waits until the kernel has no more than so many: when a client has ended, its server may not have got to its own close,
 * nor the last packets to where they go. Throws after a minute.
 */
export async function settled(hosts: readonly Host[], ends = 0): Promise<void> {
  const end = performance.now() + LIMIT_MS;
  for (;;) {
    const open = await openEnds(hosts);
    if (open <= ends) return;
    if (performance.now() > end) throw new Error(`${open} ends of connections are open, not ${ends}`);
    await sleep(20);
  }
}
