import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

/** The root of the checkout. */
export const TREE = join(import.meta.dirname, '../..');

/** Where what was downloaded is kept between builds. */
export const CACHE = process.env['KUBE_NETC_IMAGE_CACHE'] ?? join(TREE, '.cache/image');

const OUTPUT_MAX_BYTES = 64 * 2 ** 20;

/** Runs a program in the root of the tree and returns its stdout; stderr is passed on. Throws unless its exit code is 0. */
export function run(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): string {
  return execFileSync(program, args, {
    cwd: TREE,
    env: { ...process.env, ...env },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: OUTPUT_MAX_BYTES,
  });
}
