import { execFileSync } from 'node:child_process';
import { existsSync, globSync, readFileSync, realpathSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { type Content, writeCpio } from './cpio.ts';

const TREE = join(import.meta.dirname, '../..');
const HOME = '/kube-netc'; // of the tree in the virtual machine

/** Programs of this machine that the test hosts run. */
const PROGRAMS = ['ip', 'nsenter', 'setpriv'];

/** What the guest's tests need of the tree. */
const SOURCES = [
  'src/**/*.ts',
  'test/hosts/*.ts',
  'test/support/*.ts',
  'test/vm/guest/*.ts',
  'package.json',
  'build/kube-netc.bpf.o',
  'build/traffic/*',
];

/** An emulated CPU is some twenty times slower: within the same share of it, a page would be minutes old. */
const SHARE = ['SHARE_OF_A_CORE = 0.01', 'SHARE_OF_A_CORE = 1'] as const;

/** Writes the part of the initramfs that all kernels share. @param cache where tools/vm/programs.sh has put its programs */
export function writeUserland(path: string, cache: string): void {
  const files = new Map<string, Content>();
  files.set('/init', { file: join(TREE, 'tools/vm/init') });
  files.set('/bin/busybox', { file: join(cache, 'bin/busybox') });
  files.set('/bin/exit-status', { file: join(cache, 'bin/exit-status') });
  files.set('/usr/bin/node', { file: realpathSync(process.execPath) });
  files.set('/bin/sh', { file: which('sh') }); // that of busybox runs its own ip and setpriv first
  for (const name of PROGRAMS) addProgram(files, name);
  for (const file of globSync(SOURCES, { cwd: TREE })) addSource(files, file);
  for (const file of modules()) files.set(`${HOME}/${file}`, { file: join(TREE, file) });
  const native = [...files.values()].flatMap((content) => ('file' in content ? [content.file] : []));
  const roots = native.filter((file) =>
    /\/(node|busybox|dash|bash|ip|nsenter|setpriv)$|\.node$|\/build\/traffic\//.test(file),
  );
  for (const library of [libbpf(), ...libraries([...roots, libbpf()])]) files.set(library, { file: library });
  writeCpio(path, files);
}

/**
 * A program that the set-up has unpacked beside the tree is a script, which looks for the real one and its libraries in
 * ../root: see tools/setup.sh.
 */
function addProgram(files: Map<string, Content>, name: string): void {
  const file = which(name);
  files.set(`/usr/sbin/${name}`, { file });
  const text = readFileSync(file, 'latin1');
  const real = text.startsWith('#!') ? /exec "\$root\/(\S+)"/.exec(text)?.[1] : undefined;
  if (real === undefined) return;
  const root = join(dirname(file), '../root');
  files.set(`/usr/root/${real}`, { file: realpathSync(join(root, real)) });
  const path = ['lib', 'usr/lib'].map((folder) => join(root, folder, 'x86_64-linux-gnu')).join(':');
  for (const library of libraries([join(root, real)], path)) {
    const place = library.startsWith(root) ? `/usr/root${library.slice(root.length)}` : library;
    files.set(place, { file: library });
  }
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

/** Writes the part of the initramfs that belongs to one kernel. */
export function writeModules(path: string, folder: string): void {
  writeCpio(path, new Map([['/veth.ko', { file: join(folder, 'veth.ko') }]]));
}

function which(name: string): string {
  const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/sbin'];
  const found = folders.map((folder) => join(folder, name)).find((file) => existsSync(file));
  if (found === undefined) throw new Error(`no program ${name} here`);
  return realpathSync(found);
}

/** Files of the packages that the agent runs with, without what only people and compilers read. */
function modules(): string[] {
  const lock = JSON.parse(readFileSync(join(TREE, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: boolean; optional?: boolean; devOptional?: boolean }>;
  };
  return Object.entries(lock.packages)
    .filter(
      ([name, entry]) => name !== '' && !entry.dev && !entry.devOptional && !name.includes('/node-linux-'),
    )
    .filter(([name]) => existsSync(join(TREE, name)))
    .flatMap(([name]) => globSync(`${name}/**/*.{js,cjs,mjs,json,node}`, { cwd: TREE }))
    .filter((file) => !/\/(musl_|test|doc|docs|benchmarks?|examples?)[^/]*\//.test(file));
}

function libbpf(): string {
  const cache = execFileSync(which('ldconfig'), ['-p'], { encoding: 'utf8' });
  const found = /libbpf\.so\.1 \([^)]*x86-64[^)]*\) => (\S+)/.exec(cache)?.[1];
  if (found === undefined) throw new Error('no libbpf.so.1 here');
  return found;
}

/** The shared libraries of these programs, as the loader of this machine finds them: in `path` first. */
function libraries(programs: readonly string[], path = ''): string[] {
  const found = programs.flatMap((program) => {
    const text = lddOf(program, path);
    return [...text.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map((match) => match[1] ?? '');
  });
  return [...new Set(found)].filter((file) => basename(dirname(file)) !== '');
}

function lddOf(program: string, path: string): string {
  try {
    const env = { ...process.env, ...(path !== '' && { LD_LIBRARY_PATH: path }) };
    return execFileSync('ldd', [program], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], env });
  } catch {
    return ''; // a static program
  }
}
