import { COMM_BYTES } from '../tracker/live-table.ts';

/** A process name: COMM_BYTES, zero-padded; bytes that are no UTF-8 become the replacement character. */
export function commOf(bytes: Uint8Array, at: number): string {
  let end = at;
  while (end < at + COMM_BYTES && bytes[end] !== 0) end++;
  return Buffer.from(bytes.buffer, bytes.byteOffset + at, end - at).toString('utf8');
}
