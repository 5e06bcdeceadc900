/** A field of mountinfo: blanks, tabs, line feeds and backslashes are written in octal. */
function unescapeField(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

/** A place where cgroup v2 is mounted. */
export interface Cgroup2Mount {
  readonly path: string;
  /** Of the cgroup that is seen there: seen from our own cgroup namespace, so "/../.." is two above it. */
  readonly root: string;
}

/** v2: cgroup v2 alone. hybrid: both. v1: v2 is mounted nowhere. none: neither is. */
export type CgroupLayout = 'v2' | 'hybrid' | 'v1' | 'none';

function* mountsOf(mountinfo: string, type: string): Generator<Cgroup2Mount> {
  for (const line of mountinfo.split('\n')) {
    const [before = '', after = ''] = line.split(' - ', 2);
    if (after.split(' ')[0] !== type) continue;
    const [, , , root, path] = before.split(' ');
    if (path !== undefined && root !== undefined)
      yield { path: unescapeField(path), root: unescapeField(root) };
  }
}

/** How far up a root is: above our cgroup namespace, at its root, or somewhere below it. */
function height({ root }: Cgroup2Mount): number {
  if (root === '/') return 0;
  const up = /^(?:\/\.\.)+$/.exec(root)?.[0];
  return up === undefined ? -1 : up.length / '/..'.length;
}

/**
 * Where cgroup v2 is mounted, from the text of /proc/self/mountinfo: /sys/fs/cgroup, on hybrid hosts
 * /sys/fs/cgroup/unified. Of several the one that shows most of the tree: a container that has the node's beside its own
 * looks at the node's. Null: nowhere. Source: proc(5), "/proc/pid/mountinfo"; cgroup_namespaces(7).
 */
export function findCgroup2Mount(mountinfo: string): Cgroup2Mount | null {
  // Of mounts on one path only the last can be seen.
  const seen = new Map([...mountsOf(mountinfo, 'cgroup2')].map((mount) => [mount.path, mount]));
  let best: Cgroup2Mount | null = null;
  for (const mount of seen.values()) {
    if (best === null || height(mount) > height(best)) best = mount;
  }
  return best;
}

/** Which cgroup hierarchies there are, from the same text. */
export function cgroupLayout(mountinfo: string): CgroupLayout {
  const [v2] = mountsOf(mountinfo, 'cgroup2');
  const [v1] = mountsOf(mountinfo, 'cgroup');
  if (v2) return v1 ? 'hybrid' : 'v2';
  return v1 ? 'v1' : 'none';
}
