import type { Builder, Dataquery } from '@grafana/grafana-foundation-sdk/cog';
import {
  BigValueColorMode,
  BigValueGraphMode,
  BigValueTextMode,
  GraphThresholdsStyleConfigBuilder,
  GraphThresholdsStyleMode,
  LegendDisplayMode,
  LegendPlacement,
  ReduceDataOptionsBuilder,
  SortOrder,
  StackingConfigBuilder,
  StackingMode,
  TableCellHeight,
  TooltipDisplayMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import {
  type DynamicConfigValue,
  MappingType,
  type Panel,
  SpecialValueMatch,
  type Threshold,
  ThresholdsConfigBuilder,
  ThresholdsMode,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as TableBuilder } from '@grafana/grafana-foundation-sdk/table';
import { PanelBuilder as TimeseriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries';

/** The Prometheus that the reader has chosen: the variable `datasource` of every dashboard. */
export const DATASOURCE = { type: 'prometheus', uid: '${datasource}' };

/** A width of 24 is a whole line. */
interface Common {
  readonly title: string;
  /** What it shows and how to read it, for somebody who sees it for the first time. */
  readonly description: string;
  readonly unit: string;
  readonly width: number;
  readonly height?: number;
  /** From which value on it is orange, and from which red. Green below. */
  readonly alarming?: readonly [orange: number | null, red: number | null];
}

/** Grafana's settings of single fields, by the field's name. */
export type Overrides = Readonly<Record<string, readonly DynamicConfigValue[]>>;

export interface Line {
  readonly expr: string;
  /** With labels in double braces. */
  readonly legend: string;
}

const refId = (i: number): string => String.fromCodePoint('A'.codePointAt(0)! + i);

function query(expr: string, i: number): DataqueryBuilder {
  return new DataqueryBuilder().refId(refId(i)).expr(expr).datasource(DATASOURCE);
}

function thresholds([orange, red]: readonly [number | null, number | null]): ThresholdsConfigBuilder {
  const steps: Threshold[] = [{ value: null, color: 'green' }];
  if (orange !== null) steps.push({ value: orange, color: 'orange' });
  if (red !== null) steps.push({ value: red, color: 'red' });
  return new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps(steps);
}

function override(builder: StatBuilder | TimeseriesBuilder | TableBuilder, overrides: Overrides = {}): void {
  for (const [field, properties] of Object.entries(overrides)) builder.overrideByName(field, [...properties]);
}

/** One number, with its course behind it. */
export interface Stat extends Common {
  readonly expr: string;
  /** What stands there when nothing has been counted; '0' unless told otherwise. */
  readonly nothing?: string;
  /** The number alone, of the end of the time range: for what has no course, such as a sum over all of it. */
  readonly instant?: boolean;
}

export function stat(of: Stat): Builder<Panel> {
  const asked = query(of.expr, 0);
  return bigNumber(of, of.instant === true ? asked.instant() : asked.range())
    .graphMode(of.instant === true ? BigValueGraphMode.None : BigValueGraphMode.Area)
    .noValue(of.nothing ?? '0');
}

/** The name of the one series that the query answers with, and its value: a thing said in words. */
export interface Words extends Common {
  readonly expr: string;
  readonly label: string;
  readonly words: Overrides;
  readonly nothing: string;
}

export function words(of: Words): Builder<Panel> {
  const panel = bigNumber(of, query(of.expr, 0).instant().legendFormat(`{{${of.label}}}`))
    .graphMode(BigValueGraphMode.None)
    .textMode(BigValueTextMode.ValueAndName)
    .noValue(of.nothing);
  override(panel, of.words);
  return panel;
}

function bigNumber(of: Common, target: Builder<Dataquery>): StatBuilder {
  return new StatBuilder()
    .title(of.title)
    .description(of.description)
    .unit(of.unit)
    .span(of.width)
    .height(of.height ?? 4)
    .datasource(DATASOURCE)
    .colorMode(BigValueColorMode.Value)
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']))
    .thresholds(thresholds(of.alarming ?? [null, null]))
    .withTarget(target);
}

/** Courses over time. */
export interface Lines extends Common {
  readonly lines: readonly Line[];
  readonly stacked?: boolean;
  /** The top of the scale. */
  readonly most?: number;
  readonly overrides?: Overrides;
  /** What the legend says of each line besides its name: `mean`, `max`, `lastNotNull`. */
  readonly calcs?: readonly string[];
}

export function lines(of: Lines): TimeseriesBuilder {
  const { calcs = ['lastNotNull', 'max'] } = of;
  const panel = new TimeseriesBuilder()
    .title(of.title)
    .description(of.description)
    .unit(of.unit)
    .span(of.width)
    .height(of.height ?? 8)
    .datasource(DATASOURCE)
    .lineWidth(1)
    .fillOpacity(of.stacked === true ? 30 : 8)
    .legend(
      new VizLegendOptionsBuilder()
        .showLegend(true)
        .displayMode(LegendDisplayMode.Table)
        .placement(LegendPlacement.Bottom)
        .calcs([...calcs]),
    )
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending));
  of.lines.forEach(({ expr, legend }, i) => panel.withTarget(query(expr, i).legendFormat(legend).range()));
  if (of.stacked === true) panel.stacking(new StackingConfigBuilder().mode(StackingMode.Normal));
  if (of.most !== undefined) panel.min(0).max(of.most);
  if (of.alarming !== undefined)
    panel
      .thresholds(thresholds(of.alarming))
      .thresholdsStyle(new GraphThresholdsStyleConfigBuilder().mode(GraphThresholdsStyleMode.Dashed));
  override(panel, of.overrides);
  return panel;
}

