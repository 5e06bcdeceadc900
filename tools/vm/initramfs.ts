import { existsSync, globSync, readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { basename, join } from 'node:path';
import { type Content, writeCpio } from './cpio.ts';

/** The files of a guest, by their places in it. */
export type Files = ReadonlyMap<string, Content>;

/** Of the tree in the virtual machine. */
export const HOME = '/kube-netc';

const TREE = join(import.meta.dirname, '../..');

/** What the guest's tests need of the tree. */
const SOURCES = [
  'src/**/*.ts',
  'test/hosts/*.ts',
  'test/support/*.ts',
  'test/vm/guest/*.ts',
  'package.json',
  'build/kube-netc.bpf.o', // the same for every kind of machine
];

/** An emulated CPU is some twenty times slower: within the same share of it, a page would be minutes old. */
const SHARE = ['SHARE_OF_A_CORE = 0.01', 'SHARE_OF_A_CORE = 1'] as const;

/** Writes the part of the initramfs that all kernels of an architecture share. @param natives what is made for it */
export function writeUserland(path: string, natives: Files): void {
  const files = new Map(natives);
  files.set('/init', { file: join(TREE, 'tools/vm/init') });
  for (const file of globSync(SOURCES, { cwd: TREE })) addSource(files, file);
  for (const file of modules()) files.set(`${HOME}/${file}`, { file: join(TREE, file) });
  writeCpio(path, files);
}

/**
 * TypeScript goes in as JavaScript: to strip it takes a second of each process there. Under its own name there is a link,
 * which Node follows before it asks what kind of file it is.
 */
function addSource(files: Map<string, Content>, file: string): void {
  const path = `${HOME}/${file}`;
  if (!file.endsWith('.ts')) {
    files.set(path, { file: join(TREE, file) });
    return;
  }
  const stripped = stripTypeScriptTypes(readFileSync(join(TREE, file), 'utf8'));
  const script = stripped.replaceAll(/((?:from|import|import\()\s*'\.[^']*)\.ts'/g, "$1.js'");
  files.set(path.replace(/ts$/, 'js'), Buffer.from(script.replace(...SHARE)));
  files.set(path, { link: basename(path).replace(/ts$/, 'js') });
}

/** Writes the part of the initramfs that belongs to one kernel: its modules. */
export function writeModules(path: string, folder: string): void {
  const names = globSync('*.ko', { cwd: folder });
  writeCpio(path, new Map(names.map((module) => [`/modules/${module}`, { file: join(folder, module) }])));
}

/** Files of the packages that the agent runs with, without what only people and compilers read, and what is native. */
function modules(): string[] {
  const lock = JSON.parse(readFileSync(join(TREE, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: boolean; optional?: boolean; devOptional?: boolean }>;
  };
  return Object.entries(lock.packages)
    .filter(
      ([name, entry]) =>
        name !== '' && !entry.dev && !entry.devOptional && !/\/(node-linux-|@koromix\/)/.test(name),
    )
    .filter(([name]) => existsSync(join(TREE, name)))
    .flatMap(([name]) => globSync(`${name}/**/*.{js,cjs,mjs,json}`, { cwd: TREE }))
    .filter((file) => !/\/(musl_|test|doc|docs|benchmarks?|examples?)[^/]*\//.test(file));
}
