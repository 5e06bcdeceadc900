// Writes the dashboards for Grafana from tools/dashboards: deploy/grafana, and a copy in the chart, which can read no files
// but its own.
// Usage: node tools/gen-dashboards.ts [--check]
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { format, resolveConfig } from 'prettier';
import { agents } from './dashboards/agents.ts';
import { cluster } from './dashboards/cluster.ts';
import { demo } from './dashboards/demo.ts';
import { workload } from './dashboards/workload.ts';
import { CHART } from './gen-manifests.ts';

const TREE = resolve(import.meta.dirname, '..');
const FOLDERS = ['deploy/grafana', `${CHART}/dashboards`];
/** Each by the name of its file. */
const DASHBOARDS: Readonly<Record<string, () => Dashboard>> = {
  'kube-netc-demo.json': demo,
  'kube-netc-cluster.json': cluster,
  'kube-netc-workload.json': workload,
  'kube-netc-agents.json': agents,
};

/** The files of both folders, by path. */
async function made(): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>();
  for (const [name, build] of Object.entries(DASHBOARDS)) {
    const filepath = join(TREE, FOLDERS[0] ?? '', name);
    const text = await format(JSON.stringify(build()), { ...(await resolveConfig(filepath)), filepath });
    for (const folder of FOLDERS) files.set(`${folder}/${name}`, text);
  }
  return files;
}

/** What the folders hold now. */
function there(): ReadonlyMap<string, string> {
  const paths = FOLDERS.flatMap((folder) => globSync(`${folder}/*`, { cwd: TREE }));
  return new Map(paths.map((path) => [path, readFileSync(join(TREE, path), 'utf8')]));
}

async function main(check: boolean): Promise<void> {
  const [wanted, found] = [await made(), there()];
  if (!check) {
    for (const folder of FOLDERS) {
      rmSync(join(TREE, folder), { recursive: true, force: true });
      mkdirSync(join(TREE, folder), { recursive: true });
    }
    for (const [path, text] of wanted) writeFileSync(join(TREE, path), text);
    return;
  }
  const stale = [...new Set([...wanted.keys(), ...found.keys()])].filter(
    (path) => wanted.get(path) !== found.get(path),
  );
  for (const path of stale) {
    console.error(`${path} is not what tools/dashboards says: run node tools/gen-dashboards.ts`);
    process.exitCode = 1;
  }
}

if (import.meta.main) await main(process.argv.includes('--check'));
