import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { kernelReading, type KernelReading } from '../collector/audit-counters.ts';
import type { Window } from '../collector/audit-growth.ts';
import type { LiveTable } from '../tracker/live-table.ts';
import { parseSnmp, parseSnmp6, type SnmpCounters } from '../util/snmp.ts';

const INITIAL_PID_NAMESPACE = 0xeffffffc; // PROC_PID_INIT_INO, include/linux/proc_ns.h
const NAMESPACES_MAX = 1024;
const PROCESSES_MAX = 4; // remembered for each namespace
const ROWS_A_ROUND = 8192; // sockets that a refresh looks at: 0.5 ms
const OWN = 'self';
const NOBODY = 'no process to read it through';

/** A namespace's counters before and after a snapshot. */
export interface SourceReading extends Window {
  readonly netns: number;
  /** `self`, or the process: `pid 812`; `(unchecked)` where we may not look whether it is still in the namespace. */
  readonly through: string;
}

/** A namespace whose counters cannot be read. */
export interface Unreadable {
  readonly netns: number;
  readonly reason: string;
}

interface Source {
  readonly netns: number;
  /** Oldest first. Records of sockets pair a process with its namespace; it may have moved or ended since. */
  readonly processes: string[];
  /** Why the last reading failed; empty if it did not, or there was none yet. */
  reason: string;
}
type Reading = { through: string; counters: KernelReading } | { reason: string };

/**
 * Where the kernel's counters of each network namespace can be read: in our own, and through any process in another.
 * A few namespaces a round, in turn: one costs 0.2 ms for each of the two readings.
 */
export class AuditSources {
  readonly #proc: string;
  readonly #perRound: number;
  readonly #seesAllProcesses: boolean;
  readonly #own: number;
  readonly #sources = new Map<number, Source>(); // at most NAMESPACES_MAX; in the order of their turns
  /** Namespaces without a process, and why: of the look under way, and of the last one. */
  readonly #unknown = new Map<number, string>(); // at most NAMESPACES_MAX
  #reported: readonly Unreadable[] = [];
  /** Of the look under way: where it is, and the namespaces it has met (no more than there are sockets). */
  #cursor = 0;
  readonly #seen = new Set<number>();
  #round: { source: Source; through: string; before: KernelReading }[] = [];

  /**
   * @param perRound namespaces a round
   * @param proc where procfs is mounted
   * @param allProcesses inode of the pid namespace whose pids the kernel's records carry
   */
  constructor(perRound = 4, proc = '/proc', allProcesses = INITIAL_PID_NAMESPACE) {
    this.#proc = proc;
    this.#perRound = perRound;
    this.#own = statSync(join(proc, OWN, 'ns/net')).ino;
    this.#seesAllProcesses = statSync(join(proc, OWN, 'ns/pid')).ino === allProcesses;
    this.#sources.set(this.#own, { netns: this.#own, processes: [OWN], reason: '' });
  }