/** A column of a table: the values of a query, one a row, by what the rows are told apart by. */
export interface Column {
  readonly name: string;
  readonly expr: string;
  readonly unit: string;
  readonly decimals?: number;
  /** Asked for its labels alone. */
  readonly hidden?: boolean;
}

export interface Table extends Omit<Common, 'unit' | 'alarming'> {
  /** Labels that the rows are told apart by, in the order of the columns, and what heads them. */
  readonly rows: Readonly<Record<string, string>>;
  /** The first sorts them. */
  readonly columns: readonly Column[];
  readonly overrides?: Overrides;
}

/** What stands where a workload has no name: it is outside the cluster, or nobody is sure who it is. */
const NAMELESS: readonly DynamicConfigValue[] = [
  {
    id: 'mappings',
    value: [SpecialValueMatch.Null, SpecialValueMatch.Empty].map((match) => ({
      type: MappingType.SpecialValue,
      options: { match, result: { text: '(no name)' } },
    })),
  },
];

export function table(of: Table): Builder<Panel> {
  const values = of.columns.map((_, i) => (of.columns.length > 1 ? `Value #${refId(i)}` : 'Value'));
  const hidden = values.filter((_, i) => of.columns[i]?.hidden === true);
  const order = [...Object.keys(of.rows), ...values];
  const heads = [...Object.values(of.rows), ...of.columns.map(({ name }) => name)];
  const panel = new TableBuilder()
    .title(of.title)
    .description(of.description)
    .span(of.width)
    .height(of.height ?? 8)
    .datasource(DATASOURCE)
    .cellHeight(TableCellHeight.Sm)
    .noValue('')
    .sortBy([{ build: () => ({ displayName: of.columns[0]?.name ?? '', desc: true }) }])
    .transformations([
      { id: 'merge', options: {} },
      {
        id: 'organize',
        options: {
          excludeByName: Object.fromEntries(['Time', ...hidden].map((name) => [name, true])),
          indexByName: Object.fromEntries(order.map((name, i) => [name, i])),
          renameByName: Object.fromEntries(order.map((name, i) => [name, heads[i]])),
        },
      },
    ]);
  of.columns.forEach(({ expr, name, unit, decimals }, i) => {
    panel.withTarget(query(expr, i).format(PromQueryFormat.Table).instant());
    const digits = decimals === undefined ? [] : [{ id: 'decimals', value: decimals }];
    panel.overrideByName(name, [{ id: 'unit', value: unit }, ...digits]);
  });
  for (const [label, head] of Object.entries(of.rows))
    if (label.endsWith('_workload')) panel.overrideByName(head, [...NAMELESS]);
  override(panel, of.overrides);
  return panel;
}
