import { constants, createGzip } from 'node:zlib';
import type { Page } from '../expose/page.ts';

/** What deflate works on at a time, on a thread of its own. */
const OUTPUT_CHUNK_BYTES = 256 * 1024;

/** A page's bytes, compressed. */
export interface Gzipped {
  readonly chunks: readonly Uint8Array<ArrayBuffer>[];
  readonly byteLength: number;
}

/**
 * Compresses a page at the fastest level, chunk by chunk on libuv's threads: the event loop only hands chunks over.
 * The page may be given back when the promise is settled.
 */
export async function gzipPage(page: Pick<Page, 'chunks'>): Promise<Gzipped> {
  const gzip = createGzip({ level: constants.Z_BEST_SPEED, chunkSize: OUTPUT_CHUNK_BYTES });
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let byteLength = 0;
  gzip.on('data', (chunk: Buffer<ArrayBuffer>) => {
    chunks.push(chunk);
    byteLength += chunk.length;
  });
  await new Promise<void>((resolve, reject) => {
    gzip.once('end', resolve).once('error', reject);
    for (const chunk of page.chunks) gzip.write(chunk);
    gzip.end();
  });
  return { chunks, byteLength };
}
