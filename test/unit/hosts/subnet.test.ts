import { describe, expect, it } from 'vitest';
import { parseSubnet } from '../../hosts/subnet.ts';

describe('a subnet', () => {
  it('numbers its hosts from 1', () => {
    expect(parseSubnet('10.77.0.0/24', 2).address(2)).toBe('10.77.0.2');
    expect(parseSubnet('10.77.0.0/16').address(300)).toBe('10.77.1.44');
    expect(parseSubnet('fd77::/64').address(255)).toBe('fd77::ff');
  });

  it('refuses what is none, and what is too small', () => {
    expect(() => parseSubnet('10.77.0.0')).toThrow('10.77.0.0 is not a network');
    expect(() => parseSubnet('10.77.0/24')).toThrow('10.77.0 is not an IPv4 address');
    expect(() => parseSubnet('fd77::1/64')).toThrow('write an IPv6 network as');
    expect(() => parseSubnet('10.77.0.0/30', 3)).toThrow('too small for 3 hosts');
  });
});
