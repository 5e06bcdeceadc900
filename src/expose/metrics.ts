/** What a metric is called and means. This table is the one truth: pages, reference and dashboards come from it. */
export interface Metric<Name extends string = string> {
  readonly name: Name;
  readonly type: 'gauge' | 'counter' | 'info';
  /** Base unit, also the end of the name (before `_total`) where the name is ours; '' for plain numbers. */
  readonly unit: '' | 'bytes' | 'seconds';
  readonly group: Group;
  readonly labels: readonly string[];
  /** One full sentence. */
  readonly help: string;
  readonly stability: 'stable' | 'experimental';
}

export const GROUPS = ['connections', 'workloads', 'agent'] as const;
/** What `collect[]` of a request picks. */
export type Group = (typeof GROUPS)[number];

/** The sixteen labels of kube-netc's first version, in its order. */
export const CONNECTION_LABELS = [
  'name',
  'component',
  'instance',
  'version',
  'part_of',
  'managed_by',
  'source_address',
  'destination_address',
  'source_name',
  'destination_name',
  'source_kind',
  'destination_kind',
  'source_namespace',
  'destination_namespace',
  'source_node',
  'destination_node',
] as const;

/** The labels of a workload edge: source is the client, destination the server, reporter the end that tells it. */
export const EDGE_LABELS = [
  'reporter',
  'source_workload',
  'source_kind',
  'source_namespace',
  'destination_workload',
  'destination_kind',
  'destination_namespace',
  'destination_service',
  'destination_port',
  'protocol',
  'scope',
] as const;

const FAILURE_LABELS = [...EDGE_LABELS, 'reason'] as const;
const AUDIT_LABELS = ['netns', 'counter'] as const;

type Row<Name extends string> = Pick<Metric<Name>, 'name' | 'type' | 'unit' | 'help'> & {
  labels?: readonly string[];
};
type Unit = Metric['unit'];

function gauge<N extends string>(name: N, unit: Unit, help: string, labels: readonly string[] = []): Row<N> {
  return { name, type: 'gauge', unit, help, labels };
}

function counter<N extends string>(
  name: N,
  unit: Unit,
  help: string,
  labels: readonly string[] = [],
): Row<N> {
  return { name, type: 'counter', unit, help, labels };
}

function info<N extends string>(name: N, help: string, labels: readonly string[]): Row<N> {
  return { name, type: 'info', unit: '', help, labels };
}

/** Rows of one group; `labels` for those that name none of their own. */
function table<N extends string>(
  group: Group,
  stability: Metric['stability'],
  labels: readonly string[],
  rows: readonly Row<N>[],
): Metric<N>[] {
  return rows.map((row) => ({ ...row, group, stability, labels: row.labels?.length ? row.labels : labels }));
}

const CONNECTIONS = table('connections', 'stable', CONNECTION_LABELS, [
  gauge('bytes_sent', 'bytes', 'Payload bytes the source has sent to the destination.'),
  gauge('bytes_recv', 'bytes', 'Payload bytes the source has received from the destination.'),
  gauge('bytes_sent_per_second', 'bytes', 'Payload bytes a second the source sends to the destination.'),
  gauge('bytes_recv_per_second', 'bytes', 'Payload bytes a second the source receives from the destination.'),
  gauge('active_connections', '', 'Connections that are open between the source and the destination.'),
]);

const WORKLOADS = table('workloads', 'experimental', EDGE_LABELS, [
  counter('kube_netc_sent_bytes_total', 'bytes', 'Payload bytes from the client to the server.'),
  counter('kube_netc_received_bytes_total', 'bytes', 'Payload bytes from the server to the client.'),
  counter('kube_netc_connections_opened_total', '', 'Connections that were established.'),
  counter('kube_netc_connections_closed_total', '', 'Established connections that have ended.'),
  gauge('kube_netc_connections_active', '', 'Connections that are open.'),
  counter(
    'kube_netc_connect_failures_total',
    '',
    'Connection attempts that did not end in a connection, by reason.',
    FAILURE_LABELS,
  ),
  counter('kube_netc_resets_total', '', 'Established connections that a reset ended.'),
  counter(
    'kube_netc_retransmitted_segments_total',
    '',
    'TCP segments that the reporting end has sent again.',
  ),
  counter(
    'kube_netc_retransmitted_bytes_total',
    'bytes',
    'Payload bytes that the reporting end has sent again.',
  ),
  gauge(
    'kube_netc_rtt_seconds',
    'seconds',
    'Smoothed round-trip time of the open connections, weighted by their bytes.',
  ),
]);

const AGENT = table(
  'agent',
  'stable',
  [],
  [
    info(
      'kube_netc_agent_build_info',
      'What runs here: versions of the agent, of libbpf and of the kernel.',
      ['version', 'libbpf', 'kernel', 'nodejs'],
    ),
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
  ],
);

const API = table(
  'agent',
  'experimental',
  ['resource'],
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

const AUDIT = table('agent', 'experimental', AUDIT_LABELS, [
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
]);

/** Every metric there is, in the order of the page. */
export const METRICS = [...CONNECTIONS, ...WORKLOADS, ...AGENT, ...API, ...AUDIT] as const;

/** The name of any metric of the table. */
export type MetricName = (typeof METRICS)[number]['name'];
