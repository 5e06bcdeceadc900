import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import {
  type Dashboard,
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  DatasourceVariableBuilder,
  type DynamicConfigValue,
  type Panel,
  QueryVariableBuilder,
  RowBuilder,
  type VariableModel,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DATASOURCE } from './panels.ts';

/** Panels under a heading; '' is none. */
export interface Row {
  readonly heading: string;
  readonly panels: readonly Builder<Panel>[];
}

export interface Frame {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly variables?: readonly Builder<VariableModel>[];
  readonly rows: readonly Row[];
  /** As in Grafana's time picker. */
  readonly from?: string;
  readonly refresh?: string;
}

const TAG = 'kube-netc';

/** A dashboard with what all of ours have: the choice of a Prometheus, links to the others, one crosshair. */
export function dashboard(of: Frame): Dashboard {
  const builder = new DashboardBuilder(of.title)
    .uid(of.uid)
    .description(of.description)
    .tags([TAG])
    .time({ from: of.from ?? 'now-1h', to: 'now' })
    .refresh(of.refresh ?? '30s')
    .tooltip(DashboardCursorSync.Crosshair)
    .variables([
      new DatasourceVariableBuilder('datasource').label('Prometheus').type('prometheus'),
      ...(of.variables ?? []),
    ])
    .link(
      new DashboardLinkBuilder('kube-netc')
        .type(DashboardLinkType.Dashboards)
        .tags([TAG])
        .keepTime(true)
        .includeVars(true),
    );
  for (const { heading, panels } of of.rows) {
    if (heading !== '') builder.withRow(new RowBuilder(heading));
    for (const panel of panels) builder.withPanel(panel);
  }
  const built = builder.build();
  built.panels?.forEach((panel, i) => (panel.id = i + 1));
  return built;
}

interface Variable {
  readonly name: string;
  readonly label: string;
  /** A query whose series have the values in the label of that name. */
  readonly expr: string;
  /** Also a choice, of any value or none. */
  readonly all: boolean;
}

/** A list to choose from that a query fills. */
export function variable({ name, label, expr, all }: Variable): Builder<VariableModel> {
  const definition = `query_result(${expr})`;
  const builder = new QueryVariableBuilder(name)
    .label(label)
    .datasource(DATASOURCE)
    .definition(definition)
    // 3: a whole query, as opposed to the values of a label
    .query({ qryType: 3, query: definition, refId: 'PrometheusVariableQueryEditor-VariableQuery' })
    .regex(`/${name}="([^"]*)"/`)
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.AlphabeticalCaseInsensitiveAsc);
  return all
    ? builder.includeAll(true).allValue('.*').current({ selected: true, text: 'All', value: '$__all' })
    : builder;
}

export const WORKLOAD_UID = 'kube-netc-workload';

/** Makes a workload of a table a link to its dashboard. @param namespace the heading of its namespace's column */
export function workloadLink(namespace: string): DynamicConfigValue {
  const fields = [
    'var-workload=${__value.raw:percentencode}',
    `var-namespace=\${__data.fields["${namespace}"]:percentencode}`,
    'var-datasource=${datasource}',
  ];
  const url = `/d/${WORKLOAD_UID}?${fields.join('&')}&\${__url_time_range}`;
  return { id: 'links', value: [{ title: 'this workload', url }] };
}
