import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { TREE } from '../hosts/find-tool.ts';

/** Where a current Prometheus and its promtool are, or why they are not there: tools/prometheus/build.sh makes them. */
export type CurrentPrometheus =
  { readonly folder: string; readonly why: null } | { readonly folder: null; readonly why: string };

/** Looks for it; builds nothing. */
export function findCurrentPrometheus(): CurrentPrometheus {
  const script = join(TREE, 'tools/prometheus/build.sh');
  const { status, stdout, stderr } = spawnSync('sh', [script, '--find'], { encoding: 'utf8' });
  return status === 0 ? { folder: stdout.trim(), why: null } : { folder: null, why: stderr.trim() };
}
