import { readFileSync, statfsSync, statSync } from 'node:fs';
import { type CgroupLayout, cgroupLayout, findCgroup2Mount } from './cgroup-mount.ts';

/** Inode of the true root of the cgroup v2 tree: the first that its kernfs gives (fs/kernfs/dir.c, kernfs_create_root). */
const TRUE_ROOT = 1n;
/** CGROUP2_SUPER_MAGIC, include/uapi/linux/magic.h. */
const CGROUP2_MAGIC = 0x63677270;

/**
 * What of the cgroup v2 tree can be seen from here, and so which of the kernel's sockets are ours to tell of:
 * whole  the tree from its true root: all of them.
 * node   a part of it that we are in, but not at its top. The machine is a container that shares its kernel with others
 *        (a node of kind, k3d or minikube): ours are the sockets below that part's root.
 * own    no more than our own container: whose the others are cannot be seen. All are told of, without names by cgroup.
 * none   nothing of it is mounted. The same.
 */
export type CgroupScope = 'whole' | 'node' | 'own' | 'none';

export interface CgroupView {
  readonly scope: CgroupScope;
  readonly layout: CgroupLayout;
  /** Where the tree is mounted, or the part of it; null: nowhere. */
  readonly mount: string | null;
  /** Id of the cgroup whose sockets are ours, those below it too; 0n: all sockets are. */
  readonly nodeRootId: bigint;
}

export interface CgroupSources {
  /** Text of /proc/self/mountinfo and of /proc/self/cgroup. */
  readonly mountinfo: string;
  readonly ownCgroups: string;
  /** Inode of a cgroup v2 directory; null: it is none, or cannot be looked at. bigint: ids have 64 bits. */
  readonly inodeOf: (path: string) => bigint | null;
}

/** @param root look below this directory instead of finding out; throws nothing: one that is not there is no root */
export function cgroupView(sources: CgroupSources, root?: string): CgroupView {
  const layout = cgroupLayout(sources.mountinfo);
  if (root !== undefined) {
    const id = sources.inodeOf(root);
    if (id === null) return { scope: 'none', layout, mount: null, nodeRootId: 0n };
    return id === TRUE_ROOT ? whole(root, layout) : { scope: 'node', layout, mount: root, nodeRootId: id };
  }
  const mount = findCgroup2Mount(sources.mountinfo);
  const id = mount && sources.inodeOf(mount.path);
  if (mount === null || id === null) return { scope: 'none', layout, mount: null, nodeRootId: 0n };
  if (id === TRUE_ROOT) return whole(mount.path, layout);
  return isBelow(ownCgroup2(sources.ownCgroups), mount.root)
    ? { scope: 'node', layout, mount: mount.path, nodeRootId: id }
    : { scope: 'own', layout, mount: mount.path, nodeRootId: 0n };
}

/** From /proc. Throws what reading it throws. */
export function readCgroupView(root?: string, proc = '/proc'): CgroupView {
  const sources = {
    mountinfo: readFileSync(`${proc}/self/mountinfo`, 'utf8'),
    ownCgroups: readFileSync(`${proc}/self/cgroup`, 'utf8'),
    inodeOf,
  };
  return cgroupView(sources, root);
}

/** One line for people. */
export function describeCgroupView({ scope, layout, mount }: CgroupView): string {
  const beside = layout === 'hybrid' ? ', beside cgroup v1' : '';
  const told: Record<CgroupScope, string> = {
    whole: `mounted on ${mount}${beside}`,
    node: `this node's part of the tree is at ${mount}${beside}: sockets outside of it are left out`,
    own: `${mount} shows no more than this container's own cgroup${beside}`,
    none: 'not mounted',
  };
  return told[scope];
}

function whole(mount: string, layout: CgroupLayout): CgroupView {
  return { scope: 'whole', layout, mount, nodeRootId: 0n };
}

function inodeOf(path: string): bigint | null {
  try {
    return statfsSync(path).type === CGROUP2_MAGIC ? statSync(path, { bigint: true }).ino : null;
  } catch {
    return null;
  }
}

/** Our own cgroup in the v2 tree, seen from our cgroup namespace: the line "0::<path>". */
function ownCgroup2(text: string): string {
  return /^0::(.*)$/m.exec(text)?.[1] ?? '/';
}

/** Whether a cgroup is below another one, and not that one itself. Both are seen from the same cgroup namespace. */
function isBelow(path: string, root: string): boolean {
  const from = (text: string): string[] => text.split('/').filter((segment) => segment !== '');
  const [own, top] = [from(path), from(root)];
  const up = (segments: readonly string[]): number => segments.filter((segment) => segment === '..').length;
  if (up(top) !== up(own)) return up(top) > up(own) && up(top) === top.length;
  return own.length > top.length && top.every((segment, i) => segment === own[i]);
}
