import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findTool, TREE } from '../hosts/find-tool.ts';
import type { ImageConfig } from './runtime-config.ts';

/** What `npm run image` has built. */
export const OUTPUT = join(TREE, 'build/image');

/** A program that tools/image/programs.sh brings, if it is not installed. */
export function imageTool(name: 'umoci' | 'runc'): string {
  try {
    return findTool(name);
  } catch {
    return join(process.env['KUBE_NETC_IMAGE_CACHE'] ?? join(TREE, '.cache/image'), 'bin', name);
  }
}

/** An image unpacked as container engines unpack it. */
export class UnpackedImage implements Disposable {
  readonly folder: string;
  readonly config: ImageConfig;
  readonly #parent: string;

  constructor(architecture: 'amd64' | 'arm64') {
    this.#parent = mkdtempSync(join(tmpdir(), 'kube-netc-image-'));
    this.folder = join(this.#parent, 'bundle');
    const image = `${join(OUTPUT, 'by-architecture')}:${architecture}`;
    execFileSync(imageTool('umoci'), ['unpack', '--image', image, this.folder], { stdio: 'pipe' });
    this.config = JSON.parse(readFileSync(join(this.folder, 'config.json'), 'utf8')) as ImageConfig;
  }

  get root(): string {
    return join(this.folder, 'rootfs');
  }

  [Symbol.dispose](): void {
    rmSync(this.#parent, { recursive: true, force: true });
  }
}

/** The seccomp filter of RuntimeDefault for a container with these capabilities. Needs Go. */
export function runtimeDefault(capabilities: readonly string[]): object {
  const filter = execFileSync('go', ['run', '.', ...capabilities.map((name) => `CAP_${name}`)], {
    cwd: join(TREE, 'tools/image/runtime-default'),
    env: { ...process.env, CGO_ENABLED: '0' },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return JSON.parse(filter) as object;
}
