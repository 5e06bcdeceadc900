import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Architecture } from './architecture.ts';
import { bringDebianPackages } from './debian-package.ts';
import { buildObject, type Product } from './product.ts';
import { makeBase, makeHome, makeNode } from './root.ts';
import { makeSbom } from './sbom.ts';

/** A folder that lies over those before it. */
export interface Part {
  /** What it holds, for people. */
  readonly name: string;
  readonly root: string;
}

/**
 * Makes the folders that the image of an architecture is made of, lowest first, in work/ARCH of the output folder, and
 * writes the list of what is in them beside.
 * @param offline takes the Debian packages that were brought last
 */
export async function makeParts(
  architecture: Architecture,
  product: Product,
  output: string,
  offline: boolean,
): Promise<Part[]> {
  const work = join(output, 'work', architecture.name);
  mkdirSync(work, { recursive: true });
  const debian = bringDebianPackages(architecture, offline);
  const sbom = join(output, `kube-netc-${product.version}-${architecture.name}.cdx.json`);
  writeFileSync(sbom, await makeSbom(architecture, product, debian));
  const object = buildObject(architecture, join(output, 'work'));
  const [base, node, home] = [join(work, 'debian'), join(work, 'node'), join(work, 'kube-netc')];
  makeBase(architecture, debian, base);
  makeNode(architecture, node);
  makeHome(architecture, product, object, sbom, home);
  return [
    { name: 'Debian 12: libraries', root: base },
    { name: 'Node.js', root: node },
    { name: 'kube-netc', root: home },
  ];
}
