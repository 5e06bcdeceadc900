import type { Party } from '../cluster/identity.ts';
import type { Networks } from './networks.ts';

/** How far away a peer is, as far as its address alone tells it. */
export type Scope = 'loopback' | 'private' | 'internet' | 'unknown';
/** Within a cluster: by the nodes and zones of both ends; `cluster` where these are not known. */
export type ClusterScope = 'same_node' | 'same_zone' | 'cross_zone' | 'cluster';

/** All that the label `scope` says by itself: no network of the operator's may be called so. */
export const SCOPES: readonly (Scope | ClusterScope)[] = [
  'loopback',
  'same_node',
  'same_zone',
  'cross_zone',
  'cluster',
  'private',
  'internet',
  'unknown',
];

/**
 * The scope of a flow between two parties; the remote one's 16-byte address lies at `at`. Who the parties are settles
 * it where both are in the cluster; else it is the name that the operator has given the remote end's network, if any.
 */
export function scopeBetween(
  local: Party,
  remote: Party,
  networks: Networks,
  bytes: Uint8Array,
  at: number,
): string {
  const byAddress = scopeOf(bytes, at);
  if (byAddress === 'loopback' || byAddress === 'unknown') return byAddress;
  if (!remote.inCluster) return networks.nameOf(bytes, at) ?? byAddress;
  if (remote.node !== '' && remote.node === local.node) return 'same_node';
  if (remote.zone === '' || local.zone === '') return 'cluster';
  return remote.zone === local.zone ? 'same_zone' : 'cross_zone';
}

/**
 * The scope of a 16-byte address (IPv4 v4-mapped). private: RFC 1918, RFC 6598, RFC 3927, RFC 4193, link-local and
 * multicast, which never leave the site. The unspecified address is unknown.
 */
export function scopeOf(bytes: Uint8Array, at: number): Scope {
  const byte = (i: number): number => bytes[at + i] ?? 0;
  let zeros = 0;
  while (zeros < 16 && byte(zeros) === 0) zeros++;
  if (zeros === 16) return 'unknown';
  if (zeros === 10 && byte(10) === 0xff && byte(11) === 0xff) return v4Scope(byte(12), byte(13));
  if (zeros === 15 && byte(15) === 1) return 'loopback';
  if ((byte(0) & 0xfe) === 0xfc || byte(0) === 0xff) return 'private'; // fc00::/7, ff00::/8
  if (byte(0) === 0xfe && (byte(1) & 0xc0) === 0x80) return 'private'; // fe80::/10
  return 'internet';
}

function v4Scope(a: number, b: number): Scope {
  if (a === 127) return 'loopback';
  if (a === 0) return 'unknown';
  const isPrivate =
    a === 10 ||
    (a === 172 && (b & 0xf0) === 16) ||
    (a === 192 && b === 168) ||
    (a === 100 && (b & 0xc0) === 64) ||
    (a === 169 && b === 254) ||
    a >= 224;
  return isPrivate ? 'private' : 'internet';
}
