// The list of what is in an image, in CycloneDX 1.6: written and checked by the library of those who define the format.
import { createHash } from 'node:crypto';
import * as CDX from '@cyclonedx/cyclonedx-library';
import { PackageURL } from 'packageurl-js';
import type { Architecture } from './architecture.ts';
import type { DebianPackage } from './debian-package.ts';
import { lockedPackage, type LockedPackage } from './locked-package.ts';
import type { Product } from './product.ts';
import { nativePackages } from './root.ts';

const { Component, Bom, Metadata, HashDictionary, LicenseRepository, LicenseExpression, Property } =
  CDX.Models;
const { ComponentType, HashAlgorithm } = CDX.Enums;
type Component = CDX.Models.Component;

/**
 * Makes the list for an image. The same content gives the same text.
 * Throws when it is not valid by the schema of the format.
 */
export async function makeSbom(
  architecture: Architecture,
  product: Product,
  debian: readonly DebianPackage[],
): Promise<string> {
  const bom = new Bom();
  const self = ofProduct(product);
  bom.metadata = new Metadata({ component: self, timestamp: new Date(product.epochSeconds * 1000) });
  const { node, koffi } = nativePackages(architecture);
  const npm = [...product.bundled, lockedPackage('node_modules/koffi'), koffi].map(ofNpm);
  for (const each of [...npm, ofNode(node), ...debian.map(ofDebian)]) {
    bom.components.add(each);
    self.dependencies.add(each.bomRef);
  }
  const serializer = new CDX.Serialize.JsonSerializer(
    new CDX.Serialize.JSON.Normalize.Factory(CDX.Spec.Spec1dot6),
  );
  const write = (): string => `${serializer.serialize(bom, { sortLists: true, space: 1 })}\n`;
  bom.serialNumber = `urn:uuid:${uuidOf(write())}`;
  const text = write();
  const problem = await new CDX.Validation.JsonStrictValidator(CDX.Spec.Version.v1dot6).validate(text);
  if (problem !== null) throw new Error(`the SBOM is not valid: ${JSON.stringify(problem).slice(0, 2000)}`);
  return text;
}

function ofProduct({ version, description, license, revision }: Product): Component {
  const self = new Component(ComponentType.Application, 'kube-netc', {
    bomRef: `kube-netc@${version}`,
    version,
    description,
    licenses: new LicenseRepository([new LicenseExpression(license)]),
  });
  self.properties.add(new Property('kube-netc:revision', revision));
  return self;
}

function ofNpm({ name, version, license, sha512 }: LockedPackage): Component {
  const [scope, base] = name.startsWith('@') ? name.split('/') : [null, name];
  const purl = new PackageURL('npm', scope, base ?? name, version, null, null).toString();
  return new Component(ComponentType.Library, base ?? name, {
    bomRef: purl,
    purl,
    version,
    ...(scope === null || scope === undefined ? {} : { group: scope }),
    licenses: new LicenseRepository([new LicenseExpression(license)]),
    hashes: new HashDictionary([[HashAlgorithm['SHA-512'], Buffer.from(sha512, 'base64').toString('hex')]]),
  });
}

/** By the name that security notices of Node use; the package of npm only carries it. */
function ofNode(carrier: LockedPackage): Component {
  const node = ofNpm(carrier);
  node.type = ComponentType.Platform;
  node.description = 'Node.js';
  node.cpe = `cpe:2.3:a:nodejs:node.js:${carrier.version}:*:*:*:*:*:*:*`;
  return node;
}

function ofDebian({ name, version, architecture, source, sha256 }: DebianPackage): Component {
  const qualifiers = { arch: architecture, distro: 'debian-12' };
  const purl = new PackageURL('deb', 'debian', name, version, qualifiers, null).toString();
  const component = new Component(ComponentType.Library, name, {
    bomRef: purl,
    purl,
    version,
    hashes: new HashDictionary([[HashAlgorithm['SHA-256'], sha256]]),
  });
  component.properties.add(new Property('kube-netc:debian-source', source));
  return component;
}

/** A version 8 UUID (RFC 9562, section 5.8) made of the content. */
function uuidOf(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
