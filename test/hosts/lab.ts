import { mkdirSync } from 'node:fs';
import { makeCgroup, type Cgroup } from './cgroup.ts';
import { Host, type HostOptions } from './host.ts';
import { newLabId } from './lab-id.ts';
import { labFolder, removeAbandonedLabs, removeLab } from './remove-lab.ts';
import { Segment, type SegmentOptions } from './segment.ts';

/** Open labs of this process: what is left of them when it exits is removed then. */
const open = new Set<string>();
process.on('exit', () => open.forEach(removeLab));

/**
 * A set of hosts for one test: network namespaces on this machine, joined by cables and switches. Needs root; ask
 * whyNoLab() first. Close it, or declare it by `await using`. What a killed test leaves is removed by the next one.
 */
export class Lab {
  readonly id = newLabId();
  /** A folder for files of this lab, removed with it. */
  readonly folder = labFolder(this.id);
  readonly hosts: Host[] = [];
  #segments = 1;

  private constructor() {}

  static async create(): Promise<Lab> {
    removeAbandonedLabs();
    const lab = new Lab();
    mkdirSync(lab.folder);
    open.add(lab.id);
    return lab;
  }

  /** A host without any network but its loopback. The name is for people: lower-case letters and digits. */
  async host(name: string, options: HostOptions = {}): Promise<Host> {
    if (!/^[a-z][a-z0-9]{0,30}$/.test(name))
      throw new Error(`${name} is no name for a host: use a-z and 0-9`);
    if (this.hosts.some((host) => host.name === name)) throw new Error(`there is a host ${name} already`);
    const cgroup = options.cgroup === undefined ? null : this.cgroup(options.cgroup);
    const host = await Host.create(name, `${this.id}-${name}`, cgroup, options);
    this.hosts.push(host);
    return host;
  }

  /** A cgroup v2 directory below the lab's own, for processes that start elsewhere than in their host's cgroup. */
  cgroup(path: string): Cgroup {
    return makeCgroup(this.id, path);
  }

  /** Joins two hosts by a veth pair. Without options both families get a network that nothing else has. */
  async join(a: Host, b: Host, options?: SegmentOptions): Promise<Segment> {
    return Segment.cable(a, b, options ?? this.#freeNetworks());
  }

  /** Joins hosts by a bridge, which is in a namespace of its own. */
  async bridge(hosts: readonly Host[], options?: SegmentOptions): Promise<Segment> {
    const middle = await this.host(`bridge${this.#segments++}`);
    return Segment.bridge(hosts, middle, options ?? this.#freeNetworks());
  }

  /** Ends every process of every host and removes all. Never throws; may be called twice. */
  async close(): Promise<void> {
    if (!open.has(this.id)) return;
    await Promise.all(this.hosts.map((host) => host.stopProcesses()));
    removeLab(this.id);
    open.delete(this.id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #freeNetworks(): SegmentOptions {
    const number = this.#segments++;
    return { v4: `10.64.${number}.0/24`, v6: `fd64:${number}::/64` };
  }
}
