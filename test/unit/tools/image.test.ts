import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ARCHITECTURES } from '../../../tools/image/architecture.ts';
import type { DebianPackage } from '../../../tools/image/debian-package.ts';
import { packLayer } from '../../../tools/image/layer.ts';
import { lockedPackage } from '../../../tools/image/locked-package.ts';
import { type Descriptor, readBlob, readIndex, writeIndexed } from '../../../tools/image/oci.ts';
import type { Product } from '../../../tools/image/product.ts';
import { makeSbom } from '../../../tools/image/sbom.ts';

const EPOCH_SECONDS = 1_700_000_000;
const PRODUCT: Product = {
  version: '1.2.3',
  description: 'a monitor',
  license: 'Apache-2.0',
  revision: 'abc',
  epochSeconds: EPOCH_SECONDS,
  dist: '/nowhere',
  bundled: [{ ...lockedPackage('node_modules/hono'), path: 'node_modules/hono' }],
};
const LIBBPF: DebianPackage = {
  name: 'libbpf1',
  version: '1:1.1.2-0+deb12u1',
  architecture: 'arm64',
  source: 'libbpf',
  sha256: 'a'.repeat(64),
  file: '/nowhere',
};

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kube-netc-unit-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

describe('a layer', () => {
  /** The same two files, written in this order, at a time of their own. */
  function tree(name: string, order: readonly string[]): string {
    const root = join(folder, name);
    mkdirSync(root);
    for (const file of order) {
      writeFileSync(join(root, file), `content of ${file}`);
      chmodSync(join(root, file), 0o644);
      utimesSync(join(root, file), order.length, Math.random() * 1e9);
    }
    return root;
  }

  it('is the same for the same files, whenever they were written', () => {
    const archives = [
      ['a', 'b'],
      ['b', 'a'],
    ].map((order, n) => {
      const archive = join(folder, `${n}.tar`);
      packLayer(tree(`tree${n}`, order), archive, EPOCH_SECONDS);
      return readFileSync(archive);
    });
    expect(archives[0]?.equals(archives[1] ?? Buffer.alloc(0))).toBe(true);
  });

  it('belongs to root, is of the moment that was asked for, and names its files from the top', () => {
    const archive = join(folder, 'layer.tar');
    packLayer(tree('tree', ['a', 'b']), archive, EPOCH_SECONDS);
    const listed = execFileSync('tar', ['--utc', '--full-time', '--numeric-owner', '-tvf', archive], {
      encoding: 'utf8',
    });
    expect(listed.trim().split('\n')).toEqual([
      expect.stringMatching(/^-rw-r--r-- 0\/0 +12 2023-11-14 22:13:20 a$/),
      expect.stringMatching(/^-rw-r--r-- 0\/0 +12 2023-11-14 22:13:20 b$/),
    ]);
  });
});

describe('the SBOM of an image', () => {
  const [, arm64] = ARCHITECTURES;
  if (arm64 === undefined) throw new Error('no arm64');

  it('is valid CycloneDX, and the same for the same content', async () => {
    const text = await makeSbom(arm64, PRODUCT, [LIBBPF]);
    expect(await makeSbom(arm64, PRODUCT, [LIBBPF])).toBe(text);
    expect(JSON.parse(text)).toMatchObject({ bomFormat: 'CycloneDX', specVersion: '1.6' });
    const other = await makeSbom(arm64, { ...PRODUCT, version: '1.2.4' }, [LIBBPF]);
    expect(JSON.parse(other)).not.toHaveProperty(
      'serialNumber',
      (JSON.parse(text) as { serialNumber: string }).serialNumber,
    );
  });

  it('names packages as scanners look for them, with their hashes', async () => {
    const { components } = JSON.parse(await makeSbom(arm64, PRODUCT, [LIBBPF])) as {
      components: { purl: string; hashes: { alg: string; content: string }[] }[];
    };
    const purls = components.map(({ purl }) => purl);
    const { version: hono } = lockedPackage('node_modules/hono');
    expect(purls).toContain(`pkg:npm/hono@${hono}`);
    expect(purls.map(decodeURIComponent)).toContain(
      'pkg:deb/debian/libbpf1@1:1.1.2-0+deb12u1?arch=arm64&distro=debian-12',
    );
    expect(purls.filter((purl) => purl.includes('koffi-linux-'))).toHaveLength(1);
    const libbpf = components.find(({ purl }) => purl.includes('libbpf1'));
    expect(libbpf?.hashes).toEqual([{ alg: 'SHA-256', content: LIBBPF.sha256 }]);
  });
});

it('an index is one image, by platform, of the images of a layout', () => {
  const from = join(folder, 'from');
  mkdirSync(join(from, 'blobs/sha256'), { recursive: true });
  const manifests = ['arm64', 'amd64'].map((name) => ({
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    digest: `sha256:${name}`,
    size: 7,
    annotations: { 'org.opencontainers.image.ref.name': name },
  }));
  writeFileSync(join(from, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }));
  const to = join(folder, 'to');
  const image = writeIndexed(from, to, 'example/kube-netc:1');
  expect(readIndex(to)).toEqual([image]);
  expect(image.annotations?.['io.containerd.image.name']).toBe('example/kube-netc:1');
  const index = readBlob(to, image.digest) as { manifests: Descriptor[] };
  expect(index.manifests).toEqual([
    {
      mediaType: manifests[1]?.mediaType,
      digest: 'sha256:amd64',
      size: 7,
      platform: { architecture: 'amd64', os: 'linux' },
    },
    {
      mediaType: manifests[0]?.mediaType,
      digest: 'sha256:arm64',
      size: 7,
      platform: { architecture: 'arm64', os: 'linux' },
    },
  ]);
});

it('a package that the lockfile does not have is refused', () => {
  expect(() => lockedPackage('node_modules/no-such-package')).toThrow(
    'package-lock.json has no node_modules/no-such-package',
  );
});
