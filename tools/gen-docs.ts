// Writes the reference pages that are made from tables in the code: docs/reference/errors.md and metrics.md.
// Usage: node tools/gen-docs.ts [--check]
import { readFileSync, writeFileSync } from 'node:fs';
import { GROUPS, METRICS, type Group, type Metric } from '../src/expose/metrics.ts';
import { ERRORS } from '../src/util/errors.ts';

const made = (from: string): string => `<!-- Made by tools/gen-docs.ts from ${from}. Do not edit. -->\n`;

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', String.raw`\|`)).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line), ''].join('\n');
}

export function errorsPage(): string {
  const rows = Object.entries(ERRORS).map(([code, { exitCode, message, hint }]) => [
    `\`${code}\``,
    String(exitCode),
    message,
    hint,
  ]);
  return [
    made('src/util/errors.ts'),
    '# Errors\n',
    'Every command that fails prints one line on standard error: `kube-netc: message. What to do. (CODE)`.',
    'Codes are stable; messages may be worded better one day. Words in braces stand for what it happened to.\n',
    table(['code', 'exit code', 'message', 'what to do'], rows),
  ].join('\n');
}

const names = (labels: readonly string[]): string => labels.map((label) => `\`${label}\``).join(', ');

function metricsOf(group: Group): string {
  const metrics: readonly Metric[] = METRICS.filter((metric) => metric.group === group);
  // Most groups have one set of labels: it stands above the table, and the rows say what they add to it.
  const common = (metrics[0]?.labels ?? []).filter((label) =>
    metrics.every(({ labels }) => labels.includes(label)),
  );
  const rows = metrics.map(({ name, type, unit, help, labels, stability }) => {
    const own = names(labels.filter((label) => !common.includes(label)));
    return [`\`${name}\``, type, unit || '-', help, own || '-', stability];
  });
  return [
    `## ${group}\n`,
    ...(common.length > 0 ? [`All have the labels ${names(common)}.\n`] : []),
    table(['name', 'type', 'unit', 'meaning', 'more labels', 'stability'], rows),
  ].join('\n');
}

export function metricsPage(): string {
  return [
    made('src/expose/metrics.ts'),
    '# Metrics\n',
    'What `/metrics` serves. `?collect[]=GROUP` picks groups; without it the page holds all of them.',
    'A stable name keeps its meaning, type and labels; an experimental one may change with any release.\n',
    ...GROUPS.map(metricsOf),
  ].join('\n');
}

const PAGES = { 'errors.md': errorsPage, 'metrics.md': metricsPage };

if (import.meta.main) {
  for (const [name, page] of Object.entries(PAGES)) {
    const path = new URL(`../docs/reference/${name}`, import.meta.url);
    if (!process.argv.includes('--check')) writeFileSync(path, page());
    else if (readFileSync(path, 'utf8') !== page()) {
      console.error(`docs/reference/${name} is not what the code says: run node tools/gen-docs.ts`);
      process.exitCode = 1;
    }
  }
}
