// hot: runs at each snapshot over every entry; makes no object per entry.
// Needs: Linux >= 5.6 (BPF_MAP_LOOKUP_BATCH).
import { constants } from 'node:os';
import { BpfError, misuse } from './bpf-error.ts';
import type { BpfMap } from './map.ts';
import { native } from './native.ts';

const { ENOENT, ENOSPC } = constants.errno;
const CHUNK_ENTRIES_MAX = 1 << 20;

/**
 * Reads a whole map in chunks into buffers that it keeps: make it once, use it at each snapshot. An entry that is there all
 * the time is seen exactly once; one that comes or goes meanwhile may be seen or not (the kernel copies bucket by bucket).
 */
export class MapBatch {
  readonly #map: BpfMap;
  readonly #count = new Uint32Array(1);
  readonly #countBytes = new Uint8Array(this.#count.buffer);
  /** Where to go on: a bucket number, or in arrays a key. */
  readonly #position: Uint8Array;
  #chunkEntries: number;
  #keys: Uint8Array;
  #values: Uint8Array;

  /** @param chunkEntries 1 to 2^20; grows by itself when a hash bucket holds more */
  constructor(map: BpfMap, chunkEntries = 4096) {
    if (!Number.isInteger(chunkEntries) || chunkEntries < 1 || chunkEntries > CHUNK_ENTRIES_MAX) {
      throw misuse(
        `batch of map '${map.name}'`,
        `a chunk has 1 to ${CHUNK_ENTRIES_MAX} entries, not ${chunkEntries}`,
      );
    }
    this.#map = map;
    this.#position = new Uint8Array(Math.max(8, map.keySize));
    this.#chunkEntries = chunkEntries;
    this.#keys = new Uint8Array(chunkEntries * map.keySize);
    this.#values = new Uint8Array(chunkEntries * map.lookupSize);
  }

  /**
   * Calls `onChunk` for each chunk: the first `count` keys (keySize bytes each) and values (lookupSize bytes each) are
   * good until it returns. @returns entries read. Throws E_BPF.
   */
  read(onChunk: (count: number, keys: Uint8Array, values: Uint8Array) => void): number {
    let total = 0;
    let from: Uint8Array | null = null;
    for (;;) {
      const result = this.#next(from);
      if (result === -ENOSPC && this.#chunkEntries < CHUNK_ENTRIES_MAX) {
        this.#grow();
        continue;
      }
      if (result < 0 && result !== -ENOENT) throw new BpfError(`reading map '${this.#map.name}'`, result);
      const count = this.#count[0] ?? 0;
      if (count > 0) onChunk(count, this.#keys, this.#values);
      total += count;
      if (result === -ENOENT) return total; // the end; its count is good
      from = this.#position;
    }
  }

  #next(from: Uint8Array | null): number {
    this.#count[0] = this.#chunkEntries;
    // prettier-ignore
    return native().mapLookupBatch(this.#map.fd, from, this.#position, this.#keys, this.#values, this.#countBytes, null);
  }

  /** ENOSPC: not even one bucket fitted, and nothing was read; the position is as it was. */
  #grow(): void {
    this.#chunkEntries = Math.min(this.#chunkEntries * 2, CHUNK_ENTRIES_MAX);
    this.#keys = new Uint8Array(this.#chunkEntries * this.#map.keySize);
    this.#values = new Uint8Array(this.#chunkEntries * this.#map.lookupSize);
  }
}
