import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import type { Panel } from '@grafana/grafana-foundation-sdk/dashboard';
import { LIMITS_IN_WORDS, limitShares } from './limits.ts';
import { type Line, lines } from './panels.ts';
import { type Matchers, max, now, once, perSecond, quantile, resentShare, select, sum } from './promql.ts';
import { CALLED, CALLING, FROM_IT, TO_IT } from './this-workload.ts';

const CONNECT = 'kube_netc_edge_connect_duration_seconds';
const LISTENER = { workload: '="$workload"', namespace: '=~"$namespace"' };

function connectLatency(): Builder<Panel> {
  const asked = (words: string, of: Matchers): Line[] =>
    [0.5, 0.99].map((q) => ({
      expr: quantile(q, CONNECT, { reporter: '="source"', ...of }),
      legend: `${words}, p${q * 100}`,
    }));
  return lines({
    title: 'Time to connect',
    description:
      'From connect() to established, as the client saw it. 1 s or 3 s more is a SYN that was lost once or twice.',
    unit: 's',
    width: 12,
    lines: [...asked('when called', CALLED), ...asked('when it calls', CALLING)],
  });
}

function roundTrip(): Builder<Panel> {
  const slowest = (of: Matchers, peer: string): string =>
    `topk(5, ${max(once('kube_netc_edge_smoothed_rtt_seconds', now, of), [peer])})`;
  const least = (of: Matchers): string => quantile(0.5, 'kube_netc_edge_min_rtt_seconds', of);
  return lines({
    title: 'Round trip',
    description:
      'Smoothed by TCP, of open connections, the five slowest peers each way. Far above the least round trip of closed ' +
      'connections: queues on the way, or a peer that answers late.',
    unit: 's',
    width: 12,
    lines: [
      { expr: slowest(CALLED, 'source_workload'), legend: 'called by {{source_workload}}' },
      { expr: slowest(CALLING, 'destination_workload'), legend: 'calling {{destination_workload}}' },
      { expr: least(CALLED), legend: 'least when called, p50' },
      { expr: least(CALLING), legend: 'least when it calls, p50' },
    ],
  });
}

function failures(): Builder<Panel> {
  const failed = (of: Matchers): string =>
    `${sum(perSecond(select('kube_netc_edge_connect_failures_total', { reporter: '="source"', ...of })), ['reason'])} > 0`;
  return lines({
    title: 'Failed connects by reason',
    description:
      'refused: nobody listens. timed_out: no answer, often a firewall. unreachable: no route. ' +
      'aborted: the client gave up before. reset: answered, then torn down.',
    unit: 'cps',
    width: 12,
    lines: [
      { expr: failed(CALLED), legend: 'when called: {{reason}}' },
      { expr: failed(CALLING), legend: 'when it calls: {{reason}}' },
    ],
  });
}

function heldUp(title: string, description: string, senders: typeof FROM_IT): Builder<Panel> {
  return lines({
    title,
    description,
    unit: 'percentunit',
    width: 12,
    stacked: true,
    most: 1,
    lines: [limitShares(senders)],
    overrides: LIMITS_IN_WORDS,
  });
}

function listeners(): Builder<Panel> {
  const at = (name: Parameters<typeof select>[0]): string => max(select(name, LISTENER), ['port']);
  return lines({
    title: 'Waiting for accept()',
    description:
      'Connections that its listeners have not accepted yet, and how many may wait. At the limit new ones are dropped, ' +
      'and clients try again after a second: the program is too slow or its backlog too small.',
    unit: 'short',
    width: 12,
    lines: [
      { expr: at('kube_netc_listener_backlog'), legend: 'waiting, port {{port}}' },
      { expr: at('kube_netc_listener_backlog_limit'), legend: 'limit, port {{port}}' },
      {
        expr: `${sum(perSecond(select('kube_netc_listener_drops_total', LISTENER)), ['port'])} > 0`,
        legend: 'dropped a second, port {{port}}',
      },
    ],
    overrides: {},
  });
}

/** How well it goes, and what holds it up. */
export function quality(): Builder<Panel>[] {
  return [
    connectLatency(),
    roundTrip(),
    heldUp(
      'What holds up what it sends',
      'Shares of the time in which it had data under way. The network is the rest that neither end explains.',
      FROM_IT,
    ),
    heldUp(
      'What holds up what is sent to it',
      'Shares of the time in which its peers had data under way to it. Here the receiver is this workload.',
      TO_IT,
    ),
    failures(),
    lines({
      title: 'Sent again',
      description: 'The share of TCP segments that had to be sent again.',
      unit: 'percentunit',
      width: 12,
      lines: [
        { expr: resentShare(FROM_IT), legend: 'of what it sends' },
        { expr: resentShare(TO_IT), legend: 'of what it is sent' },
      ],
      alarming: [null, 0.02],
    }),
    listeners(),
  ];
}
