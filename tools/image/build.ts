// Builds the container image for x86-64 and arm64 without a registry and without a container engine: Debian's libraries,
// Node and koffi as npm has them, our bundle and the kernel programs become the layers of an OCI image. Nothing of the
// image is run, so either architecture is built on the other. The same commit and packages give the same digest.
//
// Usage: npm run image -- [--name NAME:TAG] [--output FOLDER] [--offline]
//   --offline takes the Debian packages of the last build
//   build/image/kube-netc-VERSION.oci.tar         the image; `ctr images import`, `podman load`, `skopeo copy` take it
//   build/image/layout                            the same, unpacked
//   build/image/by-architecture                   an image for each architecture, by its name
//   build/image/kube-netc-VERSION-ARCH.cdx.json   what is in it, in CycloneDX; also in the image
import { renameSync, rmSync, statSync } from 'node:fs';
import { basename, join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { type Architecture, ARCHITECTURES } from './architecture.ts';
import { packLayer } from './layer.ts';
import { addImage, compressedBytes, initLayout, readIndex, refOf, writeIndexed } from './oci.ts';
import { makeParts } from './parts.ts';
import { makeProduct, type Product } from './product.ts';
import { TREE } from './run.ts';

/** Promised: what a node has to download. */
const COMPRESSED_MAX_BYTES = 120e6;

interface Options {
  readonly output: string;
  /** Takes the Debian packages of the last build. */
  readonly offline: boolean;
}

function say(text: string): void {
  console.log(`image: ${text}`);
}

/** Makes the image of one architecture, in a layout of umoci. */
async function addArchitecture(
  layout: string,
  architecture: Architecture,
  product: Product,
  options: Options,
): Promise<void> {
  const parts = await makeParts(architecture, product, options.output, options.offline);
  const layers = parts.map(({ name, root }) => {
    const archive = `${root}.tar`;
    packLayer(root, archive, product.epochSeconds);
    return { name, archive };
  });
  addImage(layout, architecture, product, layers);
  rmSync(join(options.output, 'work', architecture.name), { recursive: true });
}

async function build(options: Options, name: string | undefined): Promise<void> {
  const { output } = options;
  const work = join(output, 'work');
  const product = await makeProduct(work);
  const [apart, whole] = [join(work, 'by-architecture'), join(work, 'layout')];
  initLayout(apart);
  for (const architecture of ARCHITECTURES) await addArchitecture(apart, architecture, product, options);
  for (const manifest of readIndex(apart)) {
    const bytes = compressedBytes(apart, manifest);
    say(`${refOf(manifest)}: ${(bytes / 1e6).toFixed(1)} MB compressed, ${manifest.digest}`);
    if (bytes > COMPRESSED_MAX_BYTES) throw new Error(`more than ${COMPRESSED_MAX_BYTES / 1e6} MB`);
  }
  const image = writeIndexed(apart, whole, name ?? `localhost/kube-netc:${product.version}`);
  const archive = join(output, `kube-netc-${product.version}.oci.tar`);
  packLayer(whole, archive, product.epochSeconds);
  // what is there is whole: those of the build before stay until this one is done
  for (const layout of [apart, whole]) {
    const place = join(output, basename(layout));
    rmSync(place, { recursive: true, force: true });
    renameSync(layout, place);
  }
  say(`${relative(TREE, archive)}: ${(statSync(archive).size / 1e6).toFixed(1)} MB, ${image.digest}`);
}

const { values } = parseArgs({
  options: {
    name: { type: 'string' },
    output: { type: 'string', default: join(TREE, 'build/image') },
    offline: { type: 'boolean', default: false },
  },
});
const startedMs = performance.now();
await build({ output: resolve(values.output), offline: values.offline }, values.name);
say(`built in ${((performance.now() - startedMs) / 1000).toFixed(1)} s`);
