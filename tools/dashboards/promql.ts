import type { MetricName } from '../../src/expose/metrics.ts';
import { whyUnknown } from '../../src/expose/series-name.ts';

/** Conditions by label, each with its operator: `{ reporter: '="source"' }`. */
export type Matchers = Readonly<Record<string, string>>;

/** What tells one pair of workloads from another. Its two reports agree on these; ports, Services and scopes may differ. */
export const PAIR = [
  'source_workload',
  'source_kind',
  'source_namespace',
  'destination_workload',
  'destination_kind',
  'destination_namespace',
  'protocol',
] as const;

/** What the scrape configurations of the project add to each series. */
const OF_THE_TARGET = ['instance', 'job', 'node'];
/** Edges over the budget, which stand for many: both ends may have folded the same bytes into theirs, or one alone. */
const NAMED: Matchers = { source_kind: '!="other"', destination_kind: '!="other"' };

/**
 * The series of a metric that match all of these. Throws for a label that the metric has not.
 */
export function select(name: MetricName, ...matchers: readonly Matchers[]): string {
  return selectNamed(name, matchers);
}

function selectNamed(name: string, matchers: readonly Matchers[]): string {
  const conditions = matchers.flatMap((each) => Object.entries(each));
  const labels = conditions.map(([label]) => label);
  const unknown = whyUnknown(name, labels, OF_THE_TARGET);
  if (unknown !== null) throw new Error(unknown);
  const list = conditions.map(([label, condition]) => label + condition).join(', ');
  return list === '' ? name : `${name}{${list}}`;
}

/** How a selector becomes an instant vector. */
export type Reading = (series: string) => string;
export const perSecond: Reading = (series) => `rate(${series}[$__rate_interval])`;
/**
 * A second, of what sockets count themselves: an agent that starts again has it of open connections from their first
 * byte, so its series are left out until that is past.
 */
export const flow: Reading = (series) =>
  `(${perSecond(series)} unless resets(${series}[$__rate_interval]) > 0)`;
/** In the whole time range of the dashboard. */
export const inRange: Reading = (series) => `increase(${series}[$__range])`;
export const now: Reading = (series) => series;

/** Nodes whose agents are scraped, under the labels by which the other end of an edge knows a node. */
function nodesWithAgent(end: 'source' | 'destination'): string {
  const agents = select('kube_netc_agent_start_time_seconds', { node: '!=""' });
  const named = `label_replace(${agents}, "${end}_workload", "$1", "node", "(.+)")`;
  return `on (${end}_workload, ${end}_kind) label_replace(${named}, "${end}_kind", "node", "", "")`;
}

/**
 * Each edge once, by the merge rule of deploy/prometheus/rules/recording.yaml, which says why it is as it is and need not
 * be loaded: by the report of the server where there is one, else by that of the client. All labels stay.
 */
export function once(name: MetricName, reading: Reading, matchers: Matchers = {}): string {
  const told = (reporter: string, more: Matchers): string =>
    reading(select(name, { reporter: `="${reporter}"`, ...NAMED }, more, matchers));
  const ofPods = told('destination', { destination_namespace: '!=""' });
  const ofOthers = told('destination', { destination_namespace: '=""' });
  const ofClients = told('source', { scope: '!="loopback"' });
  return (
    `(${ofPods} unless ${nodesWithAgent('source')} or ${ofOthers} or on (${PAIR.join(', ')}) ` +
    `(${ofClients} unless ${nodesWithAgent('destination')}))`
  );
}

/** Senders, told by themselves: those that send as clients, and those that send as servers. */
export interface Senders {
  readonly clients: readonly Matchers[];
  readonly servers: readonly Matchers[];
}

export const ALL_SENDERS: Senders = { clients: [{}], servers: [{}] };

/**
 * What ends have sent, a second. What is known of a sender (segments sent again, what held it up) is known to it alone,
 * so each end is asked for its own direction, and nothing counts twice.
 */
export function bySenders(name: MetricName, { clients, servers }: Senders, more: Matchers = {}): string {
  const sent = (reporter: string, direction: string, of: Matchers): string =>
    flow(select(name, { reporter: `="${reporter}"`, direction: `="${direction}"`, ...of, ...more }));
  return `(${[
    ...clients.map((of) => sent('source', 'to_server', of)),
    ...servers.map((of) => sent('destination', 'to_client', of)),
  ].join(' or ')})`;
}

/** How many connections such ends have open, on average over the window of rates. */
export function openOf({ clients, servers }: Senders): string {
  const open = (reporter: string, of: Matchers): string =>
    `avg_over_time(${select('kube_netc_edge_connections_active', { reporter: `="${reporter}"`, ...of })}[$__rate_interval])`;
  return [...clients.map((of) => open('source', of)), ...servers.map((of) => open('destination', of))].join(
    ' or ',
  );
}

export function sum(vector: string, by: readonly string[] = []): string {
  return by.length > 0 ? `sum by (${by.join(', ')}) (${vector})` : `sum(${vector})`;
}

export function max(vector: string, by: readonly string[] = []): string {
  return by.length > 0 ? `max by (${by.join(', ')}) (${vector})` : `max(${vector})`;
}

/** The share of TCP segments that had to be sent again, 0 to 1. */
export function resentShare(senders: Senders, by: readonly string[] = []): string {
  const sent = (name: MetricName): string => sum(bySenders(name, senders, { protocol: '="tcp"' }), by);
  const again = sent('kube_netc_edge_retransmitted_segments_total');
  return `${again} / (${sent('kube_netc_edge_segments_total')} + ${again})`;
}

/** A quantile of a histogram over all series that match: of its native form where Prometheus has that, else of its buckets. */
export function quantile(q: number, name: MetricName, matchers: Matchers): string {
  const native = sum(perSecond(select(name, matchers)));
  const classic = sum(perSecond(selectNamed(`${name}_bucket`, [matchers])), ['le']);
  return `histogram_quantile(${q}, ${native}) or histogram_quantile(${q}, ${classic})`;
}
