import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Host } from './host.ts';
import { parseSubnet, type Subnet } from './subnet.ts';

/** Of the next device that a segment makes: unique in this process. */
let nextIndex = 1000;

/** The networks of a segment; one that is not named is not there. */
export interface SegmentOptions {
  /** Such as 10.77.0.0/24: the hosts get .1, .2 and so on, in their order. */
  readonly v4?: string;
  /** Such as fd77::/64: the hosts get ::1, ::2 and so on. */
  readonly v6?: string;
  readonly mtuBytes?: number;
}

/** A cable between two hosts, or a switch for several: who is on it, by which device and with which addresses. */
export class Segment {
  readonly hosts: readonly Host[];
  readonly #subnets: readonly Subnet[];
  readonly #mtuBytes: number;
  readonly #devices = new Map<Host, string>();

  private constructor(hosts: readonly Host[], options: SegmentOptions) {
    const networks = [options.v4, options.v6].filter((text) => text !== undefined);
    this.hosts = hosts;
    this.#subnets = networks.map((text) => parseSubnet(text, hosts.length));
    this.#mtuBytes = options.mtuBytes ?? 1500;
  }

  /** A veth pair. */
  static async cable(a: Host, b: Host, options: SegmentOptions): Promise<Segment> {
    const segment = new Segment([a, b], options);
    const devices = [nextDevice(a), nextDevice(b)] as const;
    await a.ip(`link add ${segment.#pair(devices[0], devices[1], b)}`);
    await segment.#configure(a, devices[0]);
    await segment.#configure(b, devices[1]);
    await segment.#waitUntilUp();
    return segment;
  }

  /** A bridge in a namespace of its own, `middle`, with one veth pair to each host. */
  static async bridge(hosts: readonly Host[], middle: Host, options: SegmentOptions): Promise<Segment> {
    const segment = new Segment(hosts, options);
    await middle.ip(`link add br0 type bridge forward_delay 0\nlink set br0 mtu ${segment.#mtuBytes} up`);
    for (const [number, host] of hosts.entries()) {
      const device = nextDevice(host);
      await middle.ip(
        `link add ${segment.#pair(`port${number}`, device, host)}\nlink set port${number} master br0 up`,
      );
      await segment.#configure(host, device);
    }
    await segment.#waitUntilUp();
    return segment;
  }

  has(family: 4 | 6): boolean {
    return this.#subnets.some((subnet) => subnet.family === family);
  }

  /** The IPv4 address of a host on this segment. Throws when it has none. */
  v4(host: Host): string {
    return this.#address(host, 4);
  }

  /** The IPv6 address of a host on this segment. Throws when it has none. */
  v6(host: Host): string {
    return this.#address(host, 6);
  }

  /** The name of the host's network device on this segment. */
  device(host: Host): string {
    const device = this.#devices.get(host);
    if (device === undefined) throw new Error(`${host.name} is not on this segment`);
    return device;
  }

  #address(host: Host, family: 4 | 6): string {
    const subnet = this.#subnets.find((each) => each.family === family);
    const number = this.hosts.indexOf(host) + 1;
    if (subnet === undefined || number === 0)
      throw new Error(`${host.name} has no IPv${family} address here`);
    return subnet.address(number);
  }

  /**
   * The arguments for a veth pair whose other end is in `peer`. The indices differ: of two ends with the same index, as
   * each first device of a namespace would have, the kernel looks at the carrier once a second only.
   */
  #pair(device: string, peerDevice: string, peer: Host): string {
    const common = `mtu ${this.#mtuBytes}`;
    const [index, peerIndex] = [nextIndex++, nextIndex++];
    const other = `peer name ${peerDevice} index ${peerIndex} ${common} netns ${basename(peer.path)}`;
    return `${device} index ${index} ${common} type veth ${other}`;
  }

  async #waitUntilUp(): Promise<void> {
    for (const [host, device] of this.#devices) {
      for (
        let tries = 0;
        !/ state UP /.test(await host.exec(['ip', '-o', 'link', 'show', device]));
        tries++
      ) {
        if (tries === 500) throw new Error(`${device} of ${host.name} did not come up`);
        await sleep(10);
      }
    }
  }

  async #configure(host: Host, device: string): Promise<void> {
    const addresses = this.#subnets.map((subnet) => {
      const nodad = subnet.family === 6 ? ' nodad' : '';
      return `addr add ${this.#address(host, subnet.family)}/${subnet.prefixLength} dev ${device}${nodad}`;
    });
    await host.ip([...addresses, `link set ${device} up`].join('\n'));
    this.#devices.set(host, device);
    host.segments.push(this);
  }
}

function nextDevice(host: Host): string {
  return `eth${host.segments.length}`;
}
