// Copies the rules of deploy/prometheus/rules into the chart, which can read no files but its own.
// Usage: node tools/gen-rules.ts [--check]
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { CHART } from './gen-manifests.ts';

const TREE = resolve(import.meta.dirname, '..');
/** Where the rules for Prometheus are written by hand. */
export const RULES = 'deploy/prometheus/rules';
/** Where the chart has them. */
export const CHART_RULES = `${CHART}/rules`;

/** What the chart's copy of a file of rules is. @param name without folder */
export function chartRules(name: string): string {
  const head = `# Made by tools/gen-rules.ts from ${RULES}/${name}. Do not edit.\n`;
  return head + readFileSync(join(TREE, RULES, name), 'utf8');
}

/** Names of the files of a folder of rules. */
export function ruleFiles(folder: string): string[] {
  return globSync(`${folder}/*.yaml`, { cwd: TREE })
    .map((path) => basename(path))
    .sort();
}

/** The files of the chart that are not what they should be. */
export function staleRules(): string[] {
  const [wanted, there] = [ruleFiles(RULES), ruleFiles(CHART_RULES)];
  const read = (name: string): string => readFileSync(join(TREE, CHART_RULES, name), 'utf8');
  return [
    ...there.filter((name) => !wanted.includes(name)),
    ...wanted.filter((name) => !there.includes(name) || read(name) !== chartRules(name)),
  ];
}

if (import.meta.main) {
  const stale = staleRules();
  if (process.argv.includes('--check')) {
    for (const name of stale) {
      console.error(`${CHART_RULES}/${name} is not ${RULES}/${name}: run node tools/gen-rules.ts`);
      process.exitCode = 1;
    }
  } else {
    rmSync(join(TREE, CHART_RULES), { recursive: true, force: true });
    mkdirSync(join(TREE, CHART_RULES));
    for (const name of ruleFiles(RULES)) writeFileSync(join(TREE, CHART_RULES, name), chartRules(name));
  }
}
