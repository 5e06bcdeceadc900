import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { expect, test } from 'vitest';
import { NodePrefixes } from '../../../../src/cluster/directory/node-prefixes.ts';

test('an address is in a range until every node that has it is gone', () => {
  const prefixes = new NodePrefixes();
  prefixes.add('10.1.2.0/24');
  prefixes.add('10.1.2.0/24');
  prefixes.add('fd00:1:2::/64');
  expect(
    ['10.1.2.255', '10.1.3.0', 'fd00:1:2::ffff', 'fd00:1:3::1'].map((text) => prefixes.has(text)),
  ).toEqual([true, false, true, false]);
  prefixes.remove('10.1.2.0/24');
  expect(prefixes.has('10.1.2.1')).toBe(true);
  prefixes.remove('10.1.2.0/24');
  prefixes.remove('10.1.2.0/24');
  expect(prefixes.has('10.1.2.1')).toBe(false);
});

test.each(['', '10.0.0.0', '10.0.0.0/33', '10.0.0.0/-1', '10.0.0.0/a', 'fd00::/129', '/8', 'a/8'])(
  '%j is no range',
  (text) => {
    const prefixes = new NodePrefixes();
    prefixes.add(text);
    expect(['10.0.0.1', 'fd00::1', '::1'].some((address) => prefixes.has(address))).toBe(false);
  },
);

test('any range holds the addresses that ipaddr.js says it holds', () => {
  const v4 = fc.ipV4();
  const near = fc.tuple(v4, fc.nat(32), fc.nat(32)).map(([text, bits, flip]) => {
    const bytes = ipaddr.IPv4.parse(text).toByteArray();
    const at = Math.min(flip, 31);
    bytes[at >> 3] = (bytes[at >> 3] ?? 0) ^ (128 >> (at & 7));
    return { text, bits, other: bytes.join('.') };
  });
  fc.assert(
    fc.property(near, ({ text, bits, other }) => {
      const prefixes = new NodePrefixes();
      prefixes.add(`${text}/${bits}`);
      expect(prefixes.has(other)).toBe(ipaddr.IPv4.parse(other).match(ipaddr.IPv4.parse(text), bits));
      expect(prefixes.has(`::ffff:${other}`)).toBe(prefixes.has(other));
    }),
  );
});
