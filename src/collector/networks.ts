import type { AddressWords } from '../util/address.ts';

/** Addresses that share their first bits. */
export interface Cidr {
  /** Bits beyond the prefix are 0. IPv4 is v4-mapped, so its prefix is 96 bits longer than it is written. */
  readonly words: AddressWords;
  /** 0 to 128. */
  readonly prefix: number;
}

/** A network that has a name: an office, a VPC. */
export interface NamedNetwork {
  readonly name: string;
  readonly cidrs: readonly Cidr[];
}

interface Entry extends Cidr {
  readonly name: string;
}

const V4_MAPPED = 0x0000ffff;

/** Names of addresses, by the longest prefix. The list is as long as the command line is; asked once for each flow. */
export class Networks {
  /** Longest prefixes first, so the first that fits is the one. */
  readonly #v4: readonly Entry[];
  readonly #v6: readonly Entry[];

  constructor(networks: readonly NamedNetwork[] = []) {
    const entries = networks
      .flatMap(({ name, cidrs }) => cidrs.map((cidr): Entry => ({ name, ...cidr })))
      .toSorted((a, b) => b.prefix - a.prefix);
    this.#v4 = entries.filter(isV4);
    this.#v6 = entries.filter((entry) => !isV4(entry));
  }

  /** The name of the network of a 16-byte address (IPv4 v4-mapped), or null. "::/0" is all of IPv6 and none of IPv4. */
  nameOf(bytes: Uint8Array, at: number): string | null {
    const [w0, w1, w2, w3] = [0, 4, 8, 12].map((i) => wordAt(bytes, at + i)) as [
      number,
      number,
      number,
      number,
    ];
    const entries = w0 === 0 && w1 === 0 && w2 === V4_MAPPED ? this.#v4 : this.#v6;
    for (const { words, prefix, name } of entries) {
      if (
        fits(w0, words[0], prefix) &&
        fits(w1, words[1], prefix - 32) &&
        fits(w2, words[2], prefix - 64) &&
        fits(w3, words[3], prefix - 96)
      )
        return name;
    }
    return null;
  }
}

/** The bits of a word that a prefix leaves, of a word that begins at its 0th bit. */
export function masked(word: number, prefix: number): number {
  if (prefix <= 0) return 0;
  return prefix >= 32 ? word >>> 0 : (word & (-1 << (32 - prefix))) >>> 0;
}

function fits(word: number, of: number, prefix: number): boolean {
  return masked(word, prefix) === of;
}

function isV4({ words, prefix }: Cidr): boolean {
  return prefix >= 96 && words[0] === 0 && words[1] === 0 && words[2] === V4_MAPPED;
}

function wordAt(bytes: Uint8Array, at: number): number {
  const word =
    ((bytes[at] ?? 0) << 24) |
    ((bytes[at + 1] ?? 0) << 16) |
    ((bytes[at + 2] ?? 0) << 8) |
    (bytes[at + 3] ?? 0);
  return word >>> 0;
}
