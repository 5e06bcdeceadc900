// Writes the reference pages that are made from tables in the code: docs/reference/errors.md and metrics.md.
// Usage: node tools/gen-docs.ts [--check]
import { readFileSync, writeFileSync } from 'node:fs';
import { type Group, GROUPS, type Metric } from '../src/expose/metric.ts';
import { METRICS } from '../src/expose/metrics.ts';
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

/** Seconds as people say them: three digits. */
function duration(seconds: number): string {
  const units = [
    { name: 'd', seconds: 86_400 },
    { name: 'h', seconds: 3600 },
    { name: 'min', seconds: 60 },
    { name: 's', seconds: 1 },
    { name: 'ms', seconds: 1e-3 },
    { name: 'µs', seconds: 1e-6 },
  ];
  const unit = units.find((candidate) => seconds >= candidate.seconds) ?? { name: 's', seconds: 1 };
  return `${Number((seconds / unit.seconds).toPrecision(3))} ${unit.name}`;
}

function histograms(metrics: readonly Metric[]): string[] {
  const items = metrics.flatMap(({ name, shape }) => {
    if (shape === undefined) return [];
    const { schema, lowestPower, buckets, classicPowers } = shape;
    const highest = lowestPower + (buckets - 1) / 2 ** schema;
    const classic = classicPowers.map((power) => duration(2 ** power)).join(', ');
    const native = `${buckets} of schema ${schema} from ${duration(2 ** lowestPower)} to ${duration(2 ** highest)}`;
    return [`- \`${name}\`: classic buckets up to ${classic}; native ones: ${native}.`];
  });
  if (items.length === 0) return [];
  return [
    'Of a histogram, the text formats show `_bucket` with a few classic buckets (the bounds are powers of two, and `le` has',
    'all their digits), `_sum` and `_count`. A Prometheus that asks for protobuf gets the native histogram, which is one',
    'series, and the classic buckets beside it.\n',
    ...items,
    '',
  ];
}

/** The labels that most of the metrics have. */
function usualLabels(metrics: readonly Metric[]): readonly string[] {
  const count = (labels: readonly string[]): number =>
    metrics.filter((metric) => metric.labels.join() === labels.join()).length;
  return metrics.map(({ labels }) => labels).toSorted((a, b) => count(b) - count(a))[0] ?? [];
}

function metricsOf(group: Group): string {
  const metrics: readonly Metric[] = METRICS.filter((metric) => metric.group === group);
  // Most groups have one set of labels: it stands above the table, and the rows say what they add to it.
  const usual = usualLabels(metrics);
  const rows = metrics.map(({ name, type, unit, help, labels, since, stability }) => {
    const more = names(labels.filter((label) => !usual.includes(label)));
    const own = usual.every((label) => labels.includes(label)) ? more || '-' : `only ${names(labels)}`;
    return [`\`${name}\``, type, unit || '-', help, own, since, stability];
  });
  return [
    `## ${group}\n`,
    ...(usual.length > 0 ? [`The labels are ${names(usual)}, unless the row says otherwise.\n`] : []),
    table(['name', 'type', 'unit', 'meaning', 'more labels', 'since', 'stability'], rows),
    ...histograms(metrics),
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
