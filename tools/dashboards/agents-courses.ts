import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import type { Panel } from '@grafana/grafana-foundation-sdk/dashboard';
import type { MetricName } from '../../src/expose/metrics.ts';
import type { Row } from './frame.ts';
import { lines } from './panels.ts';
import { max, perSecond, select, sum } from './promql.ts';

/** The agents that were chosen. */
export const AGENT = { instance: '=~"$instance"' };
/** In a cluster the node; the address that is scraped is there everywhere. */
const WHICH = '{{node}} {{instance}}';
const of = (name: MetricName): string => select(name, AGENT);
const rate = (name: MetricName): string => perSecond(of(name));

const ROOM: readonly (readonly [what: string, used: MetricName, budget: MetricName])[] = [
  ['connection series', 'kube_netc_agent_series', 'kube_netc_agent_series_budget'],
  ['edges', 'kube_netc_agent_edges', 'kube_netc_agent_edges_budget'],
  ['open sockets', 'kube_netc_agent_live_sockets', 'kube_netc_agent_live_slots'],
  ['flows', 'kube_netc_agent_flows', 'kube_netc_agent_flows_limit'],
];
/** The fullest of each budget, 0 to 1, by the label `budget`. */
export const BUDGETS = ROOM.map(
  ([what, used, budget]) => `label_replace(max(${of(used)} / ${of(budget)}), "budget", "${what}", "", "")`,
).join(' or ');

function cost(): Builder<Panel>[] {
  return [
    lines({
      title: 'CPU',
      description:
        'Of each agent, user and system, as a share of one core. Its kernel programs are in the next line.',
      unit: 'percentunit',
      width: 12,
      lines: [
        { expr: rate('kube_netc_agent_cpu_seconds_total'), legend: WHICH },
        {
          expr: `${sum(rate('kube_netc_agent_probe_run_seconds_total'), ['node', 'instance'])} > 0`,
          legend: `${WHICH}, kernel programs`,
        },
      ],
    }),
    lines({
      title: 'Memory',
      description: 'Of each agent that is in RAM, without what its maps take in the kernel.',
      unit: 'bytes',
      width: 12,
      lines: [{ expr: of('kube_netc_agent_resident_memory_bytes'), legend: WHICH }],
    }),
  ];
}

function limits(): Builder<Panel>[] {
  return [
    lines({
      title: 'How long it takes',
      description:
        'The slowest of all agents. A snapshot reads all open sockets, in steps that each hold a CPU; a page is what ' +
        'Prometheus gets; the event loop serves everybody.',
      unit: 's',
      width: 12,
      lines: [
        { expr: max(of('kube_netc_agent_snapshot_seconds')), legend: 'snapshot' },
        { expr: max(of('kube_netc_agent_longest_hold_seconds')), legend: 'longest step of a snapshot' },
        { expr: max(of('kube_netc_agent_page_seconds')), legend: 'page' },
        { expr: max(of('kube_netc_agent_event_loop_lag_max_seconds')), legend: 'event loop held' },
      ],
    }),
    lines({
      title: 'Budgets',
      description:
        'The fullest of all agents. Over the budget nothing is lost but names: the rest is counted in `other`.',
      unit: 'percentunit',
      width: 12,
      lines: [{ expr: BUDGETS, legend: '{{budget}}' }],
      alarming: [null, 1],
    }),
  ];
}

function blind(): Builder<Panel>[] {
  return [
    lines({
      title: 'Lost, by reason',
      description:
        'What could not be counted or not be attributed, a second. The page of metrics says what each is.',
      unit: 'cps',
      width: 12,
      lines: [{ expr: sum(rate('kube_netc_agent_lost_total'), ['reason']), legend: '{{reason}}' }],
    }),
    lines({
      title: 'Unexplained segments and datagrams',
      description:
        'What the kernels have counted since the point before and no connection accounts for; below 0: the other way round.',
      unit: 'short',
      width: 12,
      lines: [
        {
          expr: sum(`delta(${of('kube_netc_agent_audit_unexplained')}[$__rate_interval])`, ['counter']),
          legend: '{{counter}}',
        },
      ],
    }),
  ];
}

function apiServer(): Builder<Panel>[] {
  const synced = `min by (resource) (${of('kube_netc_agent_api_synced')})`;
  return [
    lines({
      title: 'Resources that are read',
      description:
        '1: every agent has read all objects of the resource; 0: at least one has not, and names are missing.',
      unit: 'short',
      width: 8,
      most: 1,
      lines: [{ expr: synced, legend: '{{resource}}' }],
    }),
    lines({
      title: 'Silence',
      description:
        'The longest time that any agent has heard nothing of a resource. Quiet is normal for minutes.',
      unit: 's',
      width: 8,
      lines: [{ expr: max(of('kube_netc_agent_api_silence_seconds'), ['resource']), legend: '{{resource}}' }],
    }),
    lines({
      title: 'Errors of the API server',
      description: 'By kind, a second, all agents.',
      unit: 'cps',
      width: 8,
      lines: [{ expr: sum(rate('kube_netc_agent_api_errors_total'), ['kind']), legend: '{{kind}}' }],
    }),
  ];
}

/** What the agents' numbers were over time. */
export function courses(): Row[] {
  return [
    { heading: 'What they cost', panels: [...cost(), ...limits()] },
    { heading: 'What they miss', panels: blind() },
    { heading: 'What they hear of the API server', panels: apiServer() },
  ];
}
