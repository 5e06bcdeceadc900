// hot: one call per sample. No string, object or closure for whole numbers; bench/page.ts holds it to its time.
const ZERO = 48;
const INT32_LIMIT = 2 ** 31;

/** A number is at most 25 characters: "-1.2345678901234567e-308". */
export const MAX_VALUE_BYTES = 25;

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
