import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { TREE } from '../hosts/find-tool.ts';

const bundled = join(TREE, 'dist/cli/main.js');

/** What `./kube-netc` would run: the bundle, or the sources if these have changed since. From the root of the tree. */
export const MAIN: string = isCurrent() ? 'dist/cli/main.js' : 'src/cli/main.ts';

function isCurrent(): boolean {
  if (!existsSync(bundled)) return false;
  const newer = execFileSync('find', [join(TREE, 'src'), '-newer', bundled, '-print', '-quit']);
  return newer.length === 0;
}
