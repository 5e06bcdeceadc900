import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** The tree, from its root. */
const TREE = join(import.meta.dirname, '../..');
const TRAFFIC_PROGRAMS = ['exact-tcp-client', 'exact-tcp-hold', 'exact-tcp-server'];
const COMPILE = ['-std=gnu17', '-O2', '-static', '-pthread'];
const LAYER = 'application/vnd.oci.image.layer.v1.tar';
const CONFIG = 'application/vnd.oci.image.config.v1+json';
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';

export interface TestImage {
  /** `localhost/traffic:1`. */
  readonly name: string;
  /** Files of this machine, each with its path in the image. */
  readonly files: readonly (readonly [from: string, to: string])[];
  readonly entrypoint: readonly string[];
}

/** The images of the one-node cluster: `pause`, and `traffic` with our exact clients and servers. Returns the archives. */
export function makeTestImages(folder: string, compiler: string): string[] {
  mkdirSync(folder, { recursive: true });
  const compile = (source: string, to: string): string => {
    execFileSync(compiler, [...COMPILE, source, '-o', join(folder, to)], { stdio: 'pipe' });
    return join(folder, to);
  };
  const pause = compile(join(import.meta.dirname, 'pause.c'), 'pause');
  const traffic = TRAFFIC_PROGRAMS.map((name) => {
    return [compile(join(TREE, 'test/traffic', `${name}.c`), name), `/${name}`] as const;
  });
  const images: readonly TestImage[] = [
    { name: 'localhost/pause:1', files: [[pause, '/pause']], entrypoint: ['/pause'] },
    { name: 'localhost/traffic:1', files: traffic, entrypoint: [] },
  ];
  return images.map((image, i) => {
    const archive = join(folder, `image-${i}.tar`);
    writeImage(archive, image);
    return archive;
  });
}

/** Writes an image of one layer, from nothing, as a tar of an OCI layout, which `ctr images import` takes. */
export function writeImage(archive: string, image: TestImage): void {
  const work = mkdtempSync(join(tmpdir(), 'kube-netc-image-'));
  try {
    const layout = join(work, 'layout');
    mkdirSync(join(layout, 'blobs/sha256'), { recursive: true });
    const layer = blob(layout, makeLayer(work, image), LAYER);
    const config = blob(layout, JSON.stringify(configOf(image, layer.digest)), CONFIG);
    const manifest = JSON.stringify({ schemaVersion: 2, mediaType: MANIFEST, config, layers: [layer] });
    const annotations = { 'io.containerd.image.name': image.name };
    const manifests = [{ ...blob(layout, manifest, MANIFEST), annotations }];
    writeFileSync(join(layout, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }));
    writeFileSync(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
    tar(archive, layout);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

function blob(layout: string, content: string | Buffer, mediaType: string): Descriptor {
  const bytes = Buffer.from(content);
  const hash = createHash('sha256').update(bytes).digest('hex');
  writeFileSync(join(layout, 'blobs/sha256', hash), bytes);
  return { mediaType, digest: `sha256:${hash}`, size: bytes.length };
}

function makeLayer(work: string, { files }: TestImage): Buffer {
  const root = join(work, 'root');
  mkdirSync(root);
  for (const [from, to] of files) {
    mkdirSync(dirname(join(root, to)), { recursive: true });
    copyFileSync(from, join(root, to));
  }
  const archive = join(work, 'layer.tar');
  tar(archive, root);
  return readFileSync(archive);
}

function configOf({ entrypoint }: TestImage, layer: string): unknown {
  return {
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    config: { Entrypoint: entrypoint, User: '65532:65532' },
    rootfs: { type: 'layers', diff_ids: [layer] },
  };
}

function tar(archive: string, folder: string): void {
  const owner = ['--numeric-owner', '--owner=0', '--group=0', '--sort=name', '--mtime=@0'];
  execFileSync('tar', ['-cf', archive, ...owner, '-C', folder, '.']);
}
