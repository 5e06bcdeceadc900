import { isIPv4, isIPv6 } from 'node:net';
import { formatAddress } from './ip.ts';

/** Four 32-bit words, most significant first; IPv4 is v4-mapped. */
export type AddressWords = readonly [number, number, number, number];

/** An IP address as words; null for any other text, such as one with a zone ("fe80::1%eth0") or leading zeros. */
export function parseAddress(text: string): AddressWords | null {
  if (isIPv4(text)) return [0, 0, 0xffff, v4Word(text)];
  if (!isIPv6(text) || text.includes('%')) return null;
  const [head = '', tail] = text.split('::');
  const before = groups(head);
  const after = tail === undefined ? [] : groups(tail);
  const all = [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after];
  const word = (i: number): number => (((all[i] ?? 0) << 16) | (all[i + 1] ?? 0)) >>> 0;
  return [word(0), word(2), word(4), word(6)];
}

/** The one text of an address: dotted IPv4 (v4-mapped too), IPv6 as RFC 5952 says. Null where it is no address. */
export function canonicalAddress(text: string): string | null {
  if (isIPv4(text)) return text;
  const words = parseAddress(text);
  if (words === null) return null;
  const canonical = formatAddress(...words);
  return canonical === text ? text : canonical; // the one that is kept anyway
}

function v4Word(text: string): number {
  let word = 0;
  for (const part of text.split('.')) word = word * 256 + Number(part);
  return word;
}

/** The 16-bit groups of a part of an IPv6 address without "::"; its end may be dotted IPv4. */
function groups(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((part) => {
    if (!part.includes('.')) return [parseInt(part, 16)];
    const word = v4Word(part);
    return [word >>> 16, word & 0xffff];
  });
}
