/** Of one chunk. A page of 2,000 connections is about 20 of them. */
export const CHUNK_BYTES = 256 * 1024;

/** Chunks kept for the next page, at most: 64 MiB. What is given back beyond that is left to the garbage collector. */
const MAX_FREE_CHUNKS = 256;

/**
 * Memory of pages, used again: fresh memory costs a page fault per 4 KiB, more than the text that goes into it.
 * Keeps what two pages of the size last given back need, so that one huge page is not remembered for ever.
 * Giving back is a courtesy: whoever cannot know when the last reader is done does not, and loses only time.
 */
export class ChunkPool {
  readonly #free: Buffer<ArrayBuffer>[] = [];

  /** A chunk with room for `atLeast` bytes, of unknown content. */
  take(atLeast: number): Buffer<ArrayBuffer> {
    if (atLeast > CHUNK_BYTES) return Buffer.allocUnsafeSlow(atLeast);
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(CHUNK_BYTES);
  }

  /** Takes the memory of a page back. Nobody may read it any more. */
  give(chunks: readonly Uint8Array<ArrayBuffer>[]): void {
    for (const { buffer } of chunks) {
      if (buffer.byteLength === CHUNK_BYTES) this.#free.push(Buffer.from(buffer));
    }
    this.#free.length = Math.min(this.#free.length, 2 * chunks.length, MAX_FREE_CHUNKS);
  }

  /** Bytes that wait for the next page. */
  get freeBytes(): number {
    return this.#free.length * CHUNK_BYTES;
  }
}
