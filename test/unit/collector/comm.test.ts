import fc from 'fast-check';
import { expect, test } from 'vitest';
import { commOf } from '../../../src/collector/comm.ts';

const at = 5;

function memory(name: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(64).fill(0x78);
  bytes.fill(0, at, at + 16);
  bytes.set(name.subarray(0, 16), at);
  return bytes.subarray(0); // a view of its own, as the tables have
}

test.each(['nginx', '', 'sixteen-bytes-16', 'größe', '水'])('"%s" is read', (name) => {
  expect(commOf(memory(Buffer.from(name)), at)).toBe(name);
});

test('bytes that are no UTF-8 become the replacement character, and nothing beyond the name is read', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 16 }), (name) => {
      const end = name.indexOf(0);
      const wanted = Buffer.from(end < 0 ? name : name.subarray(0, end)).toString('utf8');
      expect(commOf(memory(name), at)).toBe(wanted);
    }),
  );
  expect(commOf(memory(Uint8Array.of(0x66, 0xff)), at)).toBe('f\ufffd');
});

test('memory that begins within a buffer is read at its place', () => {
  const whole = Uint8Array.from(Buffer.from('....curl\0...................'));
  expect(commOf(whole.subarray(2), 2)).toBe('curl');
});
