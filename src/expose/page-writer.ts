import type { ChunkPool } from './chunk-pool.ts';
import type { Page } from './page.ts';

/**
 * Puts a page together in chunks of a pool. One writer makes one page. Encoders ask for room, write to `chunk` from `at`
 * on, and move `at`: a call for each byte or number would cost more than the writing.
 */
export class PageWriter {
  chunk: Buffer<ArrayBuffer>;
  at = 0;
  /** Samples written, for the page's statistics. */
  samples = 0;
  readonly #pool: ChunkPool;
  readonly #full: Uint8Array<ArrayBuffer>[] = [];
  #fullBytes = 0;

  constructor(pool: ChunkPool) {
    this.#pool = pool;
    this.chunk = pool.take(0);
  }

  /** Sees to it that the chunk has room for so many bytes in one piece. */
  reserve(bytes: number): void {
    if (this.at + bytes <= this.chunk.length) return;
    this.#seal();
    this.chunk = this.#pool.take(bytes);
    this.at = 0;
  }

  /** Appends bytes as they are: the header of a family. */
  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.chunk.set(bytes, this.at);
    this.at += bytes.length;
  }

  /** Bytes written so far. */
  get byteLength(): number {
    return this.#fullBytes + this.at;
  }

  /** The page as written so far. The writer is not used after it. */
  finish(): Page {
    this.#seal();
    return { chunks: this.#full, byteLength: this.#fullBytes, samples: this.samples };
  }

  #seal(): void {
    if (this.at === 0) return;
    this.#full.push(this.chunk.subarray(0, this.at));
    this.#fullBytes += this.at;
    this.at = 0;
  }
}
