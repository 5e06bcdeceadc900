// hot: one call per sample. No string, object or closure per sample; bench/page.ts holds it to its time.
import type { ChunkPool } from './chunk-pool.ts';
import type { Page } from './page.ts';

/** A number is at most 25 characters ("-1.2345678901234567e-308"), and a line feed follows. */
const VALUE_BYTES = 32;
const ZERO = 48;
const LINE_FEED = 10;
const INT32_LIMIT = 2 ** 31;

/** Where the digits of a whole number are put backwards before they are copied in order. */
const digits = new Uint8Array(16);

function writeAscii(text: string, out: Uint8Array, at: number): number {
  for (let i = 0; i < text.length; i++) out[at++] = text.charCodeAt(i);
  return at;
}

/** Whole numbers from 0 to 2^53: what nearly every sample is. */
function writeWhole(value: number, out: Uint8Array, at: number): number {
  let high = value;
  let n = 0;
  // Doubles are divided only while they are too large for the faster 32-bit division below.
  while (high >= INT32_LIMIT) {
    const next = Math.floor(high / 10);
    digits[n++] = ZERO + (high - next * 10);
    high = next;
  }
  let low = high | 0;
  do {
    const next = (low / 10) | 0;
    digits[n++] = ZERO + (low - next * 10);
    low = next;
  } while (low > 0);
  while (n > 0) out[at++] = digits[--n] ?? ZERO;
  return at;
}

/**
 * Writes a sample's value as both text formats want it, at `at` of `out`, and returns where it ends.
 * Finite numbers in JavaScript's shortest form, which reads back to the same double; "NaN", "+Inf", "-Inf".
 */
export function writeValue(value: number, out: Uint8Array, at: number): number {
  if (value >= 0 && Number.isSafeInteger(value)) return writeWhole(value, out, at);
  if (value === Infinity) return writeAscii('+Inf', out, at);
  if (value === -Infinity) return writeAscii('-Inf', out, at);
  return writeAscii(String(value), out, at);
}

/** Puts a page together in chunks of a pool. One writer makes one page. */
export class PageWriter {
  readonly #pool: ChunkPool;
  readonly #full: Uint8Array<ArrayBuffer>[] = [];
  #chunk: Buffer<ArrayBuffer>;
  #at = 0;
  #fullBytes = 0;
  #samples = 0;

  constructor(pool: ChunkPool) {
    this.#pool = pool;
    this.#chunk = pool.take(0);
  }

  /** Appends bytes as they are: the header of a family. */
  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#chunk.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  /** Appends one line: the name, its labels (with their braces and the space that follows), the value. */
  sample(name: Uint8Array, labels: Uint8Array, value: number): void {
    this.#reserve(name.length + labels.length + VALUE_BYTES);
    const chunk = this.#chunk;
    let at = this.#at;
    chunk.set(name, at);
    at += name.length;
    chunk.set(labels, at);
    at = writeValue(value, chunk, at + labels.length);
    chunk[at] = LINE_FEED;
    this.#at = at + 1;
    this.#samples++;
  }

  /** The page as written so far. The writer is not used after it. */
  finish(): Page {
    this.#seal();
    return { chunks: this.#full, byteLength: this.#fullBytes, samples: this.#samples };
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#chunk.length) return;
    this.#seal();
    this.#chunk = this.#pool.take(bytes);
    this.#at = 0;
  }

  #seal(): void {
    if (this.#at === 0) return;
    this.#full.push(this.#chunk.subarray(0, this.#at));
    this.#fullBytes += this.#at;
  }
}
