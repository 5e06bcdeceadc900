import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { arch, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findClang } from '../fixtures/bpf/fixture.ts';
import { TREE } from '../hosts/find-tool.ts';

/** A change of one place of a source file. */
export interface Edit {
  /** From the root of the tree. */
  readonly file: string;
  /** What is there now, exactly and once. */
  readonly find: string;
  readonly put: string;
}

/** Applies edits to the files of a copy of the tree. Throws when the text of one is not there once: then it is stale. */
export function applyEdits(copy: string, edits: readonly Edit[]): void {
  for (const { file, find, put } of edits) {
    const path = join(copy, file);
    const [before, after, ...more] = readFileSync(path, 'utf8').split(find);
    if (before === undefined || after === undefined || more.length > 0)
      throw new Error(`${file} has this ${after === undefined ? 'nowhere' : 'more than once'}:\n${find}`);
    writeFileSync(path, before + put + after);
  }
}

/** Builds a copy of kernel/ with these edits, as tools/build-bpf.sh does. @returns the object's bytes */
export async function buildMutant(edits: readonly Edit[]): Promise<Uint8Array> {
  const clang = findClang();
  if (clang === null) throw new Error('no clang: sh tools/setup.sh installs it');
  return inCopy('kernel', edits, async (copy) => {
    const object = join(copy, 'mutant.bpf.o');
    const target = arch() === 'arm64' ? 'arm64' : 'x86';
    const flags = [
      '-O2',
      '-g',
      '-Wall',
      '-Wno-unused',
      '-target',
      'bpf',
      '-mcpu=v3',
      `-D__TARGET_ARCH_${target}`,
    ];
    const paths = [
      `-I${join(copy, 'kernel/include')}`,
      '-c',
      join(copy, 'kernel/kube-netc.bpf.c'),
      '-o',
      object,
    ];
    await promisify(execFile)(clang, [...flags, ...paths]);
    return readFileSync(object);
  });
}

/** Loads a module of a copy of src/ with these edits. It must not need packages. */
export async function importMutant<T>(file: string, edits: readonly Edit[]): Promise<T> {
  return inCopy('src', edits, async (copy) => (await import(join(copy, file))) as T);
}

async function inCopy<T>(
  folder: string,
  edits: readonly Edit[],
  use: (copy: string) => Promise<T>,
): Promise<T> {
  const copy = mkdtempSync(join(tmpdir(), 'netc-mutant-'));
  try {
    cpSync(join(TREE, folder), join(copy, folder), { recursive: true });
    applyEdits(copy, edits);
    return await use(copy);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}
