import { closeSync, openSync } from 'node:fs';
import { Config, Control, Outsider } from '../abi/records.gen.ts';
import { NetcError } from '../util/errors.ts';
import { BpfError } from './bpf-error.ts';
import { Books } from './books.ts';
import { Handle } from './handle.ts';
import { ProbeLoadError } from './load-error.ts';
import type { Link } from './link.ts';
import { type MonitorPlan, UDP_PROGRAMS, type UdpMode } from './monitor-plan.ts';
import { BpfObject } from './object.ts';

export interface MonitorOptions {
  /** Bytes or path of the built object. */
  readonly object: Uint8Array | string;
  /** Places for live sockets, a power of two, 64 or more: 80 bytes each, 104 with processes. */
  readonly slots: number;
  /** Flows at a time, a power of two: about 1,000 bytes each. */
  readonly books: number;
  /** Keep the process of each socket, and make its name part of a flow. */
  readonly trackProcess: boolean;
  /** A cgroup v2 directory whose sockets' UDP peers are watched; null: none. */
  readonly cgroupRoot: string | null;
  /** Only sockets of the cgroup with this id and below it are counted; 0n, or without: all of this kernel. */
  readonly nodeRootId?: bigint;
}

/** What became of one program. */
export interface ProbeStatus {
  readonly name: string;
  readonly attached: boolean;
  /** Why not; empty when attached. */
  readonly reason: string;
}

/** What a step of a walk may spend: as many empty slots, or a sixteenth as many live sockets. About 1.5 ms. */
const STEP_BUDGET = 49_152;
const BOOT_PASSES = 5; // sockets whose role could not be told in one pass are asked again

/**
 * Our BPF object on this kernel: sized, loaded, attached. Everything of it leaves the kernel with close(), or with the
 * process. One walk at a time.
 */
export class Monitor extends Handle {
  readonly plan: MonitorPlan;
  readonly udp: UdpMode;
  readonly slots: number;
  readonly books: Books;
  /** Live records of the last step; overwritten by the next. */
  readonly records: Uint32Array;
  readonly #object: BpfObject;
  readonly #options: MonitorOptions;
  readonly #control: DataView;
  readonly #statuses = new Map<string, ProbeStatus>(); // one a program of the object
  readonly #walk: Link;

  private constructor(
    object: BpfObject,
    plan: MonitorPlan,
    options: MonitorOptions,
    refused: readonly ProbeStatus[],
  ) {
    super('monitor');
    this.#object = object;
    this.#options = options;
    this.plan = plan;
    this.slots = options.slots;
    this.#control = new DataView(object.bss().view().buffer);
    const ring = object.map('free_books').view();
    this.books = new Books(
      object.map('flows'),
      object.map('books').view(),
      object.map('distributions').view(),
      ring,
      this.#control,
      options.books,
    );
    this.records = new Uint32Array(object.map('records').view().buffer);
    for (const status of refused) this.#statuses.set(status.name, status);
    this.#attachTcp();
    this.#walk = object.program(plan.walk).attachIter(object.map('walk_blocks'));
    this.#note(plan.walk, '');
    this.udp = this.#attachUdp();
  }

  /**
   * Loads and attaches what `plan` says. A program that is not essential and that the kernel refuses is left out and
   * named in probes(). Throws E_PROBE_LOAD, E_BPF, E_OBJECT_MISSING.
   */
  static start(plan: MonitorPlan, options: MonitorOptions): Monitor {
    const refused: ProbeStatus[] = [];
    for (;;) {
      const object = BpfObject.open(options.object, { name: 'kube_netc' });
      try {
        configure(object, plan, options, new Set(refused.map((status) => status.name)));
        object.load();
        return new Monitor(object, plan, options, refused);
      } catch (error) {
        object.close();
        const name = error instanceof ProbeLoadError ? error.program : null;
        if (!(error instanceof ProbeLoadError) || name === null || isEssential(name, plan)) throw error;
        refused.push({ name, attached: false, reason: error.message });
      }
    }
  }

