import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { BRAKE_WORDS } from '../../../src/collector/slowness.ts';
import { METRICS } from '../../../src/expose/metrics.ts';
import { whyUnknown } from '../../../src/expose/series-name.ts';
import { render } from '../../../tools/gen-manifests.ts';
import { dashboards, filledIn, type PanelJson, queriesOf, rowLabels } from '../../support/dashboards.ts';
import { helmOf, parseManifests } from '../../support/manifests.ts';
import { readQuery } from '../../support/promql.ts';

/** What the scrape configurations of the project add. */
const SCRAPED = ['job', 'instance', 'node'];
/** Prometheus' own. */
const FOREIGN = ['up'];
const boards = dashboards();
const queries = [...boards].flatMap(([name, dashboard]) => queriesOf(name, dashboard));
const panels = [...boards].flatMap(([name, { panels: all }]) =>
  all.filter(({ type }) => type !== 'row').map((panel) => [`${name}: ${panel.title}`, panel] as const),
);

/** What a query asks for that the metric table has not. */
function unknownIn(expr: string): string[] {
  const { selectors, grouping, made } = readQuery(filledIn(expr));
  const asked = selectors.filter(({ metric }) => !FOREIGN.includes(metric));
  const had = METRICS.filter(({ name }) => asked.some(({ metric }) => metric.startsWith(name)));
  const labels = new Set([...SCRAPED, 'le', ...made, ...had.flatMap((metric) => metric.labels)]);
  return [
    ...asked.flatMap((selector) => whyUnknown(selector.metric, selector.labels, SCRAPED) ?? []),
    ...[...grouping].filter((label) => !labels.has(label)),
  ];
}

/** What Grafana's settings of single fields may name: what heads a column, and what a legend can say. */
function fieldsOf(panel: PanelJson): string[] {
  const heads = (panel.transformations ?? []).flatMap(({ options }) =>
    Object.values(options.renameByName ?? {}),
  );
  const legends = (panel.targets ?? []).map(({ legendFormat = '' }) => legendFormat);
  const limits = legends.includes('{{by}}') ? Object.keys(BRAKE_WORDS) : [];
  return [...heads, ...legends, ...limits];
}

function overlap({ gridPos: a }: PanelJson, { gridPos: b }: PanelJson): boolean {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}

describe('the dashboards', () => {
  test('are the one that was always there, and three', () => {
    expect([...boards].map(([file, { title }]) => [file, title])).toEqual([
      ['kube-netc-agents', 'kube-netc / Agents'],
      ['kube-netc-cluster', 'kube-netc / Cluster'],
      ['kube-netc-demo', 'kube-netc-demo'],
      ['kube-netc-workload', 'kube-netc / Workload'],
    ]);
    expect(new Set([...boards.values()].map(({ uid }) => uid)).size).toBe(boards.size);
  });

  test('the demo has the five panels of the first kube-netc, and their queries', () => {
    const demo = boards.get('kube-netc-demo') ?? expect.fail('it is not there');
    expect(demo.uid).toBe('FUSnYxGGk');
    expect(demo.panels.map(({ title, targets }) => [title, targets?.map(({ expr }) => expr)])).toEqual([
      ['Bytes Sent', ['bytes_sent']],
      ['Bytes Received', ['bytes_recv']],
      ['Bytes Sent Per Second', ['bytes_sent_per_second']],
      ['Bytes Received Per Second', ['bytes_recv_per_second']],
      ['Number of Connections to Node', ['active_connections']],
    ]);
  });

  test.for([...boards])(
    '%s is laid out without overlaps, each panel by an id of its own',
    ([, { panels: all }]) => {
      const pairs = all.flatMap((a, i) => all.slice(i + 1).map((b) => [a, b] as const));
      expect(pairs.filter(([a, b]) => overlap(a, b)).map(([a, b]) => [a.title, b.title])).toEqual([]);
      expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
      for (const { gridPos } of all) expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
    },
  );

  test.for(panels)('%s says what it shows, in a unit, of the Prometheus that was chosen', ([, panel]) => {
    expect(panel.description).toMatch(/^.{10,}\.$/s);
    expect(panel.datasource?.uid).toBe('${datasource}');
    expect(panel.targets?.map(({ datasource }) => datasource.uid)).toEqual(
      panel.targets?.map(() => '${datasource}'),
    );
    if (panel.type !== 'table') expect(panel.fieldConfig?.defaults.unit).toBeTruthy();
  });

  test.for(panels)(
    '%s sets up only fields that it has, and shows rows by labels that it asks for',
    ([, panel]) => {
      const named = (panel.fieldConfig?.overrides ?? []).map(({ matcher }) => matcher.options);
      expect(named.filter((field) => !fieldsOf(panel).includes(field))).toEqual([]);
      const grouped = (panel.targets ?? []).flatMap(({ expr }) => [...readQuery(filledIn(expr)).grouping]);
      expect(rowLabels(panel).filter((label) => !grouped.includes(label))).toEqual([]);
    },
  );

  test('lead to one another by links that exist', () => {
    const text = JSON.stringify([...boards.values()]);
    const linked = [...text.matchAll(/\/d\/([\w-]+)/g)].map(([, uid]) => uid);
    expect(new Set(linked)).toEqual(new Set(['kube-netc-workload']));
    const { templating } = boards.get('kube-netc-workload') ?? expect.fail('it is not there');
    const variables = [...text.matchAll(/[?&]var-(\w+)=/g)].map(([, name]) => name);
    expect(templating.list.map(({ name }) => name)).toEqual(expect.arrayContaining([...new Set(variables)]));
    for (const { tags } of boards.values()) expect(tags).toEqual(['kube-netc']);
  });
});

describe('the queries of the dashboards', () => {
  test.for(queries.map(({ where, expr }) => [where, expr] as const))(
    '%s asks for what there is',
    ([, expr]) => {
      expect(unknownIn(expr)).toEqual([]);
    },
  );

  test('name no job', () => {
    expect(
      queries.filter(({ expr }) =>
        readQuery(filledIn(expr)).selectors.some(({ labels }) => labels.includes('job')),
      ),
    ).toEqual([]);
  });

  test('ask for edges of one reporter, or for both by the merge rule', () => {
    const both = queries.filter(
      ({ where, expr }) =>
        !where.includes('$') && /kube_netc_edge_bytes_total\{(?![^}]*reporter=)/.test(expr),
    );
    expect(both.map(({ where }) => where)).toEqual(['kube-netc-cluster: Traffic by scope B']);
  });
});

describe('the chart', () => {
  test('makes a ConfigMap of each for the sidecar of Grafana, when it is told', (context) => {
    const made = (...sets: readonly string[]): ReturnType<typeof parseManifests> =>
      parseManifests(
        render(
          helmOf(context),
          sets.flatMap((set) => ['--set', set]),
        ),
      ).filter(({ kind }) => kind === 'ConfigMap');
    expect(made()).toEqual([]);
    const maps = made('dashboards.enabled=true', 'dashboards.annotations.grafana_folder=net');
    expect(new Set(maps.map(({ metadata }) => metadata.name as string)).size).toBe(boards.size);
    for (const { metadata } of maps) {
      expect(metadata.labels.grafana_dashboard).toBe('1');
      expect(metadata.annotations).toEqual({ grafana_folder: 'net' });
    }
    const files = maps.flatMap(({ data }) => Object.entries(data as Record<string, string>));
    const read = files.map(([name, text]) => [name.replace('.json', ''), parse(text) as unknown]);
    expect(Object.fromEntries(read)).toEqual(Object.fromEntries(boards));
  });
});
