import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cgroup2Mount } from '../hosts/cgroup.ts';

/** Files of a limit, by version of cgroups: what they take, of bytes or of a share of one CPU. */
const LIMITS = {
  memory: { v1: 'memory.limit_in_bytes', v2: 'memory.max' },
  cpu: { v1: 'cpu.cfs_quota_us', v2: 'cpu.max' },
} as const;
const PERIOD_US = 100_000;
const GONE_TRIES = 200;

/** A cgroup that limits the memory or the CPU of the processes in it, by v2 where it has the controller, else by v1. */
export class LimitedCgroup implements AsyncDisposable {
  readonly path: string;
  readonly #kind: keyof typeof LIMITS;
  readonly #isV2: boolean;

  private constructor(path: string, kind: keyof typeof LIMITS, isV2: boolean) {
    this.path = path;
    this.#kind = kind;
    this.#isV2 = isV2;
    mkdirSync(path);
  }

  /** @param name unique on this machine. null: the machine has no such limits for us to set. */
  static open(kind: keyof typeof LIMITS, name: string): LimitedCgroup | null {
    const v1 = `/sys/fs/cgroup/${kind}`;
    if (existsSync(join(v1, 'cgroup.procs'))) return new LimitedCgroup(join(v1, name), kind, false);
    const v2 = cgroup2Mount();
    if (v2 === null) return null;
    const controlled = readFileSync(join(v2, 'cgroup.subtree_control'), 'utf8').split(/\s/).includes(kind);
    return controlled ? new LimitedCgroup(join(v2, name), kind, true) : null;
  }

  /** A command that becomes the one behind it, in this cgroup. */
  get prefix(): string[] {
    return ['sh', '-c', 'echo $$ >"$0" && exec "$@"', join(this.path, 'cgroup.procs')];
  }

  add(pid: number): void {
    writeFileSync(join(this.path, 'cgroup.procs'), String(pid));
  }

  /** @param value bytes of memory, or the share of one CPU; null: none */
  limit(value: number | null): void {
    const file = join(this.path, LIMITS[this.#kind][this.#isV2 ? 'v2' : 'v1']);
    const none = this.#isV2 ? 'max' : '-1';
    const given = this.#kind === 'cpu' ? (value ?? 0) * PERIOD_US : (value ?? 0);
    const text = value === null ? none : String(given);
    writeFileSync(file, this.#kind === 'cpu' && this.#isV2 ? `${text} ${PERIOD_US}` : text);
  }

  /** What its processes take of memory, and the kernel for them, in bytes. */
  get memoryBytes(): number {
    const file = this.#isV2 ? 'memory.current' : 'memory.usage_in_bytes';
    return Number(readFileSync(join(this.path, file), 'latin1'));
  }

  /** Removes it when its processes have ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (let tries = 0; tries < GONE_TRIES && existsSync(this.path); tries++) {
      try {
        rmdirSync(this.path);
      } catch {
        await sleep(10);
      }
    }
  }
}
