// A package of npm as package-lock.json has it, for whatever architecture: npm itself installs only those of this machine.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE, run, TREE } from './run.ts';

export interface LockedPackage {
  readonly name: string;
  readonly version: string;
  /** An SPDX expression. */
  readonly license: string;
  /** Of its archive, in base64. */
  readonly sha512: string;
}

type Lock = Readonly<
  Record<string, { readonly version: string; readonly license?: string; readonly integrity?: string }>
>;

let lock: Lock | null = null;

/**
 * What package-lock.json says of an installed package.
 * @param path where it is installed: `node_modules/koffi`. Throws when the lockfile does not have it.
 */
export function lockedPackage(path: string): LockedPackage {
  lock ??= (JSON.parse(readFileSync(join(TREE, 'package-lock.json'), 'utf8')) as { packages: Lock }).packages;
  const entry = lock[path];
  const sha512 = /^sha512-(.+)$/.exec(entry?.integrity ?? '')?.[1];
  if (entry === undefined || sha512 === undefined) throw new Error(`package-lock.json has no ${path}`);
  const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
  return { name, version: entry.version, license: entry.license ?? 'NOASSERTION', sha512 };
}

/** Unpacks some members of a package, such as `bin/node`, into a folder. Downloads it first if it is not in the cache. */
export function unpackLocked(wanted: LockedPackage, members: readonly string[], into: string): void {
  const archive = bring(wanted);
  mkdirSync(into, { recursive: true });
  const inside = members.map((member) => `package/${member}`);
  run('tar', ['-xzf', archive, '-C', into, '--strip-components=1', '--no-same-owner', ...inside]);
}

/** The archive, whose bytes are those that the lockfile has the hash of. */
function bring(wanted: LockedPackage): string {
  const folder = join(CACHE, 'npm');
  const archive = join(folder, `${wanted.name.replace('@', '').replace('/', '-')}-${wanted.version}.tgz`);
  if (hashOf(archive) === wanted.sha512) return archive;
  mkdirSync(folder, { recursive: true });
  run('npm', [
    'pack',
    '--silent',
    '--ignore-scripts',
    '--pack-destination',
    folder,
    `${wanted.name}@${wanted.version}`,
  ]);
  if (hashOf(archive) === wanted.sha512) return archive;
  rmSync(archive, { force: true });
  throw new Error(`${wanted.name} ${wanted.version}: what npm brought is not what package-lock.json says`);
}

function hashOf(file: string): string | null {
  return existsSync(file) ? createHash('sha512').update(readFileSync(file)).digest('base64') : null;
}
