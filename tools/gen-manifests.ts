// Writes config/install.yaml, which is what the Helm chart makes of its own values.
// Usage: node tools/gen-manifests.ts [--check]
//
// Helm is the one that tools/k8s/build.sh keeps, else that of the machine; where there is neither, and the manifest is
// stale, it is built first. --check builds nothing: without Helm it compares digests of the chart and of the manifest
// with those in the manifest's head.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const TREE = resolve(import.meta.dirname, '..');
export const CHART = 'deploy/helm/kube-netc';
export const MANIFEST = 'config/install.yaml';
/** What the chart makes depends on these, and on nothing else of it. */
const SOURCES = [`${CHART}/Chart.yaml`, `${CHART}/values.yaml`, `${CHART}/templates/*.{yaml,tpl}`];
/** Fields of Kubernetes 1.30 are in it; `helm template` is told a version, so that it asks no cluster. */
const KUBE_VERSION = '1.30';

const HEAD = `# kube-netc on Kubernetes ${KUBE_VERSION} and later: kubectl apply -f ${MANIFEST}
# kubectl delete -f ${MANIFEST} leaves nothing of it.
# Made by tools/gen-manifests.ts from ${CHART}. Do not edit.
`;

function digest(...texts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const text of texts) hash.update(text).update('\0');
  return hash.digest('hex').slice(0, 32);
}

/** Of all that the manifest is made from. @param tree the root of a checkout */
export function chartDigest(tree = TREE): string {
  const files = SOURCES.flatMap((pattern) => globSync(pattern, { cwd: tree })).sort();
  return digest(HEAD, ...files.flatMap((file) => [file, readFileSync(join(tree, file), 'utf8')]));
}

/** The file for these objects. */
export function manifest(objects: string, chart: string): string {
  return `${HEAD}# chart ${chart}, objects ${digest(objects)}\n${objects}`;
}

/** Why a manifest is not what the chart makes, as far as can be told without Helm; null: nothing speaks against it. */
export function whyStale(text: string, chart: string): string | null {
  const [, of, objects, rest] = /^# chart (\w+), objects (\w+)\n([^]*)$/m.exec(text) ?? [];
  if (rest === undefined || digest(rest) !== objects) return 'it was edited by hand';
  return of === chart ? null : 'the chart has changed since';
}

/** The path of Helm: the version that is pinned, else the machine's own. Null: it is not here, and was not to be built. */
export function findHelm(build = false): string | null {
  const builder = join(TREE, 'tools/k8s/build.sh');
  const folder = tell('sh', [builder, '--find', 'helm']);
  if (folder !== null) return join(folder, 'helm');
  const own = tell('sh', ['-c', 'command -v helm']);
  if (own !== null || !build) return own;
  const said = execFileSync('sh', [builder, 'helm'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return join(said.trim().split('\n').at(-1) ?? '', 'helm');
}

/** What a command says on its standard output; null when it fails. */
function tell(program: string, args: readonly string[]): string | null {
  try {
    return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return null;
  }
}

/** What the chart makes. @param args more flags of `helm template` */
export function render(helm: string, args: readonly string[] = []): string {
  const release = ['template', 'kube-netc', join(TREE, CHART), '--namespace', 'kube-netc'];
  return execFileSync(helm, [...release, '--kube-version', KUBE_VERSION, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

function main(check: boolean): void {
  const path = join(TREE, MANIFEST);
  const chart = chartDigest();
  const stale = ((): string | null => {
    try {
      return whyStale(readFileSync(path, 'utf8'), chart);
    } catch {
      return 'it is not there';
    }
  })();
  const helm = findHelm(!check && stale !== null);
  if (helm !== null) {
    const made = manifest(render(helm, ['--set', 'namespace.create=true', '--skip-tests']), chart);
    if (!check) writeFileSync(path, made);
    else if (stale === null && readFileSync(path, 'utf8') !== made)
      fail('helm makes something else of the chart');
  }
  if (check && stale !== null) fail(stale);
}

function fail(why: string): void {
  console.error(`${MANIFEST} is not what the chart makes: ${why}; run node tools/gen-manifests.ts`);
  process.exitCode = 1;
}

if (import.meta.main) main(process.argv.includes('--check'));
