import { expect, test } from 'vitest';
import { type AgentReadings, agentSamples } from '../../../src/collector/agent-samples.ts';
import { toBlocks } from '../../../src/collector/samples.ts';
import { METRICS } from '../../../src/expose/metrics.ts';

const READINGS: AgentReadings = {
  build: { version: '1.2.3', libbpf: 'v1.1', kernel: '6.1.0', node: 'v26.0.0' },
  startTimeSeconds: 1,
  probes: [
    { name: 'tcp_state', attached: true, runSeconds: 2, runs: 3 },
    { name: 'boot', attached: false, runSeconds: 0, runs: 0 },
  ],
  snapshot: { seconds: 4, count: 5, cpuSeconds: 6, longestHoldSeconds: 7 },
  page: { seconds: 8, count: 9 },
  refused: { scrapes: 28, idle: 29 },
  logLinesLost: 30,
  liveSockets: 10,
  liveSlots: 11,
  flows: 12,
  flowsLimit: 13,
  flowsRetired: 14,
  series: 15,
  seriesBudget: 16,
  foldedSeries: 17,
  edges: { edges: 25, budget: 26, folded: 27 },
  lost: { slots_full: 18, books_full: 19 },
  udpMode: 'tracepoint',
  unknownOwnerBytes: 20,
  unsettledFlows: 24,
  residentBytes: 21,
  cpuSeconds: 22,
  eventLoopLagSeconds: 23,
};

test('every metric of the agent but those of the audit and the API server is given, once, with the labels of the table', () => {
  const blocks = toBlocks(agentSamples(READINGS));
  const wanted = METRICS.filter(({ group, name }) => group === 'agent' && !/_(audit|api)_/.test(name));
  expect(blocks.map(({ metric }) => metric).toSorted()).toEqual(wanted.map(({ name }) => name).toSorted());
  for (const { metric, labels, values, count } of blocks) {
    const names = wanted.find(({ name }) => name === metric)?.labels ?? [];
    expect([metric, labels.length, values.length]).toEqual([metric, count, count]);
    for (const { values: texts } of labels) expect([metric, texts.length]).toEqual([metric, names.length]);
    expect(new Set(labels.map(({ values: texts }) => texts.join())).size).toBe(count);
  }
});

test('each number stands where it belongs', () => {
  const samples = agentSamples(READINGS).map(({ metric, labels, value }) => [
    [metric.replace('kube_netc_agent_', ''), ...labels].join(' '),
    value,
  ]);
  expect(Object.fromEntries(samples)).toEqual({
    'build_info 1.2.3 v1.1 6.1.0 v26.0.0': 1,
    start_time_seconds: 1,
    'probe_attached tcp_state': 1,
    'probe_run_seconds_total tcp_state': 2,
    'probe_runs_total tcp_state': 3,
    'probe_attached boot': 0,
    'probe_run_seconds_total boot': 0,
    'probe_runs_total boot': 0,
    snapshot_seconds: 4,
    snapshots_total: 5,
    snapshot_cpu_seconds_total: 6,
    longest_hold_seconds: 7,
    page_seconds: 8,
    pages_total: 9,
    'requests_refused_total scrapes': 28,
    'requests_refused_total idle': 29,
    log_lines_lost_total: 30,
    live_sockets: 10,
    live_slots: 11,
    flows: 12,
    flows_limit: 13,
    flows_retired_total: 14,
    series: 15,
    series_budget: 16,
    folded_series: 17,
    edges: 25,
    edges_budget: 26,
    folded_edges: 27,
    'lost_total slots_full': 18,
    'lost_total books_full': 19,
    'udp_mode fentry': 0,
    'udp_mode tracepoint': 1,
    'udp_mode off': 0,
    unknown_owner_bytes_total: 20,
    unsettled_flows: 24,
    resident_memory_bytes: 21,
    cpu_seconds_total: 22,
    event_loop_lag_max_seconds: 23,
  });
});
