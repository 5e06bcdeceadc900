import { AGENT, API, AUDIT } from './agent-metrics.ts';
import { counter, gauge, histogram, type HistogramShape, table } from './metric.ts';

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

const CONNECTIONS = table(
  { group: 'connections', since: '0.1.0', stability: 'stable', labels: CONNECTION_LABELS },
  [
    gauge('bytes_sent', 'bytes', 'Payload bytes the source has sent to the destination.'),
    gauge('bytes_recv', 'bytes', 'Payload bytes the source has received from the destination.'),
    gauge('bytes_sent_per_second', 'bytes', 'Payload bytes a second the source sends to the destination.'),
    gauge(
      'bytes_recv_per_second',
      'bytes',
      'Payload bytes a second the source receives from the destination.',
    ),
    gauge('active_connections', '', 'Connections that are open between the source and the destination.'),
  ],
);

/** Which way the data goes: to_server or to_client. */
const DIRECTION_LABELS = [...EDGE_LABELS, 'direction'] as const;
const LISTENER_LABELS = ['workload', 'kind', 'namespace', 'port'] as const;

const EDGES = table(
  { group: 'workloads', since: '0.1.0', stability: 'experimental', labels: DIRECTION_LABELS },
  [
    counter('kube_netc_edge_bytes_total', 'bytes', 'Payload bytes, by direction.'),
    counter(
      'kube_netc_edge_segments_total',
      '',
      'TCP segments without those sent again, and UDP datagrams, by direction.',
    ),
    counter(
      'kube_netc_edge_retransmitted_segments_total',
      '',
      'TCP segments that the reporting end has sent again.',
    ),
    counter(
      'kube_netc_edge_retransmitted_bytes_total',
      'bytes',
      'Payload bytes that the reporting end has sent again.',
    ),
    counter(
      'kube_netc_edge_busy_seconds_total',
      'seconds',
      'Time in which the reporting end had data under way that was not acknowledged yet.',
    ),
    counter(
      'kube_netc_edge_limited_seconds_total',
      'seconds',
      'Busy time by what held the data up: the receiver, the send buffer, or congestion, which is the rest.',
      [...DIRECTION_LABELS, 'by'],
    ),
  ],
);

/**
 * Powers of the classic buckets: 0.24, 0.98, 3.9, 15.6 and 125 ms, 1 and 4 s. A SYN that was lost once is sent again
 * after 1 s, one lost twice after 3 s: these stand in buckets of their own.
 */
const CONNECT: HistogramShape = {
  schema: 1,
  lowestPower: -18,
  buckets: 53,
  classicPowers: [-12, -10, -8, -6, -3, 0, 2],
};
/** 0.12, 0.49, 1.95, 7.8, 31, 125 and 500 ms: the machine itself, the zone, the region, the continent, the world, worse. */
const MIN_RTT: HistogramShape = {
  schema: 1,
  lowestPower: -18,
  buckets: 49,
  classicPowers: [-13, -11, -9, -7, -5, -3, -1],
};
/** 7.8 and 125 ms, 1 s, 16 s, 2 min, 68 min and 18 h. */
const DURATION: HistogramShape = {
  schema: 0,
  lowestPower: -14,
  buckets: 41,
  classicPowers: [-7, -3, 0, 4, 7, 12, 16],
};

const EDGE_CONNECTIONS = table(
  { group: 'workloads', since: '0.1.0', stability: 'experimental', labels: EDGE_LABELS },
  [
    counter('kube_netc_edge_connections_opened_total', '', 'Connections that were established.'),
    counter('kube_netc_edge_connections_closed_total', '', 'Established connections that have ended.'),
    gauge('kube_netc_edge_connections_active', '', 'Connections that are open.'),
    counter(
      'kube_netc_edge_connect_failures_total',
      '',
      'Connection attempts that did not end in a connection, by reason.',
      FAILURE_LABELS,
    ),
    counter('kube_netc_edge_resets_total', '', 'Established connections that a reset ended.'),
    gauge(
      'kube_netc_edge_smoothed_rtt_seconds',
      'seconds',
      'Smoothed round-trip time of the open connections, weighted by their bytes.',
    ),
    histogram(
      'kube_netc_edge_connect_duration_seconds',
      'Time from the first SYN until the connection was established, as the client saw it.',
      CONNECT,
    ),
    histogram(
      'kube_netc_edge_connection_duration_seconds',
      'How long closed connections had been established.',
      DURATION,
    ),
    histogram(
      'kube_netc_edge_min_rtt_seconds',
      'The least round-trip time of each closed connection.',
      MIN_RTT,
    ),
  ],
);

const LISTENERS = table(
  { group: 'workloads', since: '0.1.0', stability: 'experimental', labels: LISTENER_LABELS },
  [
    gauge('kube_netc_listener_backlog', '', 'Connections that wait for the program to accept them.'),
    gauge(
      'kube_netc_listener_backlog_limit',
      '',
      'Connections that may wait for the program to accept them.',
    ),
    counter(
      'kube_netc_listener_drops_total',
      '',
      'Handshakes that the listener dropped, because too many connections waited or memory was short.',
    ),
  ],
);

/** Every metric there is, in the order of the page. It is the one truth: pages, reference and dashboards come from it. */
export const METRICS = [
  ...CONNECTIONS,
  ...EDGES,
  ...EDGE_CONNECTIONS,
  ...LISTENERS,
  ...AGENT,
  ...API,
  ...AUDIT,
] as const;

/** The name of any metric of the table. */
export type MetricName = (typeof METRICS)[number]['name'];
