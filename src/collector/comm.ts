const COMM_LEN = 16; // TASK_COMM_LEN

/** A process name: 16 bytes, zero-padded; bytes that are no UTF-8 become the replacement character. */
export function commOf(bytes: Uint8Array, at: number): string {
  let end = at;
  while (end < at + COMM_LEN && bytes[end] !== 0) end++;
  return Buffer.from(bytes.buffer, bytes.byteOffset + at, end - at).toString('utf8');
}
