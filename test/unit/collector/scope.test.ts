import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { describe, expect, test } from 'vitest';
import { type Scope, scopeOf } from '../../../src/collector/scope.ts';

/** An address as 16 bytes, IPv4 v4-mapped. */
function bytesOf(text: string): Uint8Array {
  const address = ipaddr.parse(text);
  const v6 = address.kind() === 'ipv4' ? (address as ipaddr.IPv4).toIPv4MappedAddress() : address;
  return Uint8Array.from(v6.toByteArray());
}

describe('the scope of', () => {
  test.each<[string, Scope]>([
    ['127.0.0.1', 'loopback'],
    ['127.255.255.255', 'loopback'],
    ['::1', 'loopback'],
    ['0.0.0.0', 'unknown'],
    ['::', 'unknown'],
    ['10.255.0.1', 'private'],
    ['172.15.255.255', 'internet'],
    ['172.16.0.0', 'private'],
    ['172.31.255.255', 'private'],
    ['172.32.0.0', 'internet'],
    ['192.168.0.1', 'private'],
    ['192.167.0.1', 'internet'],
    ['100.63.255.255', 'internet'],
    ['100.64.0.0', 'private'],
    ['100.127.255.255', 'private'],
    ['100.128.0.0', 'internet'],
    ['169.254.169.254', 'private'],
    ['169.253.0.1', 'internet'],
    ['224.0.0.251', 'private'],
    ['223.255.255.255', 'internet'],
    ['255.255.255.255', 'private'],
    ['8.8.8.8', 'internet'],
    ['fd00::1', 'private'],
    ['fc00::1', 'private'],
    ['fbff::1', 'internet'],
    ['fe00::1', 'internet'],
    ['fe80::1', 'private'],
    ['febf::1', 'private'],
    ['fec0::1', 'internet'],
    ['ff02::fb', 'private'],
    ['2606:4700::1111', 'internet'],
    ['::2', 'internet'],
    ['::ffff:0:7f00:1', 'internet'],
  ])('%s is %s', (text, scope) => {
    expect(scopeOf(bytesOf(text), 0)).toBe(scope);
  });

  test('any address is what the registries say of its range', () => {
    const scopes: Readonly<Record<string, Scope>> = {
      unspecified: 'unknown',
      loopback: 'loopback',
      private: 'private',
      carrierGradeNat: 'private',
      linkLocal: 'private',
      uniqueLocal: 'private',
      multicast: 'private',
      broadcast: 'private',
    };
    const v4 = fc.uint8Array({ minLength: 4, maxLength: 4 });
    const v6 = fc.uint8Array({ minLength: 16, maxLength: 16 });
    const first = fc.constantFrom(0, 10, 100, 127, 169, 172, 192, 0xfc, 0xfd, 0xfe, 0xff);
    fc.assert(
      fc.property(fc.oneof(v4, v6), fc.option(first), fc.nat(9), (bytes, byte, at) => {
        if (byte !== null) bytes[0] = byte;
        const address = ipaddr.fromByteArray([...bytes]);
        const memory = new Uint8Array(at + 16).fill(0xaa);
        memory.set(bytesOf(address.toString()), at);
        const beyond = bytes.length === 4 && (bytes[0] ?? 0) >= 240; // 240/4, reserved: never leaves the site
        const expected = beyond ? 'private' : (scopes[address.range()] ?? 'internet');
        expect(scopeOf(memory, at)).toBe(expected);
      }),
      { numRuns: 1000 },
    );
  });
});
