import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import type { Dashboard, Panel } from '@grafana/grafana-foundation-sdk/dashboard';
import { dashboard, workloadLink } from './frame.ts';
import { LIMITS_IN_WORDS, limitShares } from './limits.ts';
import { lines, stat, table } from './panels.ts';
import { ALL_SENDERS, flow, inRange, now, once, perSecond, resentShare, select, sum } from './promql.ts';

const bytes = once('kube_netc_edge_bytes_total', flow);
const failures = perSecond(select('kube_netc_edge_connect_failures_total', { reporter: '="source"' }));
const ENDS = {
  source_namespace: 'client namespace',
  source_workload: 'client',
  destination_namespace: 'server namespace',
  destination_workload: 'server',
};
const LINKS = {
  client: [workloadLink('client namespace')],
  server: [workloadLink('server namespace')],
};

/** Bytes of one scope in the whole time range: what a provider bills. */
function billed(title: string, scope: string, description: string): Builder<Panel> {
  const moved = once('kube_netc_edge_bytes_total', inRange, { scope: `="${scope}"` });
  return stat({ title, description, unit: 'bytes', width: 4, expr: sum(moved), instant: true });
}

function numbers(): Builder<Panel>[] {
  return [
    stat({
      title: 'Traffic',
      description: 'Payload a second, both directions. Each edge counts once, whichever ends report it.',
      unit: 'Bps',
      width: 4,
      expr: sum(bytes),
    }),
    stat({
      title: 'Open connections',
      description: 'TCP connections that are open now.',
      unit: 'short',
      width: 4,
      expr: sum(once('kube_netc_edge_connections_active', now)),
    }),
    stat({
      title: 'Failed connects',
      description:
        'Attempts a second that ended in no connection: refused, timed out, unreachable and so on.',
      unit: 'cps',
      width: 4,
      expr: sum(failures),
      alarming: [0.1, 1],
    }),
    stat({
      title: 'Sent again',
      description:
        'The share of TCP segments that had to be sent again. Near 0 where no link is full and none is bad.',
      unit: 'percentunit',
      width: 4,
      expr: resentShare(ALL_SENDERS),
      alarming: [0.005, 0.02],
    }),
    billed('Across zones', 'cross_zone', 'Payload between zones in this time range. Providers bill it.'),
    billed('Internet', 'internet', 'Payload from and to the internet in this time range. Providers bill it.'),
  ];
}

function traffic(): Builder<Panel>[] {
  return [
    lines({
      title: 'Traffic by scope',
      description:
        'How far traffic goes: within a node, a zone, between zones, in the cluster where zones are not known, ' +
        'to private networks, to the internet. Over the budget: edges without series of their own, as both ends tell them.',
      unit: 'Bps',
      width: 10,
      height: 9,
      stacked: true,
      lines: [
        { expr: sum(bytes, ['scope']), legend: '{{scope}}' },
        {
          expr: `${sum(flow(select('kube_netc_edge_bytes_total', { source_kind: '="other"' })))} > 0`,
          legend: 'over the budget',
        },
      ],
    }),
    table({
      title: 'Top talkers',
      description:
        'The 15 pairs of workloads with most traffic, both directions. A name leads to its dashboard.',
      width: 14,
      height: 9,
      rows: { ...ENDS, scope: 'scope' },
      columns: [
        {
          name: 'traffic',
          unit: 'Bps',
          expr: `topk(15, ${sum(bytes, [...Object.keys(ENDS), 'scope'])} > 0)`,
        },
      ],
      overrides: LINKS,
    }),
  ];
}

function failing(): Builder<Panel>[] {
  return [
    lines({
      title: 'Failed connects by reason',
      description:
        'refused: nobody listens. timed_out: no answer, often a firewall. unreachable: no route. ' +
        'aborted: the client gave up before. reset: answered, then torn down.',
      unit: 'cps',
      width: 10,
      stacked: true,
      lines: [{ expr: `${sum(failures, ['reason'])} > 0`, legend: '{{reason}}' }],
    }),
    table({
      title: 'Who fails to reach whom',
      description: 'The 15 pairs with most failed connects in this time range.',
      width: 14,
      rows: { ...ENDS, destination_port: 'port', reason: 'reason' },
      columns: [
        {
          name: 'failures',
          unit: 'short',
          expr: `topk(15, ${sum(
            inRange(select('kube_netc_edge_connect_failures_total', { reporter: '="source"' })),
            [...Object.keys(ENDS), 'destination_port', 'reason'],
          )} > 0)`,
          decimals: 0,
        },
      ],
      overrides: LINKS,
    }),
  ];
}

function quality(): Builder<Panel>[] {
  const limits = limitShares(ALL_SENDERS);
  return [
    lines({
      title: 'What holds senders up',
      description:
        'Of the time in which data was under way and not acknowledged yet: what it waited for. The network is the rest ' +
        'that neither end explains.',
      unit: 'percentunit',
      width: 10,
      stacked: true,
      most: 1,
      lines: [limits],
      overrides: LIMITS_IN_WORDS,
    }),
    table({
      title: 'Where segments are sent again',
      description: 'The 15 pairs with the largest share of TCP segments that were sent again.',
      width: 14,
      rows: { ...ENDS, scope: 'scope' },
      columns: [
        {
          name: 'sent again',
          unit: 'percentunit',
          expr: `topk(15, ${resentShare(ALL_SENDERS, [...Object.keys(ENDS), 'scope'])} > 0)`,
        },
      ],
      overrides: LINKS,
    }),
  ];
}

/** The whole cluster, or all machines, at a glance. */
export function cluster(): Dashboard {
  return dashboard({
    uid: 'kube-netc-cluster',
    title: 'kube-netc / Cluster',
    description: 'Who talks most, how far it goes, what fails and what is slow.',
    rows: [
      { heading: '', panels: [...numbers(), ...traffic()] },
      { heading: 'Why not', panels: failing() },
      { heading: 'How well', panels: quality() },
    ],
  });
}
