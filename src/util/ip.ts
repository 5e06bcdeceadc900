// hot: called once per new series or row; no allocation but the text itself.

/** The second half of a v4-mapped address, ::ffff:a.b.c.d: its third 32-bit word. */
const V4_MAPPED = 0x0000ffff;

/** A 32-bit IPv4 address, most significant byte first, as dotted text. */
export function formatV4(word: number): string {
  return `${word >>> 24}.${(word >>> 16) & 255}.${(word >>> 8) & 255}.${word & 255}`;
}

/** The i-th of the eight 16-bit groups of four words. */
function group(i: number, w0: number, w1: number, w2: number, w3: number): number {
  const word = i < 2 ? w0 : i < 4 ? w1 : i < 6 ? w2 : w3;
  return (i & 1) === 0 ? word >>> 16 : word & 0xffff;
}

/**
 * Four 32-bit words, most significant first, as text: v4-mapped as dotted IPv4, all else as RFC 5952 says
 * (lower case, no leading zeros, the longest run of two or more zero groups as "::", the first of equal runs).
 * The words may be signed or unsigned.
 */
export function formatAddress(w0: number, w1: number, w2: number, w3: number): string {
  if (w0 === 0 && w1 === 0 && w2 === V4_MAPPED) return formatV4(w3);
  let best = -1;
  let bestLength = 1; // a single zero group is never shortened (RFC 5952, 4.2.2)
  let run = 0;
  for (let i = 0; i < 8; i++) {
    run = group(i, w0, w1, w2, w3) === 0 ? run + 1 : 0;
    if (run > bestLength) {
      bestLength = run;
      best = i - run + 1;
    }
  }
  let text = '';
  for (let i = 0; i < 8; i++) {
    if (i === best) {
      text += '::';
      i += bestLength - 1;
      continue;
    }
    if (i > 0 && i !== best + bestLength) text += ':';
    text += group(i, w0, w1, w2, w3).toString(16);
  }
  return text;
}

function wordAt(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] ?? 0) << 24) |
    ((bytes[at + 1] ?? 0) << 16) |
    ((bytes[at + 2] ?? 0) << 8) |
    (bytes[at + 3] ?? 0)
  );
}

/** The 16 bytes at `offset`, in network order, as text: see formatAddress. */
export function formatAddressBytes(bytes: Uint8Array, offset = 0): string {
  return formatAddress(
    wordAt(bytes, offset),
    wordAt(bytes, offset + 4),
    wordAt(bytes, offset + 8),
    wordAt(bytes, offset + 12),
  );
}

/** Whether the address stands for every address: "::" or (v4-mapped) "0.0.0.0". */
export function isWildcard(w0: number, w1: number, w2: number, w3: number): boolean {
  return w0 === 0 && w1 === 0 && w3 === 0 && (w2 === 0 || w2 === V4_MAPPED);
}

/** An address and a port as one text: "192.0.2.1:80", "[2001:db8::1]:80". `port` is in host order. */
export function formatEndpoint(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
