import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Architecture } from './architecture.ts';
import { CACHE, run } from './run.ts';

/**
 * What Node, koffi and libbpf need of Debian 12, and no more: no shell, no package manager. Not their whole closure: a
 * test looks whether each library that a file of the image asks for is there.
 */
const NAMES = [
  'base-files', // os-release, the folders, the texts of the licences
  'gcc-12-base', // the copyright of the next three
  'libatomic1',
  'libgcc-s1',
  'libstdc++6',
  'libc6',
  'zlib1g',
  'libelf1',
  'libbpf1',
] as const;

/** Of these packages only what runs, and what their licences ask for, goes in. */
const LEFT_OUT = [
  './etc/update-motd.d',
  './var/local', // of a group of its own, set-gid
  './usr/share/man/*',
  './usr/share/locale/*',
  './usr/share/lintian/*',
  './usr/share/base-files/*', // for a first installation
  './usr/share/doc/*/changelog*',
  './usr/share/doc/*/NEWS*',
  './usr/share/doc/*/README*',
  './usr/share/doc/*/AUTHORS*',
  './usr/share/doc/*/THANKS*',
  './usr/share/doc/*/TODO*',
  './usr/share/doc/*/test-summary*',
  './usr/share/doc/*/C++',
  './usr/share/doc/*/FAQ*',
  './usr/lib/*/gconv/*', // conversions of iconv: Node has its own
  './usr/share/gdb/*',
  './usr/share/gcc/*', // printers for debuggers
];

export interface DebianPackage {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  /** The source package, where it has another name; security notices speak of sources. */
  readonly source: string;
  /** Of the .deb file, in hexadecimal. */
  readonly sha256: string;
  readonly file: string;
}

/** Brings the newest packages for an architecture, by name. @param offline takes those that were brought last */
export function bringDebianPackages({ name }: Architecture, offline: boolean): DebianPackage[] {
  const folder = join(CACHE, 'debian', name);
  if (!offline) run('sh', ['tools/image/packages.sh', name, folder, ...NAMES]);
  const files = readdirSync(folder).filter((file) => file.endsWith('.deb'));
  const packages = files.map((file) => readPackage(join(folder, file)));
  const found = packages.map((each) => each.name);
  const missing = NAMES.filter((wanted) => !found.includes(wanted));
  if (missing.length > 0) throw new Error(`${folder} has no ${missing.join(', ')}`);
  return packages.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function readPackage(file: string): DebianPackage {
  const field = (name: string): string => run('dpkg-deb', ['-f', file, name]).trim();
  const name = field('Package');
  return {
    name,
    version: field('Version'),
    architecture: field('Architecture'),
    source: field('Source').replace(/ .*/, '') || name,
    sha256: createHash('sha256').update(readFileSync(file)).digest('hex'),
    file,
  };
}

/** Unpacks a package into a root, and notes it where scanners of images without a package manager look. */
export function unpackDebian({ name, file }: DebianPackage, root: string): void {
  const exclude = LEFT_OUT.map((pattern) => `--exclude=${pattern}`);
  const archive = join(root, `${name}.tar`);
  const unpack = ['--keep-directory-symlink', '--no-same-owner', '-p', '--wildcards', ...exclude];
  run('sh', ['-c', 'dpkg-deb --fsys-tarfile "$0" >"$1"', file, archive]);
  run('tar', ['-xf', archive, '-C', root, ...unpack]);
  rmSync(archive);
  const status = join(root, 'var/lib/dpkg/status.d');
  mkdirSync(status, { recursive: true });
  writeFileSync(join(status, name), run('dpkg-deb', ['-f', file]));
}
