import { expect, test } from 'vitest';
import { METRICS } from '../../../src/expose/metrics.ts';
import { whyUnknown } from '../../../src/expose/series-name.ts';

const RTT = 'kube_netc_edge_min_rtt_seconds';

test('every metric is known by its name, with its labels and those of the scrape', () => {
  for (const { name, labels } of METRICS) {
    expect(whyUnknown(name)).toBeNull();
    expect(whyUnknown(name, [...labels, 'job', 'instance'])).toBeNull();
  }
});

test.each([
  [RTT, ['scope'], null],
  [`${RTT}_bucket`, ['le', 'scope'], null],
  [`${RTT}_sum`, ['scope'], null],
  [`${RTT}_count`, ['scope'], null],
  [`${RTT}_sum`, ['le'], `${RTT}_sum has no label le`],
  [`${RTT}_total`, [], `no metric of the table is called ${RTT}_total`],
  ['bytes_sent_bucket', [], 'no metric of the table is called bytes_sent_bucket'],
  ['bytes_sent', ['scope', 'source_name', 'zone'], 'bytes_sent has no label scope, zone'],
  ['toString', [], 'no metric of the table is called toString'],
])('%s with %j: %s', (name, labels, expected) => {
  expect(whyUnknown(name, labels)).toBe(expected);
});

test('what else the scrape adds is told by the caller', () => {
  expect(whyUnknown('bytes_sent', ['pod'])).toBe('bytes_sent has no label pod');
  expect(whyUnknown('bytes_sent', ['pod'], ['pod'])).toBeNull();
});
