// What is in the image, and what is not.
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  realpathSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, relative } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ARCHITECTURES } from '../../tools/image/architecture.ts';
import { compressedBytes, type Descriptor, readBlob, readIndex, refOf } from '../../tools/image/oci.ts';
import { findTool, TREE } from '../hosts/find-tool.ts';
import { imageTool, OUTPUT, UnpackedImage } from './built-image.ts';

const LAYOUT = join(OUTPUT, 'layout');
const COMPRESSED_MAX_BYTES = 120e6;
const BUILD_LIMIT_MS = 400_000;
/** e_machine of elf.h. */
const MACHINES = { amd64: 62, arm64: 183 } as const;
const VERSION = (JSON.parse(readFileSync(join(TREE, 'package.json'), 'utf8')) as { version: string }).version;

function whyNotHere(): string | null {
  if (!existsSync(LAYOUT)) return 'there is no image: npm run image';
  if (!existsSync(imageTool('umoci'))) return 'umoci is not here: sh tools/image/programs.sh umoci';
  return process.getuid?.() === 0 ? null : 'only root unpacks images as container engines do';
}

const skip = whyNotHere();

interface Sbom {
  readonly metadata: { readonly component: { readonly version: string } };
  readonly components: readonly { readonly name: string; readonly version: string; readonly purl: string }[];
}

interface ImageConfig {
  readonly Entrypoint: readonly string[];
  readonly Cmd: readonly string[];
  readonly User: string;
  readonly WorkingDir: string;
  readonly Env: readonly string[];
  readonly ExposedPorts: Readonly<Record<string, object>>;
  readonly Labels: Readonly<Record<string, string>>;
}

function filesOf(folder: string): string[] {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => realpathSync(join(entry.parentPath, entry.name)));
  return [...new Set(files)]; // links to folders are followed
}

/** e_machine of an ELF file; null: it is none. */
function machineOf(file: string): number | null {
  const head = Buffer.alloc(20);
  const fd = openSync(file, 'r');
  readSync(fd, head, 0, head.length, 0);
  closeSync(fd);
  return head.subarray(0, 4).toString('latin1') === '\x7fELF' ? head.readUInt16LE(18) : null;
}

/** The libraries that a file asks the loader for. */
function neededBy(file: string): string[] {
  const llvm = readdirSync('/usr/bin').find((name) => /^llvm-readelf(-\d+)?$/.test(name));
  const text = execFileSync(llvm ?? findTool('readelf'), ['-d', file], { encoding: 'utf8' });
  return [...text.matchAll(/\(NEEDED\).*\[(.+)\]/g)].map(([, name = '']) => name);
}

describe.each(ARCHITECTURES)('the image for $name', ({ name, node }) => {
  beforeEach((context) => {
    if (skip !== null) context.skip(skip);
  });
  let image: UnpackedImage;
  let files: string[];

  beforeAll(() => {
    if (skip !== null) return;
    image = new UnpackedImage(name);
    files = filesOf(image.root);
  });
  afterAll(() => {
    image?.[Symbol.dispose]();
  });

  it('is less than 120 MB to download', () => {
    const manifest = readIndex(join(OUTPUT, 'by-architecture')).find((each) => refOf(each) === name);
    expect(manifest).toBeDefined();
    expect(compressedBytes(LAYOUT, manifest as Descriptor)).toBeLessThan(COMPRESSED_MAX_BYTES);
  });

  it('has programs and libraries of this architecture alone, and each library that they ask for', () => {
    const elf = files.filter((file) => ![null, 247].includes(machineOf(file))); // 247: BPF
    expect(elf.length).toBeGreaterThan(10);
    expect([...new Set(elf.map(machineOf))]).toEqual([MACHINES[name]]);
    const here = new Set(
      readdirSync(image.root, { recursive: true, encoding: 'utf8' }).map((path) => basename(path)),
    );
    const asked = new Set(elf.flatMap(neededBy));
    expect(asked).toContain('libstdc++.so.6');
    expect([...asked].filter((library) => !here.has(library))).toEqual([]);
    expect(here).toContain('libbpf.so.1'); // koffi asks for it by name
  });

  it('has one program, Node, and the command that starts it: no shell, no compiler, no package manager', () => {
    const executable = files.filter((file) => (lstatSync(file).mode & 0o111) !== 0);
    const programs = executable
      .map((file) => relative(image.root, file))
      .filter((file) => !/\.so(\.|$)/.test(file));
    const foreign = programs.filter((file) => !file.startsWith('usr/lib/')); // libraries that can be run
    expect(foreign.sort()).toEqual(['usr/bin/node', 'usr/local/bin/kube-netc']);
  });

  it('has nothing that gives rights away, and nothing that others may write', () => {
    const all = readdirSync(image.root, { recursive: true, encoding: 'utf8' }).map((path) =>
      join(image.root, path),
    );
    const modes = all
      .filter((path) => !lstatSync(path).isSymbolicLink())
      .map((path) => [path, lstatSync(path)] as const);
    expect(
      modes
        .filter(([, { mode }]) => (mode & 0o6000) !== 0 && (mode & 0o1777) !== 0o755)
        .map(([path]) => path),
    ).toEqual([]);
    expect(modes.filter(([, { mode }]) => (mode & 0o1002) === 0o002).map(([path]) => path)).toEqual([]);
    expect(
      modes.filter(([, { uid, gid }]) => uid !== 0 || (gid !== 0 && gid !== undefined)).map(([path]) => path),
    ).toEqual([]);
  });

  it('does not tell where it was built', () => {
    const ours = files.filter((file) => file.includes('/opt/kube-netc/') || file.endsWith('.json'));
    expect(ours.length).toBeGreaterThan(10);
    expect(ours.filter((file) => readFileSync(file).includes(TREE))).toEqual([]);
  });

  it('lists what is in it: Debian packages as installed, packages of npm as locked', () => {
    const text = readFileSync(join(image.root, 'usr/share/sbom/kube-netc.cdx.json'), 'utf8');
    expect(readFileSync(join(OUTPUT, `kube-netc-${VERSION}-${name}.cdx.json`), 'utf8')).toBe(text);
    const sbom = JSON.parse(text) as Sbom;
    expect(sbom.metadata.component.version).toBe(VERSION);
    const debian = sbom.components.filter(({ purl }) => purl.startsWith('pkg:deb/'));
    const status = readdirSync(join(image.root, 'var/lib/dpkg/status.d'));
    expect(debian.map((each) => each.name).sort()).toEqual(status.sort());
    for (const { name: each, version, purl } of debian) {
      const control = readFileSync(join(image.root, 'var/lib/dpkg/status.d', each), 'utf8');
      expect(control).toContain(`\nVersion: ${version}\n`);
      expect(purl).toContain(`arch=${name}`);
    }
    const npm = sbom.components.filter(({ purl }) => purl.startsWith('pkg:npm/')).map((each) => each.name);
    expect(npm).toEqual(
      expect.arrayContaining([
        'hono',
        'commander',
        'pino',
        'koffi',
        `koffi-linux-${node}`,
        `node-linux-${node}`,
      ]),
    );
    const licensed = readdirSync(join(image.root, 'opt/kube-netc/licenses'), {
      recursive: true,
      encoding: 'utf8',
    });
    for (const each of ['hono', 'commander', 'pino']) expect(licensed).toContain(`${each}/LICENSE`);
  });
});

