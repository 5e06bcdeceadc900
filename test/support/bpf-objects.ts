import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  listLinks,
  type ListedLink,
  listPrograms,
  type ListedProgram,
} from '../../src/libbpf/program-list.ts';
import { findTool } from '../hosts/find-tool.ts';
import { run } from '../hosts/host-process.ts';

/** BPF objects in the kernel, by id. */
export interface BpfObjects {
  readonly programs: readonly ListedProgram[];
  readonly links: readonly ListedLink[];
  readonly mapIds: readonly number[];
}

const GONE_LIMIT_MS = 30_000; // the kernel frees programs and maps after a grace period, which may wait for a busy machine

/** What a process has open. It is all that it keeps in the kernel, if nothing is pinned and nothing attached without a link. */
export async function heldBy(pid: number): Promise<BpfObjects> {
  const programs = idsOf(pid, 'prog_id');
  const links = idsOf(pid, 'link_id');
  const maps = idsOf(pid, 'map_id');
  return kernelObjects(
    (program) => programs.has(program.id),
    (link) => links.has(link.id),
    (id) => maps.has(id),
  );
}

/**
 * What is in the kernel under the names of our programs and in the hands of no process: something outlived its agent. Not
 * what agents of other tests that were killed meanwhile have left: the kernel is still about to let go of that.
 */
export async function orphans(names: readonly string[]): Promise<readonly ListedProgram[]> {
  const cut = new Set(names.map((name) => name.slice(0, 15)));
  const now = (): ListedProgram[] => {
    const ours = listPrograms().filter(({ name }) => cut.has(name));
    const held = new Set(processes().flatMap((pid) => [...idsOf(pid, 'prog_id')]));
    return ours.filter(({ id }) => !held.has(id));
  };
  const first = new Set(now().map(({ id }) => id));
  return settled(() => now().filter(({ id }) => first.has(id)));
}

/** Those of `objects` that are still in the kernel when it has had time to let go of them; links on these programs too. */
export async function leftOf(objects: BpfObjects): Promise<BpfObjects> {
  const programs = new Set(objects.programs.map(({ id }) => id));
  const links = new Set(objects.links.map(({ id }) => id));
  const maps = new Set(objects.mapIds);
  let left = { programs: [], links: [], mapIds: [] } as BpfObjects;
  await settled(async () => {
    left = await kernelObjects(
      (program) => programs.has(program.id),
      (link) => links.has(link.id) || programs.has(link.programId),
      (id) => maps.has(id),
    );
    return [...left.programs, ...left.links, ...left.mapIds];
  });
  return left;
}

export const NOTHING: BpfObjects = { programs: [], links: [], mapIds: [] };

async function kernelObjects(
  program: (program: ListedProgram) => boolean,
  link: (link: ListedLink) => boolean,
  map: (id: number) => boolean,
): Promise<BpfObjects> {
  const maps = JSON.parse(await run([findTool('bpftool'), '--json', 'map', 'show'])) as { id: number }[];
  return {
    programs: listPrograms().filter(program),
    links: listLinks().filter(link),
    mapIds: maps.map(({ id }) => id).filter(map),
  };
}

/** Asks until nothing is left, or the time is over; what is left then. */
export async function settled<T>(ask: () => readonly T[] | Promise<readonly T[]>): Promise<readonly T[]> {
  const end = performance.now() + GONE_LIMIT_MS;
  for (;;) {
    const left = await ask();
    if (left.length === 0 || performance.now() > end) return left;
    await sleep(50);
  }
}

function processes(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** proc_pid_fdinfo(5): what is behind a descriptor. */
function idsOf(pid: number, field: 'prog_id' | 'link_id' | 'map_id'): Set<number> {
  const line = new RegExp(`^${field}:\\s*(\\d+)$`, 'm');
  const ids = new Set<number>();
  for (const fd of readOr([], () => readdirSync(`/proc/${pid}/fdinfo`))) {
    const text = readOr('', () => readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'latin1'));
    const id = line.exec(text)?.[1];
    if (id !== undefined) ids.add(Number(id));
  }
  return ids;
}

/** Descriptors close and processes end while they are looked at. */
function readOr<T>(otherwise: T, read: () => T): T {
  try {
    return read();
  } catch {
    return otherwise;
  }
}
