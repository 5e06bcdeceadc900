import { execFileSync } from 'node:child_process';
import { existsSync, globSync, readFileSync, realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { BUILD, CACHE } from './bring.ts';
import type { Content } from './cpio.ts';
import { HOME, type Files } from './initramfs.ts';

const TREE = join(import.meta.dirname, '../..');

/** Programs that the test hosts run. */
export const PROGRAMS = ['ip', 'nsenter', 'setpriv', 'tc'] as const;

/**
 * What of the guest is made for its kind of machine, where it is of this machine's kind: its own Node, programs and
 * libraries, and those that the set-up has unpacked beside the tree. Throws where one is missing.
 */
export function ownNatives(): Files {
  const files = new Map<string, Content>();
  files.set('/bin/busybox', { file: join(CACHE, 'bin/busybox') });
  files.set('/bin/exit-status', { file: join(BUILD, 'exit-status') });
  files.set('/usr/bin/node', { file: realpathSync(process.execPath) });
  files.set('/bin/sh', { file: which('sh') }); // that of busybox runs its own ip and setpriv first
  for (const name of PROGRAMS) addProgram(files, name);
  const ours = globSync(
    ['build/traffic/*', 'node_modules/@koromix/*/{index.js,package.json,linux_*/*.node}'],
    {
      cwd: TREE,
    },
  );
  for (const file of ours) files.set(`${HOME}/${file}`, { file: join(TREE, file) });
  const native = [...files.values()].flatMap((content) => ('file' in content ? [content.file] : []));
  for (const library of [libbpf(), ...libraries([...native, libbpf()])])
    files.set(library, { file: library });
  return files;
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

function which(name: string): string {
  const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/sbin'];
  const found = folders.map((folder) => join(folder, name)).find((file) => existsSync(file));
  if (found === undefined) throw new Error(`no program ${name} here`);
  return realpathSync(found);
}

function libbpf(): string {
  const cache = execFileSync(which('ldconfig'), ['-p'], { encoding: 'utf8' });
  const found = /libbpf\.so\.1 \([^)]*x86-64[^)]*\) => (\S+)/.exec(cache)?.[1];
  if (found === undefined) throw new Error('no libbpf.so.1 here');
  return found;
}

/** The shared libraries of these files, as the loader of this machine finds them: in `path` first. */
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
    return ''; // a static program, or none
  }
}
