import { type Identity, OTHERS, type Party } from '../cluster/identity.ts';
import type { MetricName } from '../expose/metrics.ts';
import { type Block, type LabelSet, labelSet } from '../expose/page.ts';
import { COMM_BYTES, type LiveTable } from '../tracker/live-table.ts';
import { commOf } from './comm.ts';
import { type EdgeLevel, workloadLabels } from './edge-labels.ts';

/** Listeners with series of their own: workloads with ports. What is over it is in the series `other`. */
export const MAX_LISTENERS = 1_000;
const HOLD_NS = 5e9; // so long a listener may wait for its name
const PAUSE_MASK = 0xff; // listeners between two places to pause, less one
const WRAP = 2 ** 32; // the kernel's counter of drops has 32 bits
const ANYWHERE = '0.0.0.0';

/** The listening sockets of a workload with one port. */
interface Listener {
  readonly labels: LabelSet;
  backlog: number;
  limit: number;
  drops: number;
  /** When it last had a socket, ns. */
  activeNs: number;
}

/** A listening socket: bounded by the live table. */
interface Socket {
  /** Null: its name may come in a moment. */
  listener: Listener | null;
  settled: boolean;
  drops: number;
  seen: number;
  readonly firstNs: number;
}

export interface ListenerOptions {
  readonly live: LiveTable;
  readonly identity: Identity;
  readonly level: EdgeLevel;
  /** A listener's series end so long after its last socket. */
  readonly ttlNs: number;
}

/**
 * Who listens, how full the queues of connections are that wait to be accepted, and what was dropped. Sockets of one
 * workload and port (SO_REUSEPORT, several addresses) are one listener. What has been dropped between the last snapshot
 * and the end of a socket is not seen.
 */
export class ListenerSeries {
  readonly #live: LiveTable;
  readonly #identity: Identity;
  readonly #level: EdgeLevel;
  readonly #ttlNs: number;
  /** By cookie. */
  readonly #sockets = new Map<number, Socket>();
  /** By labels; bounded by MAX_LISTENERS. */
  readonly #listeners = new Map<string, Listener>();
  readonly #other = listenerOf([OTHERS.name, OTHERS.kind, '', '']);
  #round = 0;
  /** False: cgroups of new sockets were not looked for, as others were a moment ago. */
  #learnt = true;
  #blocks: readonly Block[] = [];

  constructor({ live, identity, level, ttlNs }: ListenerOptions) {
    this.#live = live;
    this.#identity = identity;
    this.#level = level;
    this.#ttlNs = ttlNs;
  }

  /** Looks for cgroups of new listeners. To be awaited before update(). */
  async learn(): Promise<void> {
    const cgroups = new Set<number>();
    for (const row of this.#rows()) {
      const known = this.#sockets.get(this.#live.cookie[row] ?? 0);
      if (known?.settled !== true) cgroups.add(this.#live.cgroupId[row] ?? 0);
    }
    this.#learnt = cgroups.size === 0 || (await this.#identity.learn(cgroups));
  }

  /** Makes the series of a snapshot. Yields where it may pause. */
  *update(nowNs: number): Generator<void> {
    this.#round++;
    for (const listener of [...this.#listeners.values(), this.#other]) {
      listener.backlog = 0;
      listener.limit = 0;
    }
    let i = 0;
    for (const row of this.#rows()) {
      if ((i++ & PAUSE_MASK) === 0) yield;
      this.#count(row, nowNs);
    }
    for (const [cookie, { seen }] of this.#sockets) if (seen !== this.#round) this.#sockets.delete(cookie);
    for (const [key, listener] of this.#listeners) this.#age(key, listener, nowNs);
    this.#blocks = this.#write();
  }

  blocks(): readonly Block[] {
    return this.#blocks;
  }

  #rows(): Uint32Array {
    return this.#live.listenerRows.subarray(0, this.#live.listeners);
  }

  #count(row: number, nowNs: number): void {
    const live = this.#live;
    const cookie = live.cookie[row] ?? 0;
    let socket = this.#sockets.get(cookie);
    if (!socket) {
      socket = { listener: null, settled: false, drops: 0, seen: 0, firstNs: nowNs };
      this.#sockets.set(cookie, socket);
    }
    socket.seen = this.#round;
    if (!socket.settled) this.#settle(socket, row, nowNs);
    const { listener } = socket;
    if (!listener) return;
    const drops = live.drops[row] ?? 0;
    listener.drops += (drops - socket.drops + WRAP) % WRAP;
    socket.drops = drops;
    listener.backlog += live.backlog[row] ?? 0;
    listener.limit += live.backlogMax[row] ?? 0;
    listener.activeNs = nowNs;
  }

  #settle(socket: Socket, row: number, nowNs: number): void {
    const live = this.#live;
    const port = live.localPort[row] ?? 0;
    const { party, final } = this.#identity.local(
      {
        cgroupId: live.cgroupId[row] ?? 0,
        netns: live.netns[row] ?? 0,
        comm: commOf(live.comms, row * COMM_BYTES),
        address: ANYWHERE,
        port: 0,
        protocol: 'tcp',
      },
      { fromNs: socket.firstNs, toNs: socket.firstNs },
    );
    socket.settled = (final && this.#learnt) || nowNs - socket.firstNs >= HOLD_NS;
    if (socket.settled) socket.listener = this.#listenerOf(party, port);
  }

  #listenerOf(party: Party, port: number): Listener {
    const values = [...workloadLabels(party, this.#level), String(port)];
    const key = values.join('\0');
    const known = this.#listeners.get(key);
    if (known) return known;
    if (this.#listeners.size >= MAX_LISTENERS) return this.#other;
    const listener = listenerOf(values);
    this.#listeners.set(key, listener);
    return listener;
  }

  #age(key: string, listener: Listener, nowNs: number): void {
    if (nowNs - listener.activeNs < this.#ttlNs) return;
    this.#other.drops += listener.drops;
    this.#listeners.delete(key);
  }

  #write(): Block[] {
    const { drops, limit } = this.#other;
    const shown = [...this.#listeners.values(), ...(drops + limit > 0 ? [this.#other] : [])];
    const labels = shown.map((listener) => listener.labels);
    const block = (metric: MetricName, value: (listener: Listener) => number): Block => {
      return { metric, labels, values: Float64Array.from(shown, value), count: shown.length };
    };
    return [
      block('kube_netc_listener_backlog', ({ backlog }) => backlog),
      block('kube_netc_listener_backlog_limit', (listener) => listener.limit),
      block('kube_netc_listener_drops_total', (listener) => listener.drops),
    ];
  }
}

function listenerOf(values: readonly string[]): Listener {
  return { labels: labelSet(values), backlog: 0, limit: 0, drops: 0, activeNs: 0 };
}
