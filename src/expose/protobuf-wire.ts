// hot: several calls per sample. The wire format of protocol buffers, as far as pages need it.
const INT32_LIMIT = 2 ** 31;
const MORE = 0x80;
const ASCII_LIMIT = 0x80;
/** A double with the tag of its field. */
export const DOUBLE_FIELD_BYTES = 9;
/** Of a length that is filled in later. */
const LENGTH_BYTES = 5;

/** Writes a whole number from 0 to 2^53 at `at` of `out`, in at most 8 bytes, and returns where it ends. */
export function writeVarint(value: number, out: Uint8Array, at: number): number {
  let high = value;
  while (high >= INT32_LIMIT) {
    out[at++] = (high % MORE) | MORE;
    high = Math.floor(high / MORE);
  }
  let low = high | 0;
  while (low >= MORE) {
    out[at++] = (low & 0x7f) | MORE;
    low >>= 7;
  }
  out[at] = low;
  return at + 1;
}

/** The same for whole numbers of either sign (sint32, sint64), from -2^53 to 2^53. */
export function writeZigzag(value: number, out: Uint8Array, at: number): number {
  // Twice the number may be over 2^53: so the lowest six bits go first, with the sign, and the rest is as it is.
  const sign = value < 0 ? 1 : 0;
  const magnitude = value < 0 ? -1 - value : value;
  const low = ((magnitude % 64) << 1) | sign;
  const high = Math.floor(magnitude / 64);
  if (high === 0) {
    out[at] = low;
    return at + 1;
  }
  out[at] = low | MORE;
  return writeVarint(high, out, at + 1);
}

/** How many bytes the length takes: a whole number below 2^31. */
export function varintBytes(length: number): number {
  let bytes = 1;
  for (let rest = length >>> 7; rest > 0; rest >>>= 7) bytes++;
  return bytes;
}

/** A field of type double. */
export function writeDouble(tag: number, value: number, out: Buffer, at: number): number {
  out[at] = tag;
  return out.writeDoubleLE(value, at + 1);
}

/** Text as UTF-8: nearly all of it is ASCII, which is faster written than handed over. */
function writeUtf8(text: string, out: Buffer, at: number): number {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code >= ASCII_LIMIT) return at + i + out.write(text.slice(i), at + i);
    out[at + i] = code;
  }
  return at + text.length;
}

/** A field of type string; `bytes` is its length in UTF-8. */
export function writeText(tag: number, text: string, bytes: number, out: Buffer, at: number): number {
  out[at] = tag;
  return writeUtf8(text, out, writeVarint(bytes, out, at + 1));
}

/** Leaves room for the length of what follows. It is valid with padding too, and so it can be told afterwards. */
export function skipLength(at: number): number {
  return at + LENGTH_BYTES;
}

/** Fills in a length that was skipped at `at`. */
export function fillLength(length: number, out: Uint8Array, at: number): void {
  let rest = length;
  for (let i = 0; i < LENGTH_BYTES - 1; i++) {
    out[at + i] = (rest % MORE) | MORE;
    rest = Math.floor(rest / MORE);
  }
  out[at + LENGTH_BYTES - 1] = rest;
}
