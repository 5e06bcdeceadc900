import { setTimeout as sleep } from 'node:timers/promises';
import type { Host } from '../hosts/host.ts';

/** Waits until the kernel has counted nothing more in the host for longer than a delayed ACK takes. */
export async function quiet(host: Host): Promise<void> {
  let last = '';
  for (let i = 0; i < 100; i++) {
    const now = (await host.procNet('snmp'))
      .split('\n')
      .filter((line) => /^(Tcp|Udp):/.test(line))
      .join();
    if (now === last) return;
    last = now;
    await sleep(250);
  }
  throw new Error(`${host.name} does not become quiet`);
}
