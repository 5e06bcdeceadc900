import type { Clock } from '../util/clock.ts';
import { type CgroupName, parseCgroupPath } from './cgroup-path.ts';
import { walkCgroups } from './cgroup-walk.ts';

/** Cgroups known at the same time, living and removed: about 3 MB. Over it the longest removed go first, then no more are found. */
const MAX_CGROUPS = 16_384;
/** How long a removed cgroup keeps its name: sockets closed in it are still told on pages. Ids are never given twice. */
const KEEP_REMOVED_MS = 15 * 60_000;
/** Between two walks at least this, */
const MIN_GAP_MS = 500;
/** and so many times what a walk holds the event loop: looking for cgroups takes 1 % of a core at most. */
const GAP_PER_BUSY_MS = 100;

/** A cgroup that a walk did not find. */
interface Gone {
  /** Null: no walk ever found it. */
  readonly path: string | null;
  readonly sinceMs: number;
}

export interface CgroupStatistics {
  readonly known: number;
  readonly limit: number;
  readonly walks: number;
  /** Event loop time of all walks. */
  readonly walkSeconds: number;
  /** Ids that a walk did not find: removed before it, or outside the mount. */
  readonly missed: number;
  /** Whether the last walk found more cgroups than there is room for. */
  readonly truncated: boolean;
}

export interface CgroupOptions {
  readonly clock: Clock;
  readonly pause?: () => Promise<void>;
  readonly limit?: number;
}

/** Which container or unit a cgroup id stands for. Walks the cgroup2 tree when asked for ids that it does not know. */
export class Cgroups {
  readonly #root: string | null;
  readonly #clock: Clock;
  readonly #pause: () => Promise<void>;
  readonly #limit: number;
  #living: ReadonlyMap<number, string> = new Map();
  /** In the order in which they went. */
  readonly #gone = new Map<number, Gone>();
  #walking: Promise<void> | undefined;
  #nextWalkMs = -Infinity;
  #walks = 0;
  #busyMs = 0;
  #missed = 0;
  #truncated = false;

  /** `root` is the cgroup2 mount; null where there is none: then no id has a name. */
  constructor(root: string | null, { clock, pause, limit }: CgroupOptions) {
    this.#root = root;
    this.#clock = clock;
    this.#pause = pause ?? (() => new Promise((resolve) => setImmediate(resolve)));
    this.#limit = limit ?? MAX_CGROUPS;
  }

  /** The name of a cgroup; null where its path names nobody; undefined where the id is not known. */
  name(id: number): CgroupName | null | undefined {
    const path = this.path(id);
    return path === undefined || path === null ? path : parseCgroupPath(path);
  }

  /** The path of a cgroup below the mount; null where no walk ever found it; undefined where the id is not known. */
  path(id: number): string | null | undefined {
    return this.#living.get(id) ?? this.#gone.get(id)?.path;
  }

  /** Walks the tree once if some of the ids (0 is none) are not known. See Identity.learn. */
  async learn(ids: Iterable<number>): Promise<boolean> {
    if (this.#root === null) return true;
    const unknown = (id: number): boolean => id !== 0 && !this.#living.has(id) && !this.#gone.has(id);
    let missing = [...ids].filter(unknown);
    if (missing.length === 0) return true;
    if (this.#walking !== undefined) {
      // It may have passed the place of a cgroup before that was made: only what it found counts.
      await this.#walking;
      missing = missing.filter(unknown);
      if (missing.length === 0) return true;
    }
    if (this.#walking === undefined) {
      if (this.#clock.tsMonoMs() < this.#nextWalkMs) return false;
      this.#walking = this.#walk(this.#root).finally(() => (this.#walking = undefined));
    }
    await this.#walking;
    this.#noteMissed(missing.filter(unknown));
    return true;
  }

  get statistics(): CgroupStatistics {
    return {
      known: this.#living.size + this.#gone.size,
      limit: this.#limit,
      walks: this.#walks,
      walkSeconds: this.#busyMs / 1000,
      missed: this.#missed,
      truncated: this.#truncated,
    };
  }

  async #walk(root: string): Promise<void> {
    const nowMs = (): number => this.#clock.tsMonoMs();
    const { paths, truncated, busyMs } = await walkCgroups(root, {
      limit: this.#limit,
      nowMs,
      pause: this.#pause,
    });
    this.#walks++;
    this.#busyMs += busyMs;
    this.#truncated = truncated;
    this.#nextWalkMs = nowMs() + Math.max(MIN_GAP_MS, GAP_PER_BUSY_MS * busyMs);
    if (paths !== null) this.#replaceWith(paths);
  }

  #replaceWith(paths: ReadonlyMap<number, string>): void {
    const sinceMs = this.#clock.tsMonoMs();
    for (const [id, path] of this.#living) {
      if (!paths.has(id)) this.#gone.set(id, { path, sinceMs });
    }
    for (const id of paths.keys()) this.#gone.delete(id);
    this.#living = paths;
    this.#forget(sinceMs);
  }

  /** Ids that a walk after the question did not find will not be found by the next one either. */
  #noteMissed(ids: readonly number[]): void {
    const sinceMs = this.#clock.tsMonoMs();
    this.#missed += ids.length;
    for (const id of ids) this.#gone.set(id, { path: null, sinceMs });
    this.#forget(sinceMs);
  }

  #forget(nowMs: number): void {
    for (const [id, { sinceMs }] of this.#gone) {
      const tooMany = this.#living.size + this.#gone.size > this.#limit;
      if (!tooMany && nowMs - sinceMs < KEEP_REMOVED_MS) return;
      this.#gone.delete(id);
    }
  }
}
