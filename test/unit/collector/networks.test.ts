import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { describe, expect, test } from 'vitest';
import { networks } from '../../../src/cli/edge-flags.ts';
import { party, type Party, UNKNOWN } from '../../../src/cluster/identity.ts';
import { Networks } from '../../../src/collector/networks.ts';
import { scopeBetween } from '../../../src/collector/scope.ts';

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** An address as 16 bytes, IPv4 v4-mapped. */
function bytesOf(address: Address): Uint8Array {
  const v6 = address.kind() === 'ipv4' ? (address as ipaddr.IPv4).toIPv4MappedAddress() : address;
  return Uint8Array.from(v6.toByteArray());
}

function nameOf(flags: readonly string[], address: string): string | null {
  const given = flags.reduce((before, text) => networks(text, before), networks('none=203.0.113.0/24'));
  return new Networks(given).nameOf(bytesOf(ipaddr.parse(address)), 0);
}

describe('the network of an address', () => {
  test.each<[string, string | null]>([
    ['10.1.2.3', 'office'],
    ['10.1.9.1', 'office'],
    ['10.1.2.77', 'printer'],
    ['10.2.0.0', 'vpc'],
    ['11.0.0.1', null],
    ['203.0.113.9', 'none'],
    ['fd00:1::1', 'office'],
    ['fd00:2::1', null],
    ['::ffff:a01:203', 'office'],
    ['192.0.2.1', 'documentation'],
    ['2001:db8::1', null],
  ])('%s is %s', (address, name) => {
    const flags = ['vpc=10.0.0.0/8', 'office=10.1.0.0/16,fd00:1::/32 printer=10.1.2.77'];
    expect(nameOf([...flags, 'documentation=::ffff:192.0.2.0/120'], address)).toBe(name);
  });

  test('of all IPv6 is none of IPv4, and the other way round', () => {
    expect(nameOf(['six=::/0'], '10.0.0.1')).toBe(null);
    expect(nameOf(['six=::/0'], '2001:db8::1')).toBe('six');
    expect(nameOf(['four=0.0.0.0/0'], '2001:db8::1')).toBe(null);
    expect(nameOf(['four=0.0.0.0/0'], '10.0.0.1')).toBe('four');
  });

  const v4 = fc.uint8Array({ minLength: 4, maxLength: 4 });
  const v6 = fc.uint8Array({ minLength: 16, maxLength: 16 });
  /** A base of few bits, so that prefixes meet. */
  const base = fc.oneof(v4, v6).map((bytes) => bytes.map((byte, i) => (i < 2 ? byte & 0x81 : byte & 0x03)));
  const cidr = fc.tuple(base, fc.nat(128)).map(([bytes, bits]): [Address, number] => {
    const length = bits % (bytes.length * 8 + 1);
    const masked = bytes.map((byte, i) => byte & (0xff00 >> Math.min(8, Math.max(0, length - i * 8))));
    return [ipaddr.fromByteArray([...masked]), length];
  });

  test('is that of the longest prefix which ipaddr.js matches', () => {
    const distinct = fc.uniqueArray(cidr, {
      maxLength: 12,
      selector: ([address, length]) =>
        `${bytesOf(address).join()}/${length + (address.kind() === 'ipv4' ? 96 : 0)}`,
    });
    fc.assert(
      fc.property(distinct, base, (cidrs, bytes) => {
        const address = ipaddr.process(ipaddr.fromByteArray([...bytes]).toString());
        const mapped = cidrs.map(
          ([from]) => from.kind() === 'ipv6' && (from as ipaddr.IPv6).isIPv4MappedAddress(),
        );
        fc.pre(!mapped.includes(true));
        const given = cidrs.flatMap(([from, length], i) => networks(`net-${i}=${from.toString()}/${length}`));
        const fitting = cidrs
          .map(([from, length], i) => ({ name: `net-${i}`, from, length }))
          .filter(({ from, length }) => from.kind() === address.kind() && address.match(from, length))
          .toSorted((a, b) => b.length - a.length);
        expect(new Networks(given).nameOf(bytesOf(address), 0)).toBe(fitting[0]?.name ?? null);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('the scope between', () => {
  const pod = (of: Partial<Party>): Party => party({ kind: 'pod', name: 'p', inCluster: true, ...of });
  const here = pod({ node: 'a', zone: 'z1' });
  const given = new Networks(networks('office=10.0.0.0/8,127.0.0.0/8,2001:db8::/32'));
  const of = (local: Party, remote: Party, address: string): string =>
    scopeBetween(local, remote, given, bytesOf(ipaddr.parse(address)), 0);

  test.each<[string, Party, Party, string, string]>([
    ['two pods of a node', here, pod({ node: 'a', zone: 'z1' }), '10.1.1.1', 'same_node'],
    ['two nodes of a zone', here, pod({ node: 'b', zone: 'z1' }), '10.1.1.1', 'same_zone'],
    ['two zones', here, pod({ node: 'c', zone: 'z2' }), '10.1.1.1', 'cross_zone'],
    ['a pod and a Service', here, pod({}), '10.1.1.1', 'cluster'],
    ['a pod and an office with its name', here, UNKNOWN, '10.1.1.1', 'office'],
    ['an office and a plain host', UNKNOWN, UNKNOWN, '2001:db8::1', 'office'],
    ['a pod and another site', here, UNKNOWN, '192.168.1.1', 'private'],
    ['a pod and the world', here, UNKNOWN, '192.0.2.1', 'internet'],
    ['a pod and itself', here, here, '127.0.0.1', 'loopback'],
    ['a pod and nobody knows whom', here, UNKNOWN, '::', 'unknown'],
  ])('%s', (_, local, remote, address, scope) => {
    expect(of(local, remote, address)).toBe(scope);
  });
});
