import { describe, expect, test } from 'vitest';
import { edgeLabels, networks } from '../../../src/cli/edge-flags.ts';
import { EDGE_LABELS } from '../../../src/expose/metrics.ts';

describe('--edge-labels', () => {
  test('that names labels keeps these alone, and the reporter', () => {
    const dropped = edgeLabels('scope, protocol');
    expect(EDGE_LABELS.filter((label) => !dropped.has(label))).toEqual(['reporter', 'protocol', 'scope']);
  });

  test('with a minus drops labels', () => {
    expect(edgeLabels('-source_kind,-destination_port')).toEqual(
      new Set(['source_kind', 'destination_port']),
    );
  });

  test.each([
    ['', '"" is no label of edges; these are reporter, source_workload, '],
    ['port', '"port" is no label'],
    ['-port', '"port" is no label'],
    ['scope,-protocol', 'It must name labels to keep, or labels to drop'],
    ['-reporter', 'The label reporter cannot be dropped.'],
  ])('%j is told off', (text, says) => {
    expect(() => edgeLabels(text)).toThrow(says);
  });
});

describe('--network', () => {
  test('takes names with CIDRs, more than once, and several in one', () => {
    const first = networks('office=10.1.0.0/16,fd00:1::/32');
    const all = networks('vpc-1=10.2.0.0/16 vpc-2=10.3.0.7', first);
    expect(all.map(({ name, cidrs }) => [name, ...cidrs.map(({ prefix }) => prefix)])).toEqual([
      ['office', 112, 32],
      ['vpc-1', 112],
      ['vpc-2', 128],
    ]);
    expect(all[1]?.cidrs[0]?.words).toEqual([0, 0, 0xffff, 0x0a020000]);
  });

  const many = Array.from({ length: 65 }, (_, i) => `n${i}=10.0.0.${i}`).join(' ');
  test.each([
    ['', 'It must be name=cidr[,cidr...].'],
    ['10.0.0.0/8', '"10.0.0.0/8" is not name=cidr'],
    ['office=', '"office=" is not name=cidr'],
    ['=10.0.0.0/8', '"" is no name'],
    ['of"fice=10.0.0.0/8', 'is no name'],
    ['-office=10.0.0.0/8', 'is no name'],
    [`${'a'.repeat(64)}=10.0.0.0/8`, 'is no name'],
    ['internet=10.0.0.0/8', '"internet" is a scope already'],
    ['same_zone=10.0.0.0/8', 'is a scope already'],
    ['other=10.0.0.0/8', 'is a scope already'],
    ['office=10.0.0/8', '"10.0.0/8" is no CIDR'],
    ['office=10.0.0.0/33', 'is no CIDR'],
    ['office=fd00::/129', 'is no CIDR'],
    ['office=10.0.0.0/', 'is no CIDR'],
    ['office=10.0.0.0/8/8', 'is no CIDR'],
    ['office=10.0.0.0/8,', '"" is no CIDR'],
    ['office=localhost', 'is no CIDR'],
    ['office=10.0.0.1/8', '"10.0.0.1/8" has bits of its address beyond its prefix'],
    ['office=fd00::1/64', 'beyond its prefix'],
    ['a=10.0.0.0/8 b=::ffff:10.0.0.0/104', '"b" has a CIDR that "a" has already'],
    [many, 'It may have 64 names'],
  ])('%j is told off', (text, says) => {
    expect(() => networks(text)).toThrow(says);
  });
});
