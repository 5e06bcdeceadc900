import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { describe, expect, test } from 'vitest';
import {
  formatAddress,
  formatAddressBytes,
  formatEndpoint,
  formatV4,
  isWildcard,
} from '../../../src/util/ip.ts';

function bytesOf(text: string): Uint8Array {
  const address = ipaddr.parse(text);
  const v6 =
    address.kind() === 'ipv4' ? (address as ipaddr.IPv4).toIPv4MappedAddress() : (address as ipaddr.IPv6);
  return Uint8Array.from(v6.toByteArray());
}

/** Bytes with many zero groups, so that "::" is met in every place. */
const sixteenBytes = fc
  .array(fc.oneof(fc.constant(0), fc.constant(0), fc.integer({ min: 0, max: 0xffff })), {
    minLength: 8,
    maxLength: 8,
  })
  .map((groups) => Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 255])));

describe('an address as text', () => {
  test.each([
    '0.0.0.0',
    '127.0.0.1',
    '255.255.255.255',
    '192.0.2.1',
    '::',
    '::1',
    '1::',
    '2001:db8::1',
    '2001:db8:0:1:1:1:1:1', // one zero group stays
    '2001:0:0:1::1', // the longest run is shortened
    '2001:db8::1:0:0:1', // of equal runs the first
    'fe80::ff:fe00:abcd',
    '64:ff9b::c000:201',
    '1:2:3:4:5:6:7:8',
    '1:2:3:4:5:6::',
    '::3:4:5:6:7:8',
  ])('%s is written as RFC 5952 writes it', (text) => {
    expect(formatAddressBytes(bytesOf(text))).toBe(text);
  });

  test('a v4-mapped address is shown as IPv4, a v4-compatible one is not', () => {
    expect(formatAddressBytes(bytesOf('::ffff:192.0.2.1'))).toBe('192.0.2.1');
    expect(formatAddress(0, 0, 0, 0xc0000201)).toBe('::c000:201');
    expect(formatAddress(0, 0, 0xffff, 0x7fffffff)).toBe('127.255.255.255');
  });

  test('is what ipaddr.js says, for any 16 bytes', () => {
    fc.assert(
      fc.property(sixteenBytes, (bytes) => {
        const oracle = new ipaddr.IPv6([...bytes]);
        const expected = oracle.isIPv4MappedAddress()
          ? oracle.toIPv4Address().toString()
          : oracle.toRFC5952String();
        expect(formatAddressBytes(bytes)).toBe(expected);
      }),
      { numRuns: 2000 },
    );
  });

  test('signed and unsigned words mean the same', () => {
    fc.assert(
      fc.property(fc.array(fc.integer(), { minLength: 4, maxLength: 4 }), ([a = 0, b = 0, c = 0, d = 0]) => {
        expect(formatAddress(a >>> 0, b >>> 0, c >>> 0, d >>> 0)).toBe(formatAddress(a, b, c, d));
        expect(formatV4(a >>> 0)).toBe(formatV4(a));
      }),
    );
  });

  test('is read at its offset', () => {
    const bytes = new Uint8Array(20);
    bytes.set(bytesOf('198.51.100.7'), 3);
    expect(formatAddressBytes(bytes, 3)).toBe('198.51.100.7');
  });
});

test('the wildcard is known in both forms', () => {
  expect(isWildcard(0, 0, 0, 0)).toBe(true);
  expect(isWildcard(0, 0, 0xffff, 0)).toBe(true);
  expect(isWildcard(0, 0, 0, 1)).toBe(false);
  expect(isWildcard(0, 0, 0xffff, 0x7f000001)).toBe(false);
  expect(isWildcard(0x80000000 | 0, 0, 0, 0)).toBe(false);
});

test('an endpoint puts IPv6 in brackets', () => {
  expect(formatEndpoint('192.0.2.1', 80)).toBe('192.0.2.1:80');
  expect(formatEndpoint('2001:db8::1', 80)).toBe('[2001:db8::1]:80');
  expect(formatEndpoint('::', 65535)).toBe('[::]:65535');
});
