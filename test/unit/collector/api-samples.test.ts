import { expect, test } from 'vitest';
import { apiSamples } from '../../../src/collector/api-samples.ts';
import { toBlocks } from '../../../src/collector/samples.ts';
import { METRICS } from '../../../src/expose/metrics.ts';

const PODS = {
  resource: 'pods',
  watch: { synced: true, objects: 1, silenceSeconds: 2, lists: 3, restarts: 4 },
  errors: new Map([['gone', 5]]),
  requests: 6,
  receivedBytes: 7,
};

test('a resource that is watched has every metric of the API server, each number where it belongs', () => {
  const samples = apiSamples([PODS]);
  const wanted = METRICS.filter(({ name }) => name.includes('_api_'));
  expect(samples.map(({ metric }) => metric).toSorted()).toEqual(wanted.map(({ name }) => name).toSorted());
  expect(
    Object.fromEntries(
      samples.map(({ metric, labels, value }) => [`${metric.slice(20)} ${labels.join()}`, value]),
    ),
  ).toEqual({
    'synced pods': 1,
    'objects pods': 1,
    'silence_seconds pods': 2,
    'lists_total pods': 3,
    'watches_total pods': 4,
    'errors_total pods,gone': 5,
    'requests_total pods': 6,
    'received_bytes_total pods': 7,
  });
  for (const { metric, labels } of toBlocks(samples))
    for (const { values } of labels)
      expect(values).toHaveLength(METRICS.find(({ name }) => name === metric)?.labels.length ?? NaN);
});

test('a resource that is only asked for has its requests, bytes and errors', () => {
  const owners = { ...PODS, resource: 'replicasets.apps', watch: null, errors: new Map() };
  expect(apiSamples([owners]).map(({ value }) => value)).toEqual([6, 7]);
});

test('a server that has said nothing yet has no time of silence', () => {
  const silent = { ...PODS, watch: { ...PODS.watch, synced: false, silenceSeconds: null } };
  const names = apiSamples([silent]).map(({ metric }) => metric);
  expect(names).not.toContain('kube_netc_agent_api_silence_seconds');
  expect(apiSamples([silent])[0]?.value).toBe(0);
});

test('without a cluster there is nothing of it', () => {
  expect(apiSamples([])).toEqual([]);
});
