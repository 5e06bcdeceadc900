/** A field of mountinfo: blanks, tabs, line feeds and backslashes are written in octal. */
function unescapeField(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

/**
 * Where cgroup v2 is mounted, from the text of /proc/self/mountinfo: /sys/fs/cgroup, on hybrid hosts
 * /sys/fs/cgroup/unified. A mount of the whole tree goes before one of a part of it. Null: nowhere.
 * Source: proc(5), "/proc/pid/mountinfo".
 */
export function findCgroup2Mount(mountinfo: string): string | null {
  let part: string | null = null;
  for (const line of mountinfo.split('\n')) {
    const [before = '', after = ''] = line.split(' - ', 2);
    if (after.split(' ')[0] !== 'cgroup2') continue;
    const [, , , root, mountPoint] = before.split(' ');
    if (mountPoint === undefined) continue;
    if (root === '/') return unescapeField(mountPoint);
    part ??= unescapeField(mountPoint);
  }
  return part;
}
