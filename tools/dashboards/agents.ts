import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import type { Dashboard, Panel } from '@grafana/grafana-foundation-sdk/dashboard';
import type { MetricName } from '../../src/expose/metrics.ts';
import { AGENT, BUDGETS, courses } from './agents-courses.ts';
import { dashboard, variable } from './frame.ts';
import { type Column, stat, table } from './panels.ts';
import { inRange, max, perSecond, select, sum } from './promql.ts';

const of = (name: MetricName): string => select(name, AGENT);
const started = of('kube_netc_agent_start_time_seconds');
/** Others are of what is counted, but by another way than most, or without its peer: the alert leaves them out too. */
const HARMFUL = '!~"role_by_formula|stale_slot|unseen_closed|udp_unknown_peer"';
const grown = (name: MetricName): string => `delta(${of(name)}[$__range])`;

const common = { unit: 'short', width: 4 };

function there(): Builder<Panel>[] {
  const seen = `max_over_time(${started}[1h])`;
  return [
    stat({ ...common, title: 'Agents', description: 'Agents that answer.', expr: `count(${started})` }),
    stat({
      ...common,
      title: 'Down',
      description: 'Agents that answered within the last hour and do not now.',
      expr: `count(up{instance=~"$instance"} == 0 and on (job, instance) ${seen})`,
      alarming: [null, 1],
    }),
  ];
}

function trust(): Builder<Panel>[] {
  return [
    stat({
      ...common,
      title: 'Lost',
      description: 'What was not counted in this time range; the reasons are below, with harmless ones.',
      expr: sum(inRange(select('kube_netc_agent_lost_total', { ...AGENT, reason: HARMFUL }))),
      instant: true,
      alarming: [1, null],
    }),
    stat({
      ...common,
      title: 'Unexplained',
      description:
        'Of the segments and datagrams that the kernels have counted in this time range, those that no connection accounts ' +
        'for. Much of it means that an agent misses traffic.',
      unit: 'percentunit',
      expr: `${sum(`abs(${grown('kube_netc_agent_audit_unexplained')})`)} / ${sum(grown('kube_netc_agent_audit_kernel'))}`,
      instant: true,
      alarming: [0.001, 0.01],
    }),
    stat({
      ...common,
      title: 'Programs not attached',
      description: 'Kernel programs that an agent wants and that its kernel refuses: its log says why.',
      expr: `count(${of('kube_netc_agent_probe_attached')} == 0)`,
      alarming: [1, null],
    }),
    stat({
      ...common,
      title: 'Fullest budget',
      description: 'The fullest budget of any agent. At 100 % what is over it is counted in `other`.',
      unit: 'percentunit',
      expr: max(BUDGETS),
      alarming: [0.8, 1],
    }),
  ];
}

const NODE = ['node', 'instance'];

function list(): Builder<Panel> {
  const by = (vector: string): string => max(vector, NODE);
  const columns: Column[] = [
    { name: 'up for', unit: 's', expr: `time() - ${by(started)}` },
    { name: 'CPU', unit: 'percentunit', expr: by(perSecond(of('kube_netc_agent_cpu_seconds_total'))) },
    { name: 'memory', unit: 'bytes', expr: by(of('kube_netc_agent_resident_memory_bytes')) },
    { name: 'open sockets', unit: 'short', decimals: 0, expr: by(of('kube_netc_agent_live_sockets')) },
    {
      name: 'runs',
      unit: 'short',
      expr: max(of('kube_netc_agent_build_info'), [...NODE, 'version', 'kernel', 'libbpf']),
      hidden: true,
    },
  ];
  return table({
    title: 'Agents',
    description: 'One line each. CPU is a share of one core.',
    width: 24,
    rows: { node: 'node', instance: 'instance', version: 'version', kernel: 'kernel', libbpf: 'libbpf' },
    columns,
  });
}

/** How the agents are: what they cost, what they miss, how full they are. */
export function agents(): Dashboard {
  return dashboard({
    uid: 'kube-netc-agents',
    title: 'kube-netc / Agents',
    description:
      'What the agents cost, what they miss, how full they are, and what they hear of the API server.',
    variables: [
      variable({
        name: 'instance',
        label: 'Agent',
        all: true,
        expr: `group by (instance) (${select('kube_netc_agent_start_time_seconds')})`,
      }),
    ],
    rows: [
      { heading: '', panels: [...there(), ...trust()] },
      ...courses(),
      { heading: 'Each', panels: [list()] },
    ],
  });
}
