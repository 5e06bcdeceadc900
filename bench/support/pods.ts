import { randomUUID } from 'node:crypto';
import type { Host } from '../../test/hosts/host.ts';
import type { Lab } from '../../test/hosts/lab.ts';

/** Namespaces are made and programs started so many at a time. */
export const AT_ONCE = 8;

/** Runs `work` for each, some at a time. @returns what each gave, in their order */
export async function forEachOf<T, U>(all: readonly T[], work: (one: T) => Promise<U>): Promise<U[]> {
  const done: U[] = [];
  for (let from = 0; from < all.length; from += AT_ONCE)
    done.push(...(await Promise.all(all.slice(from, from + AT_ONCE).map(work))));
  return done;
}

/** So many pods as a node has them, without a kubelet: a network namespace and a cgroup each. */
export async function pods(lab: Lab, count: number): Promise<Host[]> {
  const numbers = Array.from({ length: count }, (_, i) => i);
  return forEachOf(numbers, async (i) => {
    const cgroup = `kubepods.slice/kubepods-pod${randomUUID().replaceAll('-', '_')}.slice/app`;
    return lab.host(`pod${i}`, { cgroup });
  });
}
