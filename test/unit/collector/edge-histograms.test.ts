import { describe, expect, it } from 'vitest';
import { METRICS } from '../../../src/expose/metrics.ts';
import { DISTRIBUTIONS } from '../../../src/tracker/flow-distributions.ts';

describe('the histograms of edges', () => {
  it.each([
    ['kube_netc_edge_connect_duration_seconds', 'connect'],
    ['kube_netc_edge_connection_duration_seconds', 'duration'],
    ['kube_netc_edge_min_rtt_seconds', 'rtt'],
  ] as const)('have on the page (%s) the buckets that the kernel fills (%s)', (name, distribution) => {
    const metric = METRICS.find((row) => row.name === name);
    expect(metric?.shape).toMatchObject(DISTRIBUTIONS[distribution]);
  });

  it('are all of the table', () => {
    expect(METRICS.filter(({ type }) => type === 'histogram')).toHaveLength(
      Object.keys(DISTRIBUTIONS).length,
    );
  });
});
