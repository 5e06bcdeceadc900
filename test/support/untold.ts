import { execFileSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { BpfObject } from '../../src/libbpf/object.ts';
import { compileFixture } from '../fixtures/bpf/fixture.ts';

const EVENT = 'events/sock/inet_sock_set_state';

/**
 * Changes of state that the kernel traces but tells no BPF program of. Some kernels of sandboxes run no program while a
 * task of the sandbox itself is current, and an interrupt that meets such a task may bring the end of any connection:
 * no counter of the kernel shows it. A program's own recursion misses are not in it.
 */
export class Untold {
  readonly #object: BpfObject;
  readonly #view: DataView;
  readonly #trace: Trace | null;

  /** Counts from here on. @param port of the sockets, at either end. No such socket may change its state now, nor at end() */
  constructor(port: number) {
    this.#object = BpfObject.open(compileFixture('states'), { name: 'states' });
    this.#object.load();
    this.#view = new DataView(this.#object.bss().view().buffer);
    this.#view.setBigUint64(8, BigInt(port), true);
    this.#trace = Trace.open(port);
    this.#object.program('count_state').attach();
  }

  /** @returns how many there were; 0 where the kernel cannot tell (no tracefs) */
  end(): number {
    const told = Number(this.#view.getBigUint64(0, true));
    const missed = this.#object.program('count_state').stats().recursionMisses;
    return this.#trace ? this.#trace.events() - told - missed : 0;
  }

  [Symbol.dispose](): void {
    this.#object.close();
    this.#trace?.close();
  }
}

/** Runs that may be void in a row: what is untold in each of as many more is no accident. */
const VOID_RUNS = 4;

/**
 * Runs something, and again where the kernel kept changes of state to itself meanwhile.
 * @param run is told how often it has run before @returns the first result of which all was told, or the last of five
 */
export async function untilTold<T extends { readonly untold: number }>(
  run: (again: number) => Promise<T>,
): Promise<T> {
  for (let again = 0; ; again++) {
    const result = await run(again);
    if (result.untold <= 0 || again === VOID_RUNS) return result;
  }
}

/** A trace buffer of our own: its statistics count what does not fit too. */
class Trace {
  readonly #tracefs: number;
  readonly #instance: string;

  static open(port: number): Trace | null {
    const tracefs = openTracefs();
    return tracefs === null ? null : new Trace(tracefs, port);
  }

  private constructor(tracefs: number, port: number) {
    this.#tracefs = tracefs;
    const instances = `/proc/self/fd/${tracefs}/instances`;
    sweep(instances);
    this.#instance = join(instances, `netc-${process.pid}-${port}`);
    mkdirSync(this.#instance);
    writeFileSync(join(this.#instance, EVENT, 'filter'), `sport == ${port} || dport == ${port}`);
    writeFileSync(join(this.#instance, EVENT, 'enable'), '1');
  }

  events(): number {
    return cpus().reduce((sum, _, cpu) => {
      const stats = readFileSync(join(this.#instance, `per_cpu/cpu${cpu}/stats`), 'utf8');
      return sum + Number(/^entries: (\d+)/m.exec(stats)?.[1]) + Number(/^overrun: (\d+)/m.exec(stats)?.[1]);
    }, 0);
  }

  close(): void {
    rmdirSync(this.#instance);
    closeSync(this.#tracefs);
  }
}

/** The root of a tracefs that is mounted nowhere, so that it is gone with this process; null without the right or the file system. */
function openTracefs(): number | null {
  const directory = mkdtempSync(join(tmpdir(), 'netc-tracefs-'));
  try {
    execFileSync('mount', ['-t', 'tracefs', 'tracefs', directory], { stdio: 'ignore' });
    const root = openSync(directory, 'r');
    execFileSync('umount', ['--lazy', directory]);
    return root;
  } catch {
    return null;
  } finally {
    rmdirSync(directory);
  }
}

/** Removes what tests that were killed have left. */
function sweep(instances: string): void {
  for (const name of readdirSync(instances)) {
    const [, pid] = /^netc-(\d+)-/.exec(name) ?? [];
    if (pid && !existsSync(`/proc/${pid}`)) rmdirSync(join(instances, name));
  }
}
