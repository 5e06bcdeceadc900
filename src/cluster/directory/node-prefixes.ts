import { type AddressWords, parseAddress } from '../../util/address.ts';

/** The pod address ranges of all nodes. As many as the nodes have: two each at most, by the API server. */
export class NodePrefixes {
  /** By length in bits of a 128-bit address, IPv4 v4-mapped; then how many nodes have the prefix. */
  readonly #byLength = new Map<number, Map<string, number>>();

  /** Takes "10.1.2.0/24" and the like; ignores other texts. */
  add(cidr: string): void {
    const prefix = parsePrefix(cidr);
    if (prefix === null) return;
    const { length, key } = prefix;
    const counts = this.#byLength.get(length) ?? new Map<string, number>();
    this.#byLength.set(length, counts);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }

  /** Takes back one add(). */
  remove(cidr: string): void {
    const prefix = parsePrefix(cidr);
    if (prefix === null) return;
    const { length, key } = prefix;
    const counts = this.#byLength.get(length);
    const left = (counts?.get(key) ?? 0) - 1;
    if (left > 0) counts?.set(key, left);
    else counts?.delete(key);
    if (counts?.size === 0) this.#byLength.delete(length);
  }

  /** Whether the address is in one of them. */
  has(address: string): boolean {
    const words = parseAddress(address);
    if (words === null) return false;
    for (const [length, counts] of this.#byLength) {
      if (counts.has(masked(words, length))) return true;
    }
    return false;
  }
}

function parsePrefix(cidr: string): { length: number; key: string } | null {
  const [address = '', bits = ''] = cidr.split('/');
  const words = parseAddress(address);
  if (words === null || !/^\d{1,3}$/.test(bits)) return null;
  const most = address.includes(':') ? 128 : 32;
  if (Number(bits) > most) return null;
  const length = 128 - most + Number(bits);
  return { length, key: masked(words, length) };
}

function masked(words: AddressWords, length: number): string {
  return words
    .map((word, i) => {
      const bits = Math.min(32, Math.max(0, length - 32 * i));
      return bits === 0 ? 0 : (word & (-1 << (32 - bits))) >>> 0;
    })
    .join(' ');
}
