// hot
import { ArrayLength, Distributions as Layout } from '../abi/records.gen.ts';
import { readU64Live } from './words.ts';

/**
 * Buckets as in Prometheus' native histograms: counts[0] is all up to 2^lowestPower seconds, counts[i] ends at
 * 2^(lowestPower + i / 2^schema) seconds, that value included, and the last takes what is longer too.
 */
interface BucketLayout {
  readonly schema: number;
  readonly lowestPower: number;
  readonly buckets: number;
}

/** What is measured of the connections of a flow. */
export const DISTRIBUTIONS = {
  /**
   * connect() to ESTABLISHED, told by the side that connects. Where processes are not tracked it is the round trip of the
   * SYN, and connections whose SYN was sent again are not in it.
   */
  connect: { schema: 1, lowestPower: -18, buckets: ArrayLength.Distributions.connect },
  /** The least round trip of each connection that has closed. */
  rtt: { schema: 1, lowestPower: -18, buckets: ArrayLength.Distributions.rtt },
  /** How long each connection that has closed was there. */
  duration: { schema: 0, lowestPower: -14, buckets: ArrayLength.Distributions.duration },
} as const satisfies Readonly<Record<string, BucketLayout>>;

export type DistributionName = keyof typeof DISTRIBUTIONS;

/** One distribution of one flow, or of many. */
export interface Distribution {
  /** As many as the layout has buckets. Whole numbers. */
  readonly counts: Float64Array;
  sumSeconds: number;
}

/** One of each kind, of one flow or of many. */
export type Distributions = Readonly<Record<DistributionName, Distribution>>;

/** Where each lies in an entry of the map, and the unit of its sum. */
interface Place {
  readonly name: DistributionName;
  readonly sumOffset: number;
  readonly unitsPerSecond: number;
  readonly offset: number;
  readonly buckets: number;
}

const PLACES: readonly Place[] = [
  {
    name: 'connect',
    sumOffset: Layout.connectSumUs,
    unitsPerSecond: 1e6,
    offset: Layout.connect,
    buckets: DISTRIBUTIONS.connect.buckets,
  },
  {
    name: 'rtt',
    sumOffset: Layout.rttSumUs,
    unitsPerSecond: 1e6,
    offset: Layout.rtt,
    buckets: DISTRIBUTIONS.rtt.buckets,
  },
  {
    name: 'duration',
    sumOffset: Layout.durationSumBinaryUs,
    unitsPerSecond: 1e9 / 1024,
    offset: Layout.duration,
    buckets: DISTRIBUTIONS.duration.buckets,
  },
];
const ENTRY_WORDS = Layout.size >>> 2;

/** One of each kind, in which nothing was measured. */
export function emptyDistributions(): Distributions {
  return { connect: empty('connect'), rtt: empty('rtt'), duration: empty('duration') };
}

function empty(name: DistributionName): Distribution {
  return { counts: new Float64Array(DISTRIBUTIONS[name].buckets), sumSeconds: 0 };
}

/**
 * The distributions of the flows, read in place from the kernel's memory. Bounded by the number of books. The kernel adds
 * to a count and then to its sum: what is taken may be without the one or the other, and the next call makes it good.
 */
export class FlowDistributions {
  readonly #words: Uint32Array;
  readonly #capacity: number;
  /** What has been taken: buckets as the kernel has them (they wrap at 2^32), sums in the kernel's units. */
  readonly #taken: Uint32Array;
  readonly #sums: Float64Array;
  /** 1: the sum has moved at the last call, and counts may have moved since they were read. */
  readonly #moved: Uint8Array;

  /** @param memory of the map `distributions` @param capacity books, as many as the memory has room for at most */
  constructor(memory: ArrayBuffer, capacity: number) {
    this.#words = new Uint32Array(memory);
    this.#capacity = Math.min(capacity, Math.floor(memory.byteLength / Layout.size));
    this.#taken = new Uint32Array(this.#capacity * ENTRY_WORDS);
    this.#sums = new Float64Array(this.#capacity * PLACES.length);
    this.#moved = new Uint8Array(this.#capacity * PLACES.length);
  }

  /** Adds what the row has measured since the last call to what its flow belongs to. @param row of the flow table */
  take(row: number, into: Distributions): void {
    if (row >= this.#capacity) return;
    for (let i = 0; i < PLACES.length; i++) {
      const place = PLACES[i];
      if (place) this.#takeOne(row, row * PLACES.length + i, place, into[place.name]);
    }
  }

  #takeOne(row: number, at: number, place: Place, into: Distribution): void {
    const base = row * ENTRY_WORDS;
    const sum = readU64Live(this.#words, base * 4 + place.sumOffset);
    const before = this.#sums[at] ?? 0;
    if (sum === before && this.#moved[at] === 0) return;
    this.#moved[at] = sum === before ? 0 : 1;
    const first = base + (place.offset >>> 2);
    for (let i = 0; i < place.buckets; i++) {
      const now = this.#words[first + i] ?? 0;
      const more = (now - (this.#taken[first + i] ?? 0)) >>> 0;
      if (more === 0) continue;
      into.counts[i] = (into.counts[i] ?? 0) + more;
      this.#taken[first + i] = now;
    }
    into.sumSeconds += (sum - before) / place.unitsPerSecond;
    this.#sums[at] = sum;
  }

  /** The row's book goes to another flow, and the kernel's entry was emptied with it. */
  clear(row: number): void {
    this.#taken.fill(0, row * ENTRY_WORDS, (row + 1) * ENTRY_WORDS);
    this.#sums.fill(0, row * PLACES.length, (row + 1) * PLACES.length);
    this.#moved.fill(0, row * PLACES.length, (row + 1) * PLACES.length);
  }
}