  /** Namespaces that can be read, as far as is known. */
  get readable(): ReadonlySet<number> {
    const readable = [...this.#sources.values()].filter((source) => source.reason === '');
    return new Set(readable.map((source) => source.netns));
  }

  /** Namespaces of live sockets that cannot be read, as far as is known. */
  get unreadable(): readonly Unreadable[] {
    const failed = [...this.#sources.values()].filter((source) => source.reason !== '');
    return [...failed.map(({ netns, reason }) => ({ netns, reason })), ...this.#reported];
  }

  /**
   * Learns from the sockets of the last walk which process is in which namespace. Looks at a part of them each time,
   * in turn: what has been learnt stays, so that a round is short however many there are.
   */
  refresh(live: LiveTable): void {
    const from = this.#cursor < live.count ? this.#cursor : 0;
    const to = Math.min(from + ROWS_A_ROUND, live.count);
    let last = -1;
    for (let row = from; row < to; row++) {
      const netns = live.netns[row] ?? 0;
      const pid = live.pid[row] ?? 0;
      if (pid === last && this.#seen.has(netns)) continue; // neighbours are mostly of one process
      last = pid;
      this.#seen.add(netns);
      if (netns !== this.#own && netns !== 0) this.#learn(netns, pid);
    }
    this.#cursor = to;
    if (to === live.count) this.#endLook();
  }

  /** All sockets have been looked at: what was not among them any more is not reported any more. */
  #endLook(): void {
    for (const source of this.#sources.values()) {
      const gone = source.reason !== '' && !this.#seen.has(source.netns);
      if (gone && source.netns !== this.#own) this.#sources.delete(source.netns);
      this.#unknown.delete(source.netns);
    }
    this.#reported = [...this.#unknown].map(([netns, reason]) => ({ netns, reason }));
    this.#unknown.clear();
    this.#seen.clear();
    this.#cursor = 0;
  }

  /** Before a walk: reads the namespaces whose turn it is. */
  begin(): void {
    this.#round = [];
    for (const source of [...this.#sources.values()].slice(0, this.#perRound)) {
      this.#sources.delete(source.netns);
      this.#sources.set(source.netns, source); // to the end of the queue
      const reading = this.#read(source);
      source.reason = 'reason' in reading ? reading.reason : '';
      if ('reason' in reading) continue;
      this.#round.push({ source, through: reading.through, before: reading.counters });
    }
  }

  /** After the books were read: reads the same again. A namespace that went meanwhile is left out. */
  end(): SourceReading[] {
    return this.#round.flatMap(({ source, through, before }) => {
      const reading = this.#read(source);
      return 'reason' in reading ? [] : [{ netns: source.netns, through, before, after: reading.counters }];
    });
  }

  #learn(netns: number, pid: number): void {
    const source = this.#sources.get(netns);
    const process = String(pid);
    if (!this.#seesAllProcesses) {
      this.#cannotRead(netns, 'its processes are in another pid namespace than the agent');
    } else if (pid === 0) {
      this.#cannotRead(netns, NOBODY);
    } else if (source) {
      const known = source.processes.includes(process);
      if (!known && source.processes.length < PROCESSES_MAX) source.processes.push(process);
    } else if (this.#sources.size < NAMESPACES_MAX) {
      this.#sources.set(netns, { netns, processes: [process], reason: '' });
    } else {
      this.#cannotRead(netns, `more than ${NAMESPACES_MAX} namespaces`);
    }
  }

  #cannotRead(netns: number, reason: string): void {
    if (this.#unknown.size < NAMESPACES_MAX) this.#unknown.set(netns, reason);
  }

  /** Through the first of its processes that is still there; those that are not are forgotten. */
  #read({ netns, processes }: Source): Reading {
    for (let process = processes[0]; process !== undefined; process = processes[0]) {
      try {
        const certain = this.#isIn(process, netns);
        if (certain !== false) {
          const counters = this.#counters(process);
          const through = process === OWN ? OWN : `pid ${process}${certain === null ? ' (unchecked)' : ''}`;
          return { through, counters };
        }
      } catch (error) {
        if (!hasEnded(error)) return { reason: error instanceof Error ? error.message : String(error) };
      }
      processes.shift();
    }
    return { reason: NOBODY };
  }

  /** null: we may not look, which takes CAP_SYS_PTRACE. */
  #isIn(process: string, netns: number): boolean | null {
    try {
      return statSync(join(this.#proc, process, 'ns/net')).ino === netns;
    } catch (error) {
      if (codeOf(error) === 'EACCES') return null;
      if (hasEnded(error)) return false;
      throw error;
    }
  }

  #counters(process: string): KernelReading {
    const folder = join(this.#proc, process, 'net');
    const counters: SnmpCounters = new Map();
    parseSnmp(readFileSync(join(folder, 'snmp'), 'utf8'), counters);
    parseSnmp(readFileSync(join(folder, 'netstat'), 'utf8'), counters);
    parseSnmp6(readIfThere(join(folder, 'snmp6')), counters);
    return kernelReading(counters);
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

/** Files of a process that has ended are not there, or cannot be read to the end. */
function hasEnded(error: unknown): boolean {
  return codeOf(error) === 'ENOENT' || codeOf(error) === 'ESRCH';
}

/** A kernel without IPv6 has no snmp6. */
function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return '';
    throw error;
  }
}
