import { counter, gauge, info, table } from './metric.ts';

export const AGENT = table({ group: 'agent', since: '0.1.0', stability: 'stable', labels: [] }, [
  info('kube_netc_agent_build_info', 'What runs here: versions of the agent, of libbpf and of the kernel.', [
    'version',
    'libbpf',
    'kernel',
    'nodejs',
  ]),
  gauge('kube_netc_agent_start_time_seconds', 'seconds', 'When the agent started, in seconds since 1970.'),
  gauge('kube_netc_agent_probe_attached', '', 'Whether the kernel program is attached (1) or not (0).', [
    'probe',
  ]),
  counter('kube_netc_agent_probe_run_seconds_total', 'seconds', 'Time the kernel program has run.', [
    'probe',
  ]),
  counter('kube_netc_agent_probe_runs_total', '', 'How often the kernel program has run.', ['probe']),
  gauge('kube_netc_agent_snapshot_seconds', 'seconds', 'How long the last snapshot took.'),
  counter('kube_netc_agent_snapshots_total', '', 'Snapshots taken.'),
  counter('kube_netc_agent_snapshot_cpu_seconds_total', 'seconds', 'CPU time spent on snapshots.'),
  gauge(
    'kube_netc_agent_longest_hold_seconds',
    'seconds',
    'The longest single step of a walk: a CPU was held for it.',
  ),
  gauge(
    'kube_netc_agent_page_seconds',
    'seconds',
    'How long the last page took from its first byte to its last.',
  ),
  counter('kube_netc_agent_pages_total', '', 'Pages made.'),
  counter(
    'kube_netc_agent_requests_refused_total',
    '',
    'Requests and connections that were turned away, by reason.',
    ['reason'],
  ),
  counter(
    'kube_netc_agent_log_lines_lost_total',
    '',
    'Lines of the log that were dropped since nobody read it.',
  ),
  gauge('kube_netc_agent_live_sockets', '', 'Open TCP sockets in the table of live sockets.'),
  gauge('kube_netc_agent_live_slots', '', 'Room in the table of live sockets.'),
  gauge('kube_netc_agent_flows', '', 'Flows that the kernel side keeps an account of.'),
  gauge('kube_netc_agent_flows_limit', '', 'Flows that the kernel side has room for.'),
  counter(
    'kube_netc_agent_flows_retired_total',
    '',
    'Flows that were given up after they had been idle for long.',
  ),
  gauge('kube_netc_agent_series', '', 'Connection series of the last page.'),
  gauge('kube_netc_agent_series_budget', '', 'Connection series that a page may have.'),
  gauge(
    'kube_netc_agent_folded_series',
    '',
    'Connections without a series of their own, because the budget is spent.',
  ),
  gauge('kube_netc_agent_edges', '', 'Workload edges with series of their own.'),
  gauge('kube_netc_agent_edges_budget', '', 'Workload edges that may have series of their own.'),
  gauge(
    'kube_netc_agent_folded_edges',
    '',
    'Workload edges that are counted in the edge other, because the budget is spent.',
  ),
  counter('kube_netc_agent_lost_total', '', 'What could not be counted or not be attributed, by reason.', [
    'reason',
  ]),
  gauge('kube_netc_agent_udp_mode', '', 'How UDP is measured: 1 for the mode in use.', ['mode']),
  counter(
    'kube_netc_agent_unknown_owner_bytes_total',
    'bytes',
    'Payload bytes of sockets whose owner is not known.',
  ),
  gauge(
    'kube_netc_agent_unsettled_flows',
    '',
    'Flows of which more may be known in a moment: whose they are, or whom they are with.',
  ),
  gauge('kube_netc_agent_resident_memory_bytes', 'bytes', 'Memory of the agent that is in RAM.'),
  counter('kube_netc_agent_cpu_seconds_total', 'seconds', 'CPU time of the agent, user and system.'),
  gauge(
    'kube_netc_agent_event_loop_lag_max_seconds',
    'seconds',
    'The longest time that the event loop was held since the page before.',
  ),
]);

export const API = table(
  { group: 'agent', since: '0.1.0', stability: 'experimental', labels: ['resource'] },
  [
    gauge(
      'kube_netc_agent_api_synced',
      '',
      'Whether all objects of the resource have been read from the API server (1), or not yet (0).',
    ),
    gauge('kube_netc_agent_api_objects', '', 'Objects of the resource that are known.'),
    gauge(
      'kube_netc_agent_api_silence_seconds',
      'seconds',
      'Time since the API server last said anything of the resource.',
    ),
    counter('kube_netc_agent_api_lists_total', '', 'Complete lists of the resource that were read.'),
    counter('kube_netc_agent_api_watches_total', '', 'Watches of the resource that were begun again.'),
    counter('kube_netc_agent_api_errors_total', '', 'What went wrong with the API server, by kind.', [
      'resource',
      'kind',
    ]),
    counter('kube_netc_agent_api_requests_total', '', 'Requests to the API server.'),
    counter(
      'kube_netc_agent_api_received_bytes_total',
      'bytes',
      'Bytes of answers of the API server, without headers.',
    ),
  ],
);

const AUDIT_LABELS = ['netns', 'counter'] as const;

export const AUDIT = table(
  { group: 'agent', since: '0.1.0', stability: 'experimental', labels: AUDIT_LABELS },
  [
    gauge(
      'kube_netc_agent_audit_kernel',
      '',
      'Segments or datagrams that the kernel itself counts in the namespace.',
    ),
    gauge(
      'kube_netc_agent_audit_accounted',
      '',
      'Segments or datagrams of connections that the agent has accounted for.',
    ),
    gauge(
      'kube_netc_agent_audit_explained',
      '',
      'Segments or datagrams that belong to no connection, by cause.',
      [...AUDIT_LABELS, 'cause'],
    ),
    gauge(
      'kube_netc_agent_audit_unexplained',
      '',
      'Segments or datagrams that the kernel counts and nothing accounts for.',
    ),
  ],
);
