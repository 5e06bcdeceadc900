import { beforeEach, describe, expect, it } from 'vitest';
import { BpfIterator } from '../../src/libbpf/iterator.ts';
import type { Link } from '../../src/libbpf/link.ts';
import type { BpfObject } from '../../src/libbpf/object.ts';
import { Binding } from '../support/binding.ts';

const ELEMENTS = 50;
const KEY_BYTES = 8;
const binding = new Binding();
let object: BpfObject;
let link: Link;
let state: BigUint64Array; // execs, walked, budget

beforeEach(() => {
  object = binding.open();
  object.load();
  state = new BigUint64Array(object.bss().view().buffer);
  for (let n = 0; n < ELEMENTS; n++) {
    object.map('pairs').update(new Uint8Array(BigUint64Array.of(BigInt(n)).buffer), new Uint8Array(16));
  }
  link = object.program('walk_pairs').attachIter(object.map('pairs'));
});

function setBudget(elements: number): void {
  state[2] = BigInt(elements);
}

describe('an iterator', () => {
  it('walks every element of the map once and hands over what the program writes', () => {
    setBudget(1000);
    const buffer = new BigUint64Array(ELEMENTS);
    using iterator = link.iterator();
    expect(iterator.run(new Uint8Array(buffer.buffer))).toBe(ELEMENTS * KEY_BYTES);
    expect([...buffer].map(Number).sort((a, b) => a - b)).toEqual(
      Array.from({ length: ELEMENTS }, (_, n) => n),
    );
    expect(state[1]).toBe(BigInt(ELEMENTS));
    expect(iterator.run()).toBe(0); // it is at its end
  });

  it('counts what is written when nobody wants it', () => {
    setBudget(1000);
    using iterator = link.iterator();
    expect(iterator.run()).toBe(ELEMENTS * KEY_BYTES);
  });

  it('says that a buffer is too small, and does not write past it', () => {
    setBudget(1000);
    const memory = new Uint8Array(24 * KEY_BYTES).fill(0xee);
    using iterator = link.iterator();
    expect(() => iterator.run(memory.subarray(0, 16 * KEY_BYTES))).toThrow(
      "walk of iterator 'walk_pairs' failed: it wrote more than the 128 bytes there is room for",
    );
    expect(memory.subarray(16 * KEY_BYTES).every((byte) => byte === 0xee)).toBe(true);
  });

  it('stops when the program asks, and goes on with the same element', () => {
    using iterator = link.iterator();
    const buffer = new Uint8Array(4096);
    let total = 0;
    let rounds = 0;
    for (;;) {
      setBudget(7);
      const got = iterator.read(buffer);
      if (got === 0) break;
      if (got > 0) total += got;
      if (++rounds > 100) expect.unreachable('no end');
    }
    expect(total).toBe(ELEMENTS * KEY_BYTES);
    expect(state[1]).toBe(BigInt(ELEMENTS));
    expect(rounds).toBeGreaterThanOrEqual(Math.ceil(ELEMENTS / 7) - 1);
  });

  it('tells AGAIN from the end', () => {
    setBudget(0);
    using iterator = link.iterator();
    expect(iterator.read(new Uint8Array(64))).toBe(BpfIterator.AGAIN);
    expect(iterator.read(new Uint8Array(64))).toBe(BpfIterator.AGAIN);
    setBudget(1000);
    expect(iterator.read(new Uint8Array(4096))).toBe(ELEMENTS * KEY_BYTES);
    expect(iterator.read(new Uint8Array(64))).toBe(0);
  });

  it('gives up on a program that never gets on', () => {
    setBudget(0);
    using iterator = link.iterator();
    expect(() => iterator.run()).toThrow(
      "walk of iterator 'walk_pairs' failed: the program makes no progress",
    );
  });

  it('cannot be read after close, and ends with its link', () => {
    const first = link.iterator();
    first.close();
    first.close();
    expect(() => first.read(new Uint8Array(8))).toThrow("use of iterator 'walk_pairs' failed: it is closed");
    const second = link.iterator();
    link.close();
    expect(() => second.run()).toThrow('it is closed');
    expect(() => link.iterator()).toThrow("use of link of program 'walk_pairs' failed: it is closed");
  });

  it('walks several times over one link, also at once', () => {
    setBudget(1000);
    using first = link.iterator();
    using second = link.iterator();
    expect([first.run(), second.run()]).toEqual([ELEMENTS * KEY_BYTES, ELEMENTS * KEY_BYTES]);
  });

  it('is refused for a program that iterates nothing, and without the map it needs', () => {
    const other = object.program('count_exec').attach();
    expect(() => other.iterator()).toThrow(
      "start of iterator 'count_exec' failed: EINVAL (Invalid argument)",
    );
    expect(() => object.program('walk_pairs').attachIter()).toThrow(
      "attaching program 'walk_pairs' (iter/bpf_map_elem) failed: EBADF (Bad file descriptor)",
    );
  });
});
