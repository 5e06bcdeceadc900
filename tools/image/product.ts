// What of the image is ours, the same for every architecture but for the kernel programs.
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { bundle } from '../bundle.ts';
import type { Architecture } from './architecture.ts';
import { lockedPackage, type LockedPackage } from './locked-package.ts';
import { run, TREE } from './run.ts';

export interface Product {
  readonly version: string;
  readonly description: string;
  readonly license: string;
  /** The commit, with `-changed` behind it if the tree is not as committed; or what KUBE_NETC_REVISION says. */
  readonly revision: string;
  /** The moment that every file and the image itself are of: the commit's, unless SOURCE_DATE_EPOCH says another. */
  readonly epochSeconds: number;
  /** The folder with the bundle. */
  readonly dist: string;
  /** Packages of npm that are in the bundle, and where they are installed here. */
  readonly bundled: readonly (LockedPackage & { readonly path: string })[];
}

/** Makes the bundle in a folder, and says what it is. */
export async function makeProduct(folder: string): Promise<Product> {
  const { version, description, license } = JSON.parse(readFileSync(join(TREE, 'package.json'), 'utf8')) as {
    version: string;
    description: string;
    license: string;
  };
  const dist = join(folder, 'dist');
  const inputs = await bundle(relative(TREE, dist));
  return {
    version,
    description,
    license,
    revision: process.env['KUBE_NETC_REVISION'] ?? commit(),
    epochSeconds: Number(process.env['SOURCE_DATE_EPOCH'] ?? run('git', ['log', '-1', '--format=%ct'])),
    dist,
    bundled: packagesOf(inputs),
  };
}

function commit(): string {
  const changed = run('git', ['status', '--porcelain']) === '' ? '' : '-changed';
  return `${run('git', ['rev-parse', 'HEAD']).trim()}${changed}`;
}

/** Builds the kernel programs for an architecture, on this machine. @returns the object's file */
export function buildObject({ machine }: Architecture, folder: string): string {
  const object = join(folder, `${machine}.bpf.o`);
  run('sh', ['tools/build-bpf.sh'], { BPF_MACHINE: machine, BPF_OBJECT: object });
  return object;
}

function packagesOf(inputs: readonly string[]): Product['bundled'] {
  const paths = inputs.map((file) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0]);
  const once = [...new Set(paths.filter((path) => path !== undefined))].sort();
  return once.map((path) => ({ ...lockedPackage(path), path }));
}
