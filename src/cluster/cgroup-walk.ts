import { opendirSync, statSync, type Dir, type Stats } from 'node:fs';

/** Directory entries read from the kernel at a time. */
const ENTRIES_PER_READ = 64;
/** After this time the event loop gets its turn. */
const SLICE_MS = 3;
/** Of a kernfs directory without children: "." and the entry in its parent. Each child's ".." adds one. */
const LEAF_LINKS = 2;

export interface WalkOptions {
  /** Directories to find, at most; the rest is left out. */
  readonly limit: number;
  /** Milliseconds of a clock that never goes back. */
  readonly nowMs: () => number;
  /** Resolves after the event loop had a turn. */
  readonly pause: () => Promise<void>;
}

export interface WalkResult {
  /** Paths below the root ("/" itself too), by inode number. Null where there is no such root. */
  readonly paths: Map<number, string> | null;
  readonly truncated: boolean;
  /** Time that the event loop was held, all slices together. */
  readonly busyMs: number;
}

/** What the path is; undefined where it went away. A cgroup can be removed at any moment. */
function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

function openDir(path: string): Dir | undefined {
  try {
    return opendirSync(path, { bufferSize: ENTRIES_PER_READ });
  } catch {
    return undefined;
  }
}

/** The names of a directory's subdirectories, one at a time: a file is passed over as null. */
function* subdirectories(path: string): Generator<string | null> {
  const dir = openDir(path);
  if (dir === undefined) return;
  try {
    for (let entry = dir.readSync(); entry !== null; entry = dir.readSync()) {
      yield entry.isDirectory() ? entry.name : null;
    }
  } catch {
    // Removed while it was read: what it had is gone too.
  } finally {
    dir.closeSync();
  }
}

/**
 * Finds every cgroup below a cgroup2 mount, in slices of about 3 ms. Most cgroups are leaves, known by their link count
 * and not opened: about 10 us each.
 *
 * The id of a cgroup in the kernel (kernfs_node.id) is its inode number here on 64-bit machines: 31 bits that run round
 * and, above bit 32, how often they did (fs/kernfs/dir.c, __kernfs_new_node()). So an id is not given twice, and a
 * double holds it exactly for the first 2^21 rounds of 2^31 files each: no host lives that long.
 */
export async function walkCgroups(root: string, { limit, nowMs, pause }: WalkOptions): Promise<WalkResult> {
  const top = statOf(root);
  if (top === undefined) return { paths: null, truncated: false, busyMs: 0 };
  const paths = new Map([[top.ino, '/']]);
  const toRead = ['/'];
  let busyMs = 0;
  let sliceStart = nowMs();
  for (let path = toRead.pop(); path !== undefined; path = toRead.pop()) {
    for (const name of subdirectories(root + path)) {
      if (name !== null) {
        if (paths.size >= limit) return { paths, truncated: true, busyMs: busyMs + nowMs() - sliceStart };
        const child = path === '/' ? `/${name}` : `${path}/${name}`;
        const stat = statOf(root + child);
        if (stat !== undefined) paths.set(stat.ino, child);
        if (stat !== undefined && stat.nlink !== LEAF_LINKS) toRead.push(child);
      }
      const elapsedMs = nowMs() - sliceStart;
      if (elapsedMs < SLICE_MS) continue;
      busyMs += elapsedMs;
      await pause();
      sliceStart = nowMs();
    }
  }
  return { paths, truncated: false, busyMs: busyMs + nowMs() - sliceStart };
}
