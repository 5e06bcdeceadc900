// The folders that become the layers of an image, lowest first: what changes least is at the bottom.
import {
  chmodSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Architecture } from './architecture.ts';
import { type DebianPackage, unpackDebian } from './debian-package.ts';
import { lockedPackage, type LockedPackage, unpackLocked } from './locked-package.ts';
import type { Product } from './product.ts';
import { TREE } from './run.ts';

/** Where the product is in the image. */
export const HOME = '/opt/kube-netc';

/**
 * `kubectl exec POD -- kube-netc audit`: no shell and no /usr/bin/env are there, so the kernel starts Node by this line.
 */
const COMMAND = `#!/usr/bin/node
import('${HOME}/dist/cli/main.js');
`;

/** Names for uid 0, which the agent runs as: Kubernetes gives capabilities to no other. Nobody can log in. */
const ETC = {
  passwd: 'root:x:0:0:root:/:/usr/sbin/nologin\n',
  group: 'root:x:0:\n',
  'nsswitch.conf': 'hosts: files dns\n',
} as const;

/** Files of koffi that are run; the rest of it is source code for platforms without a prebuilt binary. */
const KOFFI = ['package.json', 'LICENSE.txt', 'index.cjs', 'src/koffi/index.cjs', 'src/koffi/src/static.cjs'];

/** What of npm differs by architecture. */
export function nativePackages({ node }: Architecture): { node: LockedPackage; koffi: LockedPackage } {
  return {
    node: lockedPackage(`node_modules/node-linux-${node}`),
    koffi: lockedPackage(`node_modules/@koromix/koffi-linux-${node}`),
  };
}

/** Debian's libraries, and what every Linux program expects. */
export function makeBase(architecture: Architecture, packages: readonly DebianPackage[], root: string): void {
  fresh(root);
  for (const name of architecture.merged) {
    mkdirSync(join(root, 'usr', name), { recursive: true });
    symlinkSync(`usr/${name}`, join(root, name));
  }
  for (const each of packages) unpackDebian(each, root);
  for (const [name, text] of Object.entries(ETC)) writeFileSync(join(root, 'etc', name), text);
}

/** Node, as its package has it. */
export function makeNode(architecture: Architecture, root: string): void {
  fresh(root);
  const work = `${root}.npm`;
  fresh(work);
  unpackLocked(nativePackages(architecture).node, ['bin/node', 'LICENSE'], work);
  place(join(work, 'bin/node'), join(root, 'usr/bin/node'), 0o755);
  place(join(work, 'LICENSE'), join(root, 'usr/share/doc/node/LICENSE'));
  rmSync(work, { recursive: true });
}

/** The agent and its commands. @param object the kernel programs; @param sbom the list of what is in the image */
export function makeHome(
  architecture: Architecture,
  product: Product,
  object: string,
  sbom: string,
  root: string,
): void {
  fresh(root);
  const home = join(root, HOME);
  const { version, license, bundled, dist } = product;
  cpSync(dist, join(home, 'dist'), { recursive: true });
  place(object, join(home, 'build/kube-netc.bpf.o'));
  place(join(TREE, 'LICENSE'), join(home, 'LICENSE'));
  place(join(TREE, 'kernel/LICENSE'), join(home, 'kernel/LICENSE'));
  const manifest = { name: 'kube-netc', version, license, type: 'module' };
  writeFileSync(join(home, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  for (const { name, path } of bundled) placeLicense(join(TREE, path), join(home, 'licenses', name));
  const modules = join(home, 'node_modules');
  unpackLocked(lockedPackage('node_modules/koffi'), KOFFI, join(modules, 'koffi'));
  const { koffi } = nativePackages(architecture);
  const native = ['package.json', 'index.js', `linux_${architecture.node}/koffi.node`];
  unpackLocked(koffi, native, join(modules, koffi.name));
  place(sbom, join(root, 'usr/share/sbom/kube-netc.cdx.json'));
  mkdirSync(join(root, 'usr/local/bin'), { recursive: true });
  writeFileSync(join(root, 'usr/local/bin/kube-netc'), COMMAND);
  normalize(root);
  chmodSync(join(root, 'usr/local/bin/kube-netc'), 0o755);
}

function fresh(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
}

function place(from: string, to: string, mode = 0o644): void {
  mkdirSync(join(to, '..'), { recursive: true });
  copyFileSync(from, to);
  chmodSync(to, mode);
}

/** Every licence that a bundled package comes with: they ask to go with copies. */
function placeLicense(from: string, to: string): void {
  const files = readdirSync(from).filter((file) => /^(licen[cs]e|notice)/i.test(file));
  for (const file of files) place(join(from, file), join(to, file));
}

/** The same modes, whatever the umask of the checkout was. */
function normalize(folder: string): void {
  chmodSync(folder, 0o755);
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) normalize(path);
    else chmodSync(path, 0o644);
  }
}
