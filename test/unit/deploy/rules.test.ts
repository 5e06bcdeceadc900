import { spawnSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, type TestContext } from 'vitest';
import { parse } from 'yaml';
import { whyUnknown } from '../../../src/expose/series-name.ts';
import { render } from '../../../tools/gen-manifests.ts';
import { ruleFiles, RULES, staleRules } from '../../../tools/gen-rules.ts';
import { findTool, TREE } from '../../hosts/find-tool.ts';
import { helmOf, type Manifest, parseManifests } from '../../support/manifests.ts';
import { findCurrentPrometheus } from '../../support/prometheus-programs.ts';
import { readQuery } from '../../support/promql.ts';
import { type RuleTest, rulesOf } from '../../support/rules.ts';

const SCRAPED = ['job', 'instance', 'node'];
/** What Istio itself may have brought. */
const FOREIGN = ['up', 'istio_requests_total', 'istio_tcp_received_bytes_total'];
const CASES = 'test/rules';
/** It evaluates hours of minutes: 2 s on an idle machine. */
const PROMTOOL_MS = 90_000;
const files = ruleFiles(RULES);
const rules = files.flatMap((file) => rulesOf(join(TREE, RULES, file)));
const named = rules.map((rule) => [rule.alert ?? rule.record ?? '', rule] as const);
const records = new Map(rules.flatMap((rule) => (rule.record === undefined ? [] : [[rule.record, rule]])));
const cases = files.flatMap((file) => {
  const { tests } = parse(readFileSync(join(TREE, CASES, file), 'utf8')) as { tests: RuleTest[] };
  return tests;
});
const alerts = rules.filter((rule) => rule.alert !== undefined);

function promtool(program: string, ...args: readonly string[]): { status: number | null; said: string } {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd: TREE, encoding: 'utf8' });
  return { status, said: stdout + stderr };
}

/** promtool of Prometheus 3; skips the test where it is not built. */
function currentPromtool(context: TestContext): string {
  const { folder, why } = findCurrentPrometheus();
  return folder === null ? context.skip(why) : join(folder, 'promtool');
}

/** Whether somebody makes series of that name. */
function isKnown(metric: string): boolean {
  return FOREIGN.includes(metric) || records.has(metric) || whyUnknown(metric) === null;
}

/** Whether series of that name can have that label. */
function hasLabel(metric: string, label: string): boolean {
  const rule = records.get(metric);
  if (FOREIGN.includes(metric)) return [...SCRAPED, 'app'].includes(label);
  if (rule === undefined) return whyUnknown(metric, [label], SCRAPED) === null;
  const { selectors, grouping, made } = readQuery(rule.expr);
  if (made.has(label) || label in (rule.labels ?? {})) return true;
  if (rule.expr.includes('by (')) return grouping.has(label);
  return selectors.some((selector) => hasLabel(selector.metric, label));
}

/** What a query asks for and nobody makes. */
function unknownIn(promql: string): string[] {
  const { selectors, grouping, made } = readQuery(promql);
  return [
    ...selectors.flatMap(({ metric, labels }) => {
      if (!isKnown(metric)) return [metric];
      return labels.filter((label) => !hasLabel(metric, label)).map((label) => `${metric}{${label}}`);
    }),
    ...[...grouping].filter(
      (label) => !made.has(label) && !selectors.some(({ metric }) => hasLabel(metric, label)),
    ),
  ];
}

describe('the rules for Prometheus', () => {
  test('are three files, of the chart too', () => {
    expect(files).toEqual(['alerts.yaml', 'kiali.yaml', 'recording.yaml']);
    expect(staleRules()).toEqual([]);
  });

  test.for(files)('in %s pass their cases', { timeout: PROMTOOL_MS }, (file) => {
    const program = findTool('promtool');
    expect(promtool(program, 'check', 'rules', join(RULES, file))).toMatchObject({ status: 0 });
    const { status, said } = promtool(program, 'test', 'rules', join(CASES, file));
    expect(said).toContain('SUCCESS');
    expect(status).toBe(0);
  });

  test.for(files)('in %s pass their cases in Prometheus 3', { timeout: PROMTOOL_MS }, (file, context) => {
    const program = currentPromtool(context);
    expect(promtool(program, 'check', 'rules', '--lint-fatal', join(RULES, file))).toMatchObject({
      status: 0,
    });
    expect(promtool(program, 'test', 'rules', join(CASES, file))).toMatchObject({ status: 0 });
  });

  test.for(named)('%s has a case that makes it and one that does not', ([name]) => {
    const results = cases.flatMap(({ alert_rule_test: alerting = [], promql_expr_test: asking = [] }) => [
      ...alerting.filter(({ alertname }) => alertname === name).map((one) => one.exp_alerts.length > 0),
      ...asking
        .filter(({ expr }) => readQuery(expr).selectors.some(({ metric }) => metric === name))
        .map((one) => one.exp_samples.length > 0),
    ]);
    expect(results).toContain(true);
    expect(results).toContain(false);
  });

  test.for(named)('%s asks for what there is', ([, rule]) => {
    expect(unknownIn(rule.expr)).toEqual([]);
  });
});