  /** Every program of the plan, attached or not. */
  probes(): readonly ProbeStatus[] {
    return [...this.#statuses.values()];
  }

  /** Run time and count of a program; zeros unless the kernel keeps them (kernel.bpf_stats_enabled). */
  stats(name: string): { runTimeNs: number; runCount: number; missed: number } {
    const { runTimeNs, runCount, recursionMisses } = this.#object.program(name).stats();
    return { runTimeNs, runCount, missed: recursionMisses };
  }

  /**
   * Finds the sockets that are older than the agent. @returns how many, and how many of them nobody could be told of
   * who opened them: those are accounted when they close.
   */
  findOlder(): { found: number; undecided: number } {
    const link = this.#object.program('boot').attachIter();
    try {
      for (let pass = 0; pass < BOOT_PASSES; pass++) {
        this.#control.setUint32(Control.bootUndecided, 0, true);
        link.iterator().run();
        if (this.#control.getUint32(Control.bootUndecided, true) === 0) break;
      }
      this.#note('boot', '');
    } finally {
      link.close();
    }
    return {
      found: this.counter('bootFound'),
      undecided: this.#control.getUint32(Control.bootUndecided, true),
    };
  }

  beginWalk(): void {
    this.#control.setUint32(Control.walkNextSlot, 0, true);
  }

  /** One step of the walk, 2 ms at most. @returns records in `records`, the clock of the step, whether it was the last */
  step(): { records: number; nowNs: number; done: boolean } {
    this.#control.setUint32(Control.walkRecords, 0, true);
    this.#control.setUint32(Control.walkBudget, STEP_BUDGET, true);
    const iterator = this.#walk.iterator();
    iterator.run();
    iterator.close();
    return {
      records: this.#control.getUint32(Control.walkRecords, true),
      nowNs: this.walkNs,
      done: this.#control.getUint32(Control.walkNextSlot, true) >= this.slots,
    };
  }

  /** CLOCK_MONOTONIC of the last step, ns. */
  get walkNs(): number {
    return Number(this.#control.getBigUint64(Control.walkNowNs, true));
  }

  /** The kernel's jiffies at the last step. */
  get walkJiffies(): number {
    return Number(this.#control.getBigUint64(Control.walkJiffies, true));
  }

  /** A cumulative counter of struct control. */
  counter(name: Exclude<keyof typeof Control, 'size'>): number {
    return Number(this.#control.getBigUint64(Control[name], true));
  }

  /**
   * Whether sockets that are not below the node's root have moved something in a network namespace: then the kernel
   * counts more there than we do. False where all sockets are counted. Throws E_BPF.
   */
  outsiders(netns: number): { tcp: boolean; udp: boolean } {
    const found = this.#options.nodeRootId
      ? this.#object.map('outsiders').lookup(new Uint8Array(Uint32Array.of(netns).buffer))
      : null;
    const bits = found ? new DataView(found.buffer).getUint32(0, true) : 0;
    return { tcp: (bits & Outsider.OUTSIDER_TCP) !== 0, udp: (bits & Outsider.OUTSIDER_UDP) !== 0 };
  }

  protected release(): void {
    this.#object.close();
  }

  #note(name: string, reason: string): void {
    this.#statuses.set(name, { name, attached: reason === '', reason });
  }

  #attachTcp(): void {
    this.#object.program('tcp_state').attach();
    this.#note('tcp_state', '');
    this.#tryAttach('tcp_destroy', () => void this.#object.program('tcp_destroy').attach());
    if (this.#options.trackProcess)
      this.#tryAttach('tcp_connect', () => void this.#object.program('tcp_connect').attach());
  }

  /** Attaches the plan's way of counting UDP whole, or nothing of it. */
  #attachUdp(): UdpMode {
    const { needed } = UDP_PROGRAMS[this.plan.udp];
    const attached: Link[] = [];
    const complete = needed.every((name) =>
      this.#tryAttach(name, () => void attached.push(this.#object.program(name).attach())),
    );
    if (!complete) {
      for (const link of attached) link.close();
      for (const name of needed)
        if (this.#statuses.get(name)?.attached) this.#note(name, 'of no use without the others');
      return 'off';
    }
    if (this.plan.udpPeers) this.#attachPeers();
    return this.plan.udp;
  }

  #attachPeers(): void {
    const { cgroupRoot } = this.#options;
    if (cgroupRoot === null) {
      for (const name of UDP_PROGRAMS.tracepoint.peers) this.#note(name, 'cgroup v2 is not mounted');
      return;
    }
    const directory = openSync(cgroupRoot, 'r');
    try {
      for (const name of UDP_PROGRAMS.tracepoint.peers) {
        this.#tryAttach(name, () => void this.#object.program(name).attachCgroup(directory));
      }
    } finally {
      closeSync(directory);
    }
  }

  #tryAttach(name: string, attach: () => void): boolean {
    if (this.#statuses.get(name)) return false; // refused at load
    try {
      attach();
      this.#note(name, '');
      return true;
    } catch (error) {
      if (!(error instanceof BpfError)) throw error;
      this.#note(name, error.message);
      return false;
    }
  }
}

/** What the agent cannot do without. */
function isEssential(name: string, plan: MonitorPlan): boolean {
  return name === 'tcp_state' || name === plan.walk;
}

function configure(
  object: BpfObject,
  plan: MonitorPlan,
  options: MonitorOptions,
  refused: ReadonlySet<string>,
): void {
  for (const value of [options.slots, options.books]) {
    if (value < 64 || (value & (value - 1)) !== 0)
      throw new NetcError('E_INTERNAL', { reason: `${value} is no size of a table` });
  }
  const wanted = new Set<string>([
    'tcp_state',
    'tcp_destroy',
    'boot',
    plan.walk,
    ...UDP_PROGRAMS[plan.udp].needed,
  ]);
  if (options.trackProcess) wanted.add('tcp_connect');
  if (plan.udpPeers) for (const name of UDP_PROGRAMS.tracepoint.peers) wanted.add(name);
  for (const program of object.programs())
    program.setAutoload(wanted.has(program.name) && !refused.has(program.name));
  const [slots, scattered] = [object.map('slots'), object.map('scattered')];
  const slotRun = slots.maxEntries / scattered.maxEntries; // as the object comes
  slots.setMaxEntries(options.slots);
  object.map('measures').setMaxEntries(options.slots);
  scattered.setMaxEntries(options.slots / slotRun);
  object.map('owners').setMaxEntries(options.trackProcess ? options.slots : 1);
  for (const name of ['books', 'distributions', 'free_books', 'flows'])
    object.map(name).setMaxEntries(options.books);
  const config = new DataView(object.rodata().initialValue());
  config.setUint32(Config.slotMask, options.slots - 1, true);
  config.setUint32(Config.bookCapacity, options.books, true);
  config.setUint32(Config.trackProcess, options.trackProcess ? 1 : 0, true);
  config.setBigUint64(Config.nodeRootId, options.nodeRootId ?? 0n, true);
  if (!options.nodeRootId) object.map('outsiders').setMaxEntries(1);
}
