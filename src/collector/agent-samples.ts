import type { Sample } from './samples.ts';

/** What the agent knows of itself, gathered where it is known. */
export interface AgentReadings {
  readonly build: {
    readonly version: string;
    readonly libbpf: string;
    readonly kernel: string;
    readonly node: string;
  };
  readonly startTimeSeconds: number;
  readonly probes: readonly {
    readonly name: string;
    readonly attached: boolean;
    readonly runSeconds: number;
    readonly runs: number;
  }[];
  readonly snapshot: {
    readonly seconds: number;
    readonly count: number;
    readonly cpuSeconds: number;
    readonly longestHoldSeconds: number;
  };
  readonly page: { readonly seconds: number; readonly count: number };
  /** Requests and connections that were turned away, by reason. */
  readonly refused: Readonly<Record<string, number>>;
  readonly logLinesLost: number;
  readonly liveSockets: number;
  readonly liveSlots: number;
  readonly flows: number;
  readonly flowsLimit: number;
  readonly flowsRetired: number;
  readonly series: number;
  readonly seriesBudget: number;
  readonly foldedSeries: number;
  readonly edges: { readonly edges: number; readonly budget: number; readonly folded: number };
  /** By reason. */
  readonly lost: Readonly<Record<string, number>>;
  readonly udpMode: string;
  readonly unknownOwnerBytes: number;
  readonly unsettledFlows: number;
  readonly residentBytes: number;
  readonly cpuSeconds: number;
  readonly eventLoopLagSeconds: number;
}

const UDP_MODES = ['fentry', 'tracepoint', 'off'];

/** The samples of the group `agent`. */
export function agentSamples(of: AgentReadings): Sample[] {
  const { build } = of;
  return [
    {
      metric: 'kube_netc_agent_build_info',
      labels: [build.version, build.libbpf, build.kernel, build.node],
      value: 1,
    },
    plain('kube_netc_agent_start_time_seconds', of.startTimeSeconds),
    ...of.probes.flatMap(probeSamples),
    plain('kube_netc_agent_snapshot_seconds', of.snapshot.seconds),
    plain('kube_netc_agent_snapshots_total', of.snapshot.count),
    plain('kube_netc_agent_snapshot_cpu_seconds_total', of.snapshot.cpuSeconds),
    plain('kube_netc_agent_longest_hold_seconds', of.snapshot.longestHoldSeconds),
    plain('kube_netc_agent_page_seconds', of.page.seconds),
    plain('kube_netc_agent_pages_total', of.page.count),
    ...byReason('kube_netc_agent_requests_refused_total', of.refused),
    plain('kube_netc_agent_log_lines_lost_total', of.logLinesLost),
    plain('kube_netc_agent_live_sockets', of.liveSockets),
    plain('kube_netc_agent_live_slots', of.liveSlots),
    plain('kube_netc_agent_flows', of.flows),
    plain('kube_netc_agent_flows_limit', of.flowsLimit),
    plain('kube_netc_agent_flows_retired_total', of.flowsRetired),
    ...budgetSamples(of),
    ...byReason('kube_netc_agent_lost_total', of.lost),
    ...UDP_MODES.map((mode): Sample => {
      return { metric: 'kube_netc_agent_udp_mode', labels: [mode], value: mode === of.udpMode ? 1 : 0 };
    }),
    plain('kube_netc_agent_unknown_owner_bytes_total', of.unknownOwnerBytes),
    plain('kube_netc_agent_unsettled_flows', of.unsettledFlows),
    plain('kube_netc_agent_resident_memory_bytes', of.residentBytes),
    plain('kube_netc_agent_cpu_seconds_total', of.cpuSeconds),
    plain('kube_netc_agent_event_loop_lag_max_seconds', of.eventLoopLagSeconds),
  ];
}

function plain(metric: Sample['metric'], value: number): Sample {
  return { metric, labels: [], value };
}

function byReason(metric: Sample['metric'], counts: Readonly<Record<string, number>>): Sample[] {
  return Object.entries(counts).map(([reason, value]) => ({ metric, labels: [reason], value }));
}

function budgetSamples(of: AgentReadings): Sample[] {
  return [
    plain('kube_netc_agent_series', of.series),
    plain('kube_netc_agent_series_budget', of.seriesBudget),
    plain('kube_netc_agent_folded_series', of.foldedSeries),
    plain('kube_netc_agent_edges', of.edges.edges),
    plain('kube_netc_agent_edges_budget', of.edges.budget),
    plain('kube_netc_agent_folded_edges', of.edges.folded),
  ];
}

function probeSamples(probe: AgentReadings['probes'][number]): Sample[] {
  return [
    { metric: 'kube_netc_agent_probe_attached', labels: [probe.name], value: probe.attached ? 1 : 0 },
    { metric: 'kube_netc_agent_probe_run_seconds_total', labels: [probe.name], value: probe.runSeconds },
    { metric: 'kube_netc_agent_probe_runs_total', labels: [probe.name], value: probe.runs },
  ];
}