describe('the check of names', () => {
  test.for([
    ['rate(kube_netc_edge_bytes_total{reporter="source"}[5m])', []],
    ['rate(kube_netc_edge_byte_total[5m])', ['kube_netc_edge_byte_total']],
    [
      'sum by (scope, zone) (kube_netc_edge_bytes_total{colour="red"})',
      ['kube_netc_edge_bytes_total{colour}', 'zone'],
    ],
    ['edge:kube_netc_edge_bytes:rate5m{reporter="source"}', ['edge:kube_netc_edge_bytes:rate5m{reporter}']],
    ['{__name__=~"kube_netc_edge_(bytes|words)_total", scope="x"}', ['kube_netc_edge_words_total']],
    ['label_replace(up, "x", "$1", "job", "(.+)") * on (x, y) group_left up', ['y']],
    ['count(up) by (instance) > 1 and on () absent(down)', ['down']],
  ] as const)('in %s finds %j', ([promql, unknown], { expect: check }) => {
    check(unknownIn(promql)).toEqual(unknown);
  });
});

describe('the alerts', () => {
  test.for(named.filter(([, { alert }]) => alert !== undefined))('%s says enough', ([name, rule]) => {
    const { summary = '', description = '', runbook_url: url = '' } = rule.annotations ?? {};
    expect(['critical', 'warning', 'info']).toContain(rule.labels?.['severity']);
    expect(summary).toMatch(/^[A-Z][^{}]*[^.]$/); // one line, the same for all of its instances
    expect(name === 'KubeNetcAbsent' || description.includes('{{ $labels.')).toBe(true);
    expect(url).toBe(`https://github.com/nirmata/kube-netc/blob/master/docs/runbooks/${name}.md`);
    const page = readFileSync(join(TREE, 'docs/runbooks', `${name}.md`), 'utf8');
    expect(page).toMatch(new RegExp(`^# ${name}\n[^]*\n## What it means\n[^]*\n## Look\n[^]*\n## Do\n`));
  });

  test('have a runbook each, and no runbook is left over', () => {
    const pages = globSync('*.md', { cwd: join(TREE, 'docs/runbooks') });
    expect(pages.sort()).toEqual(alerts.map(({ alert }) => `${alert}.md`).sort());
  });
});

describe('the scrape configurations', () => {
  const scrape = (name: string): string => readFileSync(join(TREE, 'deploy/prometheus', name), 'utf8');

  test('are those of the README', () => {
    const readme = readFileSync(join(TREE, 'README.md'), 'utf8').matchAll(
      /```yaml\n(scrape_configs:[^]*?)```/g,
    );
    const shown = [...readme].map(([, text = '']) => parse(text) as unknown);
    expect(shown).toEqual([parse(scrape('scrape-kubernetes.yaml')), parse(scrape('scrape-static.yaml'))]);
  });

  test('are good for Prometheus 3', (context) => {
    const program = currentPromtool(context);
    for (const name of ['scrape-static.yaml', 'scrape-kubernetes.yaml']) {
      const { status, said } = promtool(program, 'check', 'config', join('deploy/prometheus', name));
      expect(said).toContain('SUCCESS');
      expect(status).toBe(0);
    }
  });
});

describe('the chart’s PrometheusRule', () => {
  function groups(context: TestContext, ...sets: readonly string[]): Manifest[] {
    const args = ['prometheusRule.enabled=true', ...sets].flatMap((set) => ['--set', set]);
    const objects = parseManifests(render(helmOf(context), args));
    return objects.find(({ kind }) => kind === 'PrometheusRule').spec.groups;
  }
  const written = (...names: readonly string[]): Manifest[] =>
    names.flatMap(
      (name) => parse(readFileSync(join(TREE, RULES, `${name}.yaml`), 'utf8')).groups as Manifest[],
    );

  test('has the records and the alerts as they are written, and Kiali’s when it is told', (context) => {
    expect(groups(context)).toEqual(written('recording', 'alerts'));
    expect(groups(context, 'prometheusRule.alerts=false', 'prometheusRule.kiali=true')).toEqual(
      written('recording', 'kiali'),
    );
  });

  test('looks for agents by the name of the release, and has runbooks where it is told', (context) => {
    const found = JSON.stringify(
      groups(context, 'fullnameOverride=net', 'prometheusRule.runbookUrl=https://wiki.example.com/r/'),
    );
    expect(found).toContain('up{job=~\\".*net.*\\"}');
    expect(found).not.toContain('kube-netc.*');
    expect(found).toContain('"https://wiki.example.com/r/KubeNetcAgentDown.md"');
    expect(found).not.toContain('github.com/nirmata/kube-netc/blob');
  });
});
