import { homedir } from 'node:os';
import { join } from 'node:path';
import { type Finished, runCommand } from '../run-command.ts';
import { folderOf, type Kernel } from './kernels.ts';

const TREE = join(import.meta.dirname, '../..');
const LIMIT_MS = 180_000;

/** Where kernels and the emulator are kept: as tools/vm/lib.sh has it. */
export const CACHE: string = join(
  process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'),
  'kube-netc/kernels',
);

/** Where what is made from this tree for the guests is kept. */
export const BUILD: string = join(TREE, 'build/vm');

/** Brings the emulator for an architecture. @returns why it cannot be had, or null */
export async function bringPrograms(architecture: Kernel['architecture']): Promise<string | null> {
  return failureOf(await run(['sh', 'tools/vm/programs.sh', architecture]));
}

/** Brings a kernel into the cache. @param newer look for a newer one @returns why it cannot be had, or null */
export async function bringKernel(kernel: Kernel, newer = false): Promise<string | null> {
  const { architecture, suite } = kernel;
  const args = [folderOf(kernel), architecture, suite, kernel.package, ...(newer ? ['--newer'] : [])];
  return failureOf(await run(['sh', 'tools/vm/fetch.sh', ...args]));
}

async function run(command: readonly string[]): Promise<Finished> {
  return runCommand(command, { limitMs: LIMIT_MS, show: false });
}

/** The last line that the script has said for people. */
function failureOf({ problem, output }: Finished): string | null {
  if (problem === null) return null;
  const said = output.split('\n').findLast((line) => line.startsWith('kernels: '));
  return said?.slice('kernels: '.length) ?? problem;
}
