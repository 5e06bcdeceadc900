import { existsSync, globSync, lstatSync, readlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { ARCHITECTURES } from '../image/architecture.ts';
import { unpackLocked } from '../image/locked-package.ts';
import { nativePackages } from '../image/root.ts';
import { BUILD, CACHE } from './bring.ts';
import type { Content } from './cpio.ts';
import { HOME, type Files } from './initramfs.ts';
import { PROGRAMS } from './natives.ts';

/** All that was unpacked, but for the sanitizers, which come with what links programs. */
const LIBRARIES = ['lib/*.so.*', '{lib,usr/lib}/aarch64-linux-gnu/!(lib*san).so*'];

/**
 * What of the guest is made for its kind of machine, where that is arm64 and this machine is not: Debian's packages, Node
 * and koffi as package-lock.json has them. Throws where one cannot be had.
 */
export function arm64Natives(): Files {
  const files = new Map<string, Content>();
  const root = join(CACHE, 'arm64-root');
  const add = (place: string, ...candidates: readonly string[]): void => {
    const file = candidates.map((name) => join(root, name)).find((each) => existsSync(each));
    if (file === undefined) throw new Error(`${root} has no ${candidates[0]}`);
    files.set(place, { file });
  };
  add('/bin/busybox', 'bin/busybox');
  add('/bin/sh', 'bin/dash');
  for (const name of PROGRAMS)
    add(`/usr/sbin/${name}`, ...['bin', 'usr/bin', 'sbin', 'usr/sbin'].map((folder) => `${folder}/${name}`));
  for (const name of globSync(LIBRARIES, { cwd: root })) files.set(`/${name}`, contentOf(join(root, name)));
  for (const file of globSync(join(BUILD, 'arm64-traffic/*')))
    files.set(`${HOME}/build/traffic/${basename(file)}`, { file });
  addPackages(files, join(BUILD, 'arm64-npm'));
  return files;
}

/** A link stays one: most libraries have two names. */
function contentOf(file: string): Content {
  return lstatSync(file).isSymbolicLink() ? { link: readlinkSync(file) } : { file };
}

function addPackages(files: Map<string, Content>, folder: string): void {
  const arm64 = ARCHITECTURES.find(({ name }) => name === 'arm64');
  if (arm64 === undefined) throw new Error('no arm64 among the architectures');
  const { node, koffi } = nativePackages(arm64);
  unpackLocked(node, ['bin/node'], join(folder, 'node'));
  files.set('/usr/bin/node', { file: join(folder, 'node/bin/node') });
  const members = ['package.json', 'index.js', 'linux_arm64/koffi.node'];
  unpackLocked(koffi, members, join(folder, 'koffi'));
  for (const member of members)
    files.set(`${HOME}/node_modules/${koffi.name}/${member}`, { file: join(folder, 'koffi', member) });
}
