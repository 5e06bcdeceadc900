import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { expect, test } from 'vitest';
import { canonicalAddress, parseAddress } from '../../../src/util/address.ts';

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['0.0.0.0', '0.0.0.0'],
  ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
  ['::', '::'],
  ['::1', '::1'],
  ['1::', '1::'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['::ffff:c000:201', '192.0.2.1'],
  ['64:ff9b::192.0.2.1', '64:ff9b::c000:201'],
  ['1:2:3:4:5:6:192.0.2.1', '1:2:3:4:5:6:c000:201'],
])('%s is %s', (text, canonical) => {
  expect(canonicalAddress(text)).toBe(canonical);
});

test.each([
  '',
  'localhost',
  '192.0.2',
  '192.0.2.01',
  '0300.0.2.1',
  '192.0.2.256',
  'fe80::1%eth0',
  '1::2::3',
  '[::1]',
  ' ::1',
])('%j is no address', (text) => {
  expect(canonicalAddress(text)).toBeNull();
  expect(parseAddress(text)).toBeNull();
});

test('any IPv6 address has the words that ipaddr.js says', () => {
  fc.assert(
    fc.property(fc.ipV6(), (text) => {
      fc.pre(!/^::\d+\./.test(text)); // ipaddr.js takes "::192.0.2.1" for a v4-mapped address
      const bytes = ipaddr.IPv6.parse(text).toByteArray();
      const view = new DataView(Uint8Array.from(bytes).buffer);
      expect(parseAddress(text)).toEqual([0, 4, 8, 12].map((at) => view.getUint32(at)));
      const canonical = canonicalAddress(text) ?? '';
      expect(canonicalAddress(canonical)).toBe(canonical);
    }),
  );
});
