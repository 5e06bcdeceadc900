import type { Cgroup } from '../../hosts/cgroup.ts';
import type { Host } from '../../hosts/host.ts';
import { Lab } from '../../hosts/lab.ts';

/** Addresses of the client and the server on one network. */
export interface Addresses {
  readonly client: string;
  readonly server: string;
}

const NETWORKS = 40;

/** Two hosts with a cable that carries many networks, so that each run has addresses of its own and stands alone on a page. */
export class Net {
  readonly lab: Lab;
  readonly client: Host;
  readonly server: Host;
  readonly families: readonly (4 | 6)[];
  /** A cgroup such as Docker makes with systemd. */
  readonly container: Cgroup;
  static readonly containerId: string = '0123456789ab'.padEnd(64, 'c');
  #used = 0;

  private constructor(lab: Lab, client: Host, server: Host, families: readonly (4 | 6)[]) {
    this.lab = lab;
    this.client = client;
    this.server = server;
    this.families = families;
    this.container = lab.cgroup(`system.slice/docker-${Net.containerId}.scope`);
  }

  static async make(families: readonly (4 | 6)[] = [4, 6]): Promise<Net> {
    const lab = await Lab.create();
    const net = new Net(lab, await lab.host('client'), await lab.host('server'), families);
    await lab.join(net.client, net.server, {});
    for (const [host, last] of [
      [net.client, 1],
      [net.server, 2],
    ] as const) {
      const lines = Array.from({ length: NETWORKS }, (_, n) =>
        families.map((family) =>
          family === 4
            ? `addr add 10.99.${n}.${last}/24 dev eth0`
            : `addr add fd99:${n}::${last}/64 dev eth0 nodad`,
        ),
      );
      await host.ip(lines.flat().join('\n'));
    }
    return net;
  }

  /** Addresses that nothing has used yet. */
  fresh(family: 4 | 6): Addresses {
    if (!this.families.includes(family)) throw new Error(`no IPv${family} here`);
    const n = this.#used++;
    if (n >= NETWORKS) throw new Error('more runs than networks');
    return family === 4
      ? { client: `10.99.${n}.1`, server: `10.99.${n}.2` }
      : { client: `fd99:${n}::1`, server: `fd99:${n}::2` };
  }
}
