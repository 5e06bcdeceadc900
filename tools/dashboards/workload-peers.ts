import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import type { Panel } from '@grafana/grafana-foundation-sdk/dashboard';
import { workloadLink } from './frame.ts';
import { type Column, lines, table } from './panels.ts';
import {
  flow,
  type Matchers,
  max,
  now,
  once,
  perSecond,
  resentShare,
  select,
  type Senders,
  sum,
} from './promql.ts';
import { CALLED, CALLING } from './this-workload.ts';

function bytes(of: Matchers, direction: string): string {
  return once('kube_netc_edge_bytes_total', flow, { ...of, direction: `="${direction}"` });
}

/** Both directions of one role, what leaves the workload below the line. */
function traffic(
  title: string,
  description: string,
  of: Matchers,
  into: string,
  outOf: string,
): Builder<Panel> {
  return lines({
    title,
    description,
    unit: 'Bps',
    width: 12,
    height: 7,
    lines: [
      { expr: sum(bytes(of, into)), legend: 'received' },
      { expr: sum(bytes(of, outOf)), legend: 'sent' },
    ],
    overrides: { sent: [{ id: 'custom.transform', value: 'negative-Y' }] },
  });
}

/** What a table says of each peer. `each` are the labels that tell peers apart; `senders` both ends of their edges. */
function columns(of: Matchers, each: readonly string[], senders: Senders): Column[] {
  const [received, sent] = of === CALLED ? ['to_server', 'to_client'] : ['to_client', 'to_server'];
  const failures = select('kube_netc_edge_connect_failures_total', { reporter: '="source"', ...of });
  return [
    { name: 'received', unit: 'Bps', expr: sum(bytes(of, received ?? ''), each) },
    { name: 'sent', unit: 'Bps', expr: sum(bytes(of, sent ?? ''), each) },
    {
      name: 'new connections',
      unit: 'cps',
      expr: sum(once('kube_netc_edge_connections_opened_total', flow, of), each),
    },
    { name: 'failed connects', unit: 'cps', expr: sum(perSecond(failures), each) },
    { name: 'sent again', unit: 'percentunit', expr: resentShare(senders, each) },
    {
      name: 'round trip',
      unit: 's',
      expr: max(once('kube_netc_edge_smoothed_rtt_seconds', now, of), each),
    },
  ];
}

/** Who calls it and whom it calls. */
export function peers(): Builder<Panel>[] {
  return [
    traffic('As a server', 'Payload from and to those that call it.', CALLED, 'to_server', 'to_client'),
    traffic('As a client', 'Payload from and to those it calls.', CALLING, 'to_client', 'to_server'),
    table({
      title: 'Who calls it',
      description: 'Its clients. Sent again: both directions. Round trip: the slowest, of open connections.',
      width: 12,
      rows: { source_namespace: 'namespace', source_workload: 'client' },
      columns: columns(CALLED, ['source_namespace', 'source_workload'], {
        clients: [CALLED],
        servers: [CALLED],
      }),
      overrides: { client: [workloadLink('namespace')] },
    }),
    table({
      title: 'Whom it calls',
      description: 'Its servers. Sent again: both directions. Round trip: the slowest, of open connections.',
      width: 12,
      rows: { destination_namespace: 'namespace', destination_workload: 'server' },
      columns: columns(CALLING, ['destination_namespace', 'destination_workload'], {
        clients: [CALLING],
        servers: [CALLING],
      }),
      overrides: { server: [workloadLink('namespace')] },
    }),
  ];
}
