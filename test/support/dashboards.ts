import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { TREE } from '../hosts/find-tool.ts';

/** As far as the tests read it. */
export interface PanelJson {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly datasource?: { readonly uid: string };
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly TargetJson[];
  readonly transformations?: readonly {
    readonly id: string;
    readonly options: { readonly renameByName?: Readonly<Record<string, string>> };
  }[];
  readonly fieldConfig?: {
    readonly defaults: { readonly unit?: string };
    readonly overrides: readonly {
      readonly matcher: { readonly options: string };
      readonly properties: readonly { readonly id: string; readonly value: unknown }[];
    }[];
  };
}

interface TargetJson {
  readonly refId: string;
  readonly expr: string;
  readonly legendFormat?: string;
  readonly instant?: boolean;
  readonly datasource: { readonly uid: string };
}

export interface DashboardJson {
  readonly uid: string;
  readonly title: string;
  readonly tags: readonly string[];
  readonly panels: readonly PanelJson[];
  readonly templating: {
    readonly list: readonly {
      readonly name: string;
      readonly definition?: string;
      readonly regex?: string;
    }[];
  };
}

/** A query of a panel, or of a variable, and what its answer must have. */
export interface DashboardQuery {
  /** Where it stands, for people: "kube-netc-cluster: Traffic by scope A". */
  readonly where: string;
  readonly expr: string;
  readonly instant: boolean;
  /** Labels that the legend, the rows of the table or the variable show. */
  readonly labels: readonly string[];
  /** Whether it is of one number, so that the answer is one series. */
  readonly single: boolean;
}

/** The committed dashboards, by the name of the file. */
export function dashboards(): ReadonlyMap<string, DashboardJson> {
  const files = globSync(join(TREE, 'deploy/grafana/*.json')).sort();
  return new Map(
    files.map((file) => [basename(file, '.json'), JSON.parse(readFileSync(file, 'utf8')) as DashboardJson]),
  );
}

/** The queries of all panels and of all variables. */
export function queriesOf(name: string, { panels, templating }: DashboardJson): DashboardQuery[] {
  const ofVariables = templating.list.flatMap(({ name: variable, definition }) => {
    const expr = /^query_result\((.*)\)$/s.exec(definition ?? '')?.[1];
    if (expr === undefined) return [];
    return [{ where: `${name}: $${variable}`, expr, instant: true, labels: [variable], single: false }];
  });
  return [...ofVariables, ...panels.flatMap((panel) => queriesOfPanel(name, panel))];
}

function queriesOfPanel(name: string, panel: PanelJson): DashboardQuery[] {
  return (panel.targets ?? []).map(({ refId, expr, legendFormat = '', instant = false }) => ({
    where: `${name}: ${panel.title} ${refId}`,
    expr,
    instant,
    labels:
      panel.type === 'table'
        ? rowLabels(panel).filter((label) => groups(expr).includes(label))
        : [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = '']) => label),
    single: panel.type === 'stat',
  }));
}

/** Labels that a table shows as columns. */
export function rowLabels({ transformations = [] }: PanelJson): string[] {
  const renamed = transformations.flatMap(({ options }) => Object.keys(options.renameByName ?? {}));
  return renamed.filter((field) => !field.startsWith('Value'));
}

/** A query as Grafana fills it in; variables that are not told match all. */
export function filledIn(expr: string, variables: Readonly<Record<string, string>> = {}): string {
  const values: Readonly<Record<string, string>> = { __rate_interval: '40s', __range: '60s', ...variables };
  return expr.replaceAll(/\$([a-z_]+)/g, (_, name: string) => values[name] ?? '.*');
}

/** Labels in any `by (...)` or `on (...)`. */
function groups(expr: string): string[] {
  return [...expr.matchAll(/\b(?:by|on) \(([\w, ]*)\)/g)].flatMap(([, list = '']) =>
    list.split(',').map((label) => label.trim()),
  );
}
