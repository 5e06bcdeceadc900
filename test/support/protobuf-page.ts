import { join } from 'node:path';
import protobuf from 'protobufjs';

interface Number64 {
  toString(): string;
}

/** A native histogram's message, as it was sent: 64-bit numbers as protobufjs gives them. */
interface HistogramMessage {
  readonly sampleCount: Number64;
  readonly sampleSum: number;
  readonly bucket: readonly { readonly cumulativeCount: Number64; readonly upperBound: number }[];
  readonly schema: number;
  readonly zeroThreshold: number;
  readonly zeroCount: Number64;
  readonly positiveSpan: readonly { readonly offset: number; readonly length: number }[];
  readonly positiveDelta: readonly Number64[];
}

/** One metric of a family. */
interface MetricMessage {
  readonly label: readonly { readonly name: string; readonly value: string }[];
  readonly gauge?: { readonly value: number } | null;
  readonly counter?: { readonly value: number } | null;
  readonly histogram?: HistogramMessage | null;
}

/** A family of a page. */
export interface FamilyMessage {
  readonly name: string;
  readonly help: string;
  readonly type: number;
  readonly unit: string;
  readonly metric: readonly MetricMessage[];
}

const FamilyType = protobuf
  .loadSync(join(import.meta.dirname, 'exposition.proto'))
  .lookupType('io.prometheus.client.MetricFamily');

/** Reads a page of length-delimited families with a decoder that is not ours. Throws where it cannot. */
export function readProtobufPage(page: { readonly chunks: readonly Uint8Array[] }): FamilyMessage[] {
  const reader = protobuf.Reader.create(Buffer.concat(page.chunks));
  const families: FamilyMessage[] = [];
  while (reader.pos < reader.len) {
    const family = FamilyType.decodeDelimited(reader);
    families.push(family as unknown as FamilyMessage);
  }
  return families;
}

/** A histogram as its message tells it. */
export interface DecodedHistogram {
  readonly count: bigint;
  readonly sum: number;
  readonly schema: number;
  readonly zeroThreshold: number;
  readonly zeroCount: bigint;
  /** Counts by the bucket's number, which has the upper bound 2^(number / 2^schema). Zeros that were sent are here. */
  readonly positive: ReadonlyMap<number, bigint>;
  /** Cumulative counts by upper bound. */
  readonly classic: readonly (readonly [bound: number, count: bigint])[];
}

/** Reads the spans and differences of a native histogram, as its specification says. */
export function decodeHistogram(message: HistogramMessage): DecodedHistogram {
  const positive = new Map<number, bigint>();
  const deltas = message.positiveDelta.map((delta) => BigInt(delta.toString()));
  let bucket = 0;
  let count = 0n;
  let next = 0;
  for (const { offset, length } of message.positiveSpan) {
    bucket += offset;
    for (let i = 0; i < length; i++) {
      count += deltas[next++] ?? 0n;
      positive.set(bucket++, count);
    }
  }
  if (next !== deltas.length) throw new Error(`${deltas.length} differences for ${next} buckets`);
  return {
    count: BigInt(message.sampleCount.toString()),
    sum: message.sampleSum,
    schema: message.schema,
    zeroThreshold: message.zeroThreshold,
    zeroCount: BigInt(message.zeroCount.toString()),
    positive,
    classic: message.bucket.map(({ upperBound, cumulativeCount }) => [
      upperBound,
      BigInt(cumulativeCount.toString()),
    ]),
  };
}
