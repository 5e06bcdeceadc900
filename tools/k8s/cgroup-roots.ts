import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const EMPTY_LIMIT_MS = 10_000;

/** Every cgroup hierarchy of this machine: one with v2, a dozen with v1, both on hybrid machines. */
function hierarchies(): { readonly mount: string; readonly v2: boolean }[] {
  const found = [];
  for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n')) {
    const [before = '', after = ''] = line.split(' - ');
    const [type] = after.split(' ');
    if (type === 'cgroup' || type === 'cgroup2')
      found.push({ mount: before.split(' ')[4] ?? '', v2: type === 'cgroup2' });
  }
  return found;
}

/** Makes a cgroup of this name at the top of every hierarchy: what a kubelet takes for its root. */
export function makeCgroupRoots(name: string): void {
  for (const { mount } of hierarchies()) {
    const root = join(mount, name);
    mkdirSync(root, { recursive: true });
    // cpuset of v1: without these nothing can be put into it.
    for (const file of ['cpuset.cpus', 'cpuset.mems']) {
      const inherited = join(mount, file);
      if (existsSync(inherited)) writeFileSync(join(root, file), readFileSync(inherited));
    }
  }
}

/** Puts a process into a cgroup v2 below the root, which its children inherit. Throws where v2 is not mounted. */
export function enterCgroup(name: string, pid: number): void {
  const v2 = hierarchies().find((each) => each.v2);
  if (v2 === undefined) throw new Error('cgroup v2 is not mounted here: mount -t cgroup2 none DIRECTORY');
  const folder = join(v2.mount, name, 'node');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'cgroup.procs'), String(pid));
}

/** Ends every process below a root, and removes it from every hierarchy. */
export async function removeCgroupRoots(name: string): Promise<void> {
  const end = performance.now() + EMPTY_LIMIT_MS;
  for (const { mount, v2 } of hierarchies()) {
    const root = join(mount, name);
    if (!existsSync(root)) continue;
    const kill = join(root, 'cgroup.kill'); // Linux >= 5.14
    if (v2 && existsSync(kill)) writeFileSync(kill, '1');
    while (!removeTree(root)) {
      if (performance.now() > end) throw new Error(`${root} does not become empty`);
      await sleep(20);
    }
  }
}

function removeTree(folder: string): boolean {
  try {
    const children = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    const emptied = children.map(({ name }) => removeTree(join(folder, name)));
    if (!emptied.every(Boolean)) return false;
    for (const pid of readFileSync(join(folder, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean))
      process.kill(Number(pid), 'SIGKILL');
    rmdirSync(folder);
    return true;
  } catch {
    return !existsSync(folder); // not empty yet, or somebody else has removed it
  }
}

/** The cgroups of this name that are there: for tests that nothing is left. */
export function cgroupRoots(name: string): string[] {
  return hierarchies()
    .map(({ mount }) => join(mount, name))
    .filter((root) => existsSync(root));
}
