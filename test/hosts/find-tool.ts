import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The root of the checkout. */
export const TREE = join(import.meta.dirname, '../..');

/** Where the set-up puts programs that it does not install. */
const UNPACKED = join(TREE, '.cache/tools/bin');

/**
 * The path of a program: the machine's own first, also from the folders that only root has in PATH, then the one that
 * the set-up unpacked. Throws when there is none.
 */
export function findTool(name: string): string {
  const path = (process.env['PATH'] ?? '').split(delimiter);
  for (const folder of [...path, '/usr/local/sbin', '/usr/sbin', '/sbin', UNPACKED]) {
    const file = join(folder, name);
    if (folder !== '' && isProgram(file)) return file;
  }
  throw new Error(`${name} is not installed here; sh tools/setup.sh test brings it`);
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
