// Images as the OCI image specification 1.0 has them on disk. umoci writes layers, configurations and manifests; the index
// over both architectures, which it does not know, is a list of what it wrote.
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Architecture } from './architecture.ts';
import type { Product } from './product.ts';
import { HOME } from './root.ts';
import { run } from './run.ts';

const INDEX = 'application/vnd.oci.image.index.v1+json';

/** What an index says of a manifest. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly platform?: { readonly architecture: string; readonly os: string };
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface Layer {
  /** What it holds, for people. */
  readonly name: string;
  readonly archive: string;
}

/** An empty layout. */
export function initLayout(layout: string): void {
  rmSync(layout, { recursive: true, force: true });
  run('umoci', ['init', '--layout', layout]);
}

/** Adds an image of these layers to a layout, under the name of its architecture. */
export function addImage(
  layout: string,
  { name }: Architecture,
  product: Product,
  layers: readonly Layer[],
): void {
  const image = ['--image', `${layout}:${name}`];
  run('umoci', ['new', ...image]);
  for (const layer of layers) {
    const history = ['--history.created', createdOf(product), '--history.created_by', layer.name];
    run('umoci', ['raw', 'add-layer', ...image, ...history, layer.archive]);
  }
  const config = configOf(name, product).flatMap(([flag, value]) => [`--${flag}`, value]);
  run('umoci', ['config', ...image, '--no-history', ...config]);
  run('umoci', ['gc', '--layout', layout]);
}

/** Flags of `umoci config`, in its order, and their values. */
function configOf(architecture: string, product: Product): (readonly [flag: string, value: string])[] {
  return [
    ['created', createdOf(product)],
    ['os', 'linux'],
    ['architecture', architecture],
    // Kubernetes gives added capabilities to uid 0 only: it cannot make them ambient.
    ['config.user', '0:0'],
    ['config.workingdir', '/'],
    ['config.env', 'PATH=/usr/local/bin:/usr/bin'],
    ['config.exposedports', '9655/tcp'],
    ['config.entrypoint', '/usr/bin/node'],
    ['config.entrypoint', '--max-semi-space-size=1'], // see the script kube-netc
    ['config.entrypoint', `${HOME}/dist/cli/main.js`],
    ['config.cmd', 'agent'],
    ['config.cmd', '--listen=:9655'], // from outside a container, its loopback cannot be reached
    ...Object.entries(labelsOf(product)).map(([key, value]) => ['config.label', `${key}=${value}`] as const),
  ];
}

function createdOf({ epochSeconds }: Product): string {
  return new Date(epochSeconds * 1000).toISOString();
}

function labelsOf(product: Product): Record<string, string> {
  const { version, description, license, revision } = product;
  const key = (name: string): string => `org.opencontainers.image.${name}`;
  return {
    [key('title')]: 'kube-netc',
    [key('description')]: description,
    [key('version')]: version,
    [key('revision')]: revision,
    [key('created')]: createdOf(product),
    [key('licenses')]: `${license} AND GPL-2.0-only`,
  };
}

/**
 * Writes a layout with one image for all architectures: a copy of what umoci wrote, with an index over it.
 * @param name of the image, as container engines are to know it
 * @returns the descriptor of the image
 */
export function writeIndexed(from: string, to: string, name: string): Descriptor {
  rmSync(to, { recursive: true, force: true });
  mkdirSync(to, { recursive: true });
  cpSync(from, to, { recursive: true });
  const manifests = readIndex(from).map((manifest) => {
    const { mediaType, digest, size } = manifest;
    return { mediaType, digest, size, platform: { architecture: refOf(manifest), os: 'linux' } };
  });
  const list = JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests });
  const digest = createHash('sha256').update(list).digest('hex');
  writeFileSync(join(to, 'blobs/sha256', digest), list);
  const image = {
    mediaType: INDEX,
    digest: `sha256:${digest}`,
    size: Buffer.byteLength(list),
    // containerd imports it under the second, other engines under the first
    annotations: { 'org.opencontainers.image.ref.name': name, 'io.containerd.image.name': name },
  };
  const index = { schemaVersion: 2, mediaType: INDEX, manifests: [image] };
  writeFileSync(join(to, 'index.json'), JSON.stringify(index));
  return image;
}

/** The manifests of a layout, by architecture. */
export function readIndex(layout: string): Descriptor[] {
  const { manifests } = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')) as {
    manifests: Descriptor[];
  };
  return manifests.sort((a, b) => (refOf(a) < refOf(b) ? -1 : 1));
}

/** The name of an image in its layout. */
export function refOf({ annotations }: Descriptor): string {
  return annotations?.['org.opencontainers.image.ref.name'] ?? '';
}

/** What a registry would keep and a node would download: configuration and layers as they are compressed. */
export function compressedBytes(layout: string, manifest: Descriptor): number {
  const { config, layers } = readBlob(layout, manifest.digest) as {
    config: Descriptor;
    layers: Descriptor[];
  };
  return [manifest, config, ...layers].reduce((sum, { size }) => sum + size, 0);
}

/** A JSON blob of a layout. */
export function readBlob(layout: string, digest: string): unknown {
  return JSON.parse(readFileSync(join(layout, 'blobs', digest.replace(':', '/')), 'utf8'));
}