describe('the image for all architectures', () => {
  beforeEach((context) => {
    if (skip !== null) context.skip(skip);
  });

  it('is one index, by platform, of images that say what they are and how they start', () => {
    const [entry, ...more] = readIndex(LAYOUT);
    expect(more).toEqual([]);
    const index = readBlob(LAYOUT, entry?.digest ?? '') as { manifests: Descriptor[] };
    expect(index.manifests.map(({ platform }) => platform)).toEqual([
      { architecture: 'amd64', os: 'linux' },
      { architecture: 'arm64', os: 'linux' },
    ]);
    for (const { digest, platform } of index.manifests) {
      const { config } = readBlob(LAYOUT, digest) as { config: Descriptor };
      expect(readBlob(LAYOUT, config.digest)).toMatchObject({
        ...platform,
        config: {
          User: '0:0',
          ExposedPorts: { '9655/tcp': {} },
          Env: ['PATH=/usr/local/bin:/usr/bin'],
          Entrypoint: ['/usr/bin/node', '--max-semi-space-size=1', '/opt/kube-netc/dist/cli/main.js'],
          Cmd: ['agent', '--listen=:9655'],
          Labels: {
            'org.opencontainers.image.title': 'kube-netc',
            'org.opencontainers.image.version': VERSION,
            'org.opencontainers.image.licenses': 'Apache-2.0 AND GPL-2.0-only',
          },
        },
      });
    }
  });

  it('is what the Dockerfile makes too', () => {
    const file = readFileSync(join(TREE, 'deploy/image/Dockerfile'), 'utf8');
    const last = file.slice(file.lastIndexOf('\nFROM '));
    const [entry] = readIndex(join(OUTPUT, 'by-architecture'));
    const manifest = readBlob(LAYOUT, entry?.digest ?? '') as { config: Descriptor };
    const { config } = readBlob(LAYOUT, manifest.config.digest) as { config: ImageConfig };
    const line = (instruction: string): string =>
      new RegExp(`^${instruction} (.*)$`, 'm').exec(last)?.[1] ?? '';
    expect(JSON.parse(line('ENTRYPOINT'))).toEqual(config.Entrypoint);
    expect(JSON.parse(line('CMD'))).toEqual(config.Cmd);
    expect([line('USER'), line('WORKDIR'), line('ENV')]).toEqual([
      config.User,
      config.WorkingDir,
      ...config.Env,
    ]);
    expect(line('EXPOSE')).toBe(Object.keys(config.ExposedPorts).join(' '));
    const labels = Object.fromEntries(
      [...last.matchAll(/(org\.opencontainers[\w.]+)="(.*)"/g)].map(([, key, value]) => [key, value]),
    );
    const { 'org.opencontainers.image.created': _, ...expected } = config.Labels;
    expect({
      ...labels,
      'org.opencontainers.image.revision': expected['org.opencontainers.image.revision'],
    }).toEqual(expected);
  });

  it(
    'is the same to the last byte when it is built again from the same commit and packages',
    { timeout: BUILD_LIMIT_MS },
    () => {
      const folder = mkdtempSync(join(tmpdir(), 'kube-netc-again-'));
      try {
        execFileSync('sh', ['tools/image/build.sh', '--offline', '--output', folder], {
          cwd: TREE,
          stdio: 'pipe',
        });
        expect(readIndex(join(folder, 'layout'))).toEqual(readIndex(LAYOUT));
        const archive = `kube-netc-${VERSION}.oci.tar`;
        expect(readFileSync(join(folder, archive)).equals(readFileSync(join(OUTPUT, archive)))).toBe(true);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
  );
});
