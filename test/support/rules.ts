import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parse } from 'yaml';

/** A rule for Prometheus as YAML has it: a record or an alert. */
export interface Rule {
  readonly record?: string;
  readonly alert?: string;
  readonly expr: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** A case of `promtool test rules`, as far as it says which rules it is about. */
export interface RuleTest {
  readonly alert_rule_test?: readonly {
    readonly alertname: string;
    readonly exp_alerts: readonly object[];
  }[];
  readonly promql_expr_test?: readonly { readonly expr: string; readonly exp_samples: readonly object[] }[];
}

/** The rules of a file, of all its groups. */
export function rulesOf(file: string): Rule[] {
  const { groups } = parse(readFileSync(file, 'utf8')) as { groups: { rules: Rule[] }[] };
  return groups.flatMap((group) => group.rules);
}

/**
 * Copies files of rules into a folder, to be evaluated each second.
 * @returns the beginning of a configuration of Prometheus that has them, and scrapes each second
 */
export function fastRules(folder: string, files: readonly string[]): string {
  const rules = join(folder, 'rules');
  mkdirSync(rules);
  for (const file of files) {
    const text = readFileSync(file, 'utf8').replaceAll('interval: 1m', 'interval: 1s');
    writeFileSync(join(rules, basename(file)), text);
  }
  return `global: { scrape_interval: 1s, evaluation_interval: 1s }\nrule_files: ['${rules}/*.yaml']\n`;
}
