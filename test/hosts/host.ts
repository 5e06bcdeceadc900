import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Cgroup } from './cgroup.ts';
import { findTool } from './find-tool.ts';
import { HostProcess, run } from './host-process.ts';
import { NETNS_FOLDER } from './remove-lab.ts';
import type { Segment } from './segment.ts';

/** What every host is given before it has a device. */
const DEFAULTS: Sysctls = {
  // Addresses are usable at once: no wait for duplicates, no routes from anywhere else.
  'net.ipv6.conf.all.accept_dad': 0,
  'net.ipv6.conf.default.accept_dad': 0,
  'net.ipv6.conf.default.accept_ra': 0,
  // Every refused packet is told to its sender; by default a few a second are.
  'net.ipv4.icmp_ratelimit': 0,
  'net.ipv6.icmp.ratelimit': 0,
  // 60,000 short connections from one host would run out of ports: each stays 60 s in TIME_WAIT.
  'net.ipv4.ip_local_port_range': '10240 65535',
  'net.ipv4.tcp_tw_reuse': 1,
};

const FORWARDING: Sysctls = { 'net.ipv4.ip_forward': 1, 'net.ipv6.conf.all.forwarding': 1 };

/** Names under /proc/sys with dots for slashes, and their values. */
export type Sysctls = Readonly<Record<string, string | number>>;

export interface HostOptions {
  /** A cgroup v2 path below the lab's own, such as `system.slice/nginx.service`, where its processes start. */
  readonly cgroup?: string;
  /** Whether it passes on packets between its segments. */
  readonly forward?: boolean;
  readonly sysctls?: Sysctls;
}

export interface SpawnOptions {
  /** Instead of the host's own. */
  readonly cgroup?: Cgroup;
  readonly env?: NodeJS.ProcessEnv;
}

/** A network namespace with its own addresses, routes and firewall; it shares everything else with this machine. */
export class Host {
  readonly name: string;
  /** The file that holds the namespace. */
  readonly path: string;
  readonly cgroup: Cgroup | null;
  readonly segments: Segment[] = [];
  readonly #processes = new Set<HostProcess>();

  private constructor(name: string, netns: string, cgroup: Cgroup | null) {
    this.name = name;
    this.path = join(NETNS_FOLDER, netns);
    this.cgroup = cgroup;
  }

  /** Made by Lab.host() alone, which also removes it. */
  static async create(
    name: string,
    netns: string,
    cgroup: Cgroup | null,
    options: HostOptions,
  ): Promise<Host> {
    const host = new Host(name, netns, cgroup);
    await run([findTool('ip'), 'netns', 'add', netns]);
    await host.sysctl(known({ ...DEFAULTS, ...(options.forward === true ? FORWARDING : {}) }));
    if (options.sysctls !== undefined) await host.sysctl(options.sysctls);
    await host.ip('link set lo up');
    return host;
  }

  /** The inode of the network namespace, as the kernel and `ip netns identify` know it. */
  get netnsInode(): number {
    return statSync(this.path).ino;
  }

  /** Its IPv4 address on its first segment. */
  get v4(): string {
    return this.#firstSegment().v4(this);
  }

  /** Its IPv6 address on its first segment. */
  get v6(): string {
    return this.#firstSegment().v6(this);
  }

  /** Starts a program. It ends with the lab, or with the process that made it, whichever is first. */
  spawn(argv: readonly string[], options: SpawnOptions = {}): HostProcess {
    const { cgroup = this.cgroup, env = process.env } = options;
    const [program = '', ...rest] = argv;
    const command = program.includes('/') ? program : findTool(program);
    const enter = ['nsenter', `--net=${this.path}`, 'setpriv', '--pdeathsig', 'KILL', '--', command, ...rest];
    // The shell moves itself and becomes the program, so that each of its sockets is made in the cgroup.
    const move = ['sh', '-c', 'echo $$ >"$0" && exec "$@"', join(cgroup?.path ?? '', 'cgroup.procs')];
    const child = new HostProcess(cgroup === null ? enter : [...move, ...enter], argv, env);
    this.#processes.add(child);
    void child.ended.then(() => this.#processes.delete(child));
    return child;
  }

  /** Runs a program to its end and returns its stdout. Throws unless its exit code is 0. */
  async exec(argv: readonly string[], input = ''): Promise<string> {
    const child = this.spawn(argv);
    if (input !== '') child.write(input);
    child.closeInput();
    return child.success();
  }

  /** Runs commands of ip(8), one a line, without the word ip. */
  async ip(commands: string): Promise<void> {
    await this.exec(['ip', '-batch', '-'], `${commands}\n`);
  }

  async sysctl(values: Sysctls): Promise<void> {
    const lines = Object.entries(values).map(
      ([name, value]) => `echo '${value}' >/proc/sys/${name.replaceAll('.', '/')}`,
    );
    await this.exec(['sh', '-e'], `${lines.join('\n')}\n`);
  }

  /** Sends what is not for its own segments to a router that shares one with it. */
  async routeVia(router: Host): Promise<void> {
    const segment = this.segments.find((each) => router.segments.includes(each));
    if (segment === undefined) throw new Error(`${this.name} and ${router.name} share no segment`);
    if (segment.has(4)) await this.ip(`route replace default via ${segment.v4(router)}`);
    if (segment.has(6)) await this.ip(`route replace default via ${segment.v6(router)}`);
  }

  /** A file of /proc/net as a process of this host sees it, such as `snmp`. */
  async procNet(file: string): Promise<string> {
    return this.exec(['cat', `/proc/thread-self/net/${file}`]);
  }

  /** Waits until something in this host listens on a TCP port, or has bound a UDP port. */
  async waitForPort(port: number, protocol: 'tcp' | 'udp', by: HostProcess): Promise<void> {
    const tables = [`/proc/${by.pid}/net/${protocol}`, `/proc/${by.pid}/net/${protocol}6`];
    const wanted = new RegExp(
      `:${port.toString(16).toUpperCase().padStart(4, '0')} [0-9A-F]+:0000 ${protocol === 'tcp' ? '0A' : '07'} `,
    );
    for (let tries = 0; tries < 1000 && by.running; tries++) {
      if (this.#holds(by.pid) && tables.some((table) => wanted.test(readOrEmpty(table)))) return;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error(`${by.argv[0]} did not open ${protocol} port ${port}: ${by.stderr.slice(-600)}`);
  }

  /** Ends what was started here. */
  async stopProcesses(): Promise<void> {
    await Promise.all([...this.#processes].map((child) => child.stop({ graceMs: 2_000 })));
  }

  /** Whether the process has entered this namespace: it takes a moment after its start. */
  #holds(pid: number): boolean {
    try {
      return statSync(`/proc/${pid}/ns/net`).ino === this.netnsInode;
    } catch {
      return false;
    }
  }

  #firstSegment(): Segment {
    const [segment] = this.segments;
    if (segment === undefined) throw new Error(`${this.name} is joined to nothing yet`);
    return segment;
  }
}

/** Without those of IPv6, where the kernel has none. */
function known(values: Sysctls): Sysctls {
  if (existsSync('/proc/sys/net/ipv6')) return values;
  return Object.fromEntries(Object.entries(values).filter(([name]) => !name.startsWith('net.ipv6.')));
}

function readOrEmpty(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
