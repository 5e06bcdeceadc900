import fc from 'fast-check';

const HARD = ['\\', '"', '\n', '\r', '\0', '\x1b', '{', '}', ',', '=', '\u{1f419}', '\ud800', '\udfff'];

/** Text of any UTF-16 units, often of those that formats stumble over. */
export const anyText = fc.string({
  unit: fc.oneof(
    fc.constantFrom(...HARD),
    fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)),
  ),
});
