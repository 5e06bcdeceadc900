import { cpus } from 'node:os';
import { beforeEach, describe, expect, it } from 'vitest';
import { MapBatch } from '../../src/libbpf/map-batch.ts';
import type { BpfMap } from '../../src/libbpf/map.ts';
import type { BpfObject } from '../../src/libbpf/object.ts';
import { Binding } from '../support/binding.ts';

const binding = new Binding();
let object: BpfObject;
let pairs: BpfMap;

beforeEach(() => {
  object = binding.open();
  pairs = object.map('pairs');
});

function key(n: number): Uint8Array {
  return new Uint8Array(new BigUint64Array([BigInt(n)]).buffer);
}

function pair(left: number, right: number): Uint8Array {
  return new Uint8Array(new BigUint64Array([BigInt(left), BigInt(right)]).buffer);
}

/** Fills the map with n -> (n, 2n) for n in 0..count-1. */
function fill(count: number): void {
  for (let n = 0; n < count; n++) pairs.update(key(n), pair(n, 2 * n));
}

/** Reads the whole map by batch and gives it as a Map; a key seen twice is an error. */
function readAll(chunkEntries: number): {
  entries: Map<number, [number, number]>;
  chunks: number;
  total: number;
} {
  const entries = new Map<number, [number, number]>();
  let chunks = 0;
  const total = new MapBatch(pairs, chunkEntries).read((count, keyBytes, valueBytes) => {
    chunks++;
    const keys = new BigUint64Array(keyBytes.buffer, 0, count);
    const values = new BigUint64Array(valueBytes.buffer, 0, count * 2);
    keys.forEach((k, i) => {
      expect(entries.has(Number(k))).toBe(false);
      entries.set(Number(k), [Number(values[2 * i]), Number(values[2 * i + 1])]);
    });
  });
  return { entries, chunks, total };
}

describe('a hash map', () => {
  it('finds, changes and deletes by key', () => {
    object.load();
    expect(pairs.lookup(key(1))).toBeNull();
    pairs.update(key(1), pair(10, 20));
    expect(pairs.lookup(key(1))).toEqual(pair(10, 20));
    const into = new Uint8Array(16);
    expect(pairs.lookup(key(1), into)).toBe(into);
    expect(into).toEqual(pair(10, 20));
    pairs.update(key(1), pair(11, 21), 'existing');
    expect(() => pairs.update(key(1), pair(0, 0), 'new')).toThrow(
      "update of map 'pairs' failed: EEXIST (File exists)",
    );
    expect(() => pairs.update(key(2), pair(0, 0), 'existing')).toThrow('ENOENT');
    expect(pairs.lookup(key(1))).toEqual(pair(11, 21));
    expect(pairs.delete(key(1))).toBe(true);
    expect(pairs.delete(key(1))).toBe(false);
    expect(pairs.lookup(key(1))).toBeNull();
  });

  it('tells a caller by errno that it is full', () => {
    pairs.setMaxEntries(3);
    object.load();
    fill(3);
    expect(() => pairs.update(key(3), pair(0, 0))).toThrow(
      expect.objectContaining({ code: 'E_BPF', errno: 'E2BIG' }),
    );
  });

  it('never hands the kernel a buffer of the wrong size', () => {
    object.load();
    expect(() => pairs.lookup(new Uint8Array(4))).toThrow(
      "use of map 'pairs' failed: a key has 8 bytes, not 4",
    );
    expect(() => pairs.lookup(key(1), new Uint8Array(8))).toThrow('a value has 16 bytes, not 8');
    expect(() => pairs.update(key(1), new Uint8Array(17))).toThrow('a value has 16 bytes, not 17');
    expect(() => pairs.delete(new Uint8Array(9))).toThrow('a key has 8 bytes, not 9');
    expect(() => pairs.setMaxEntries(0)).toThrow('0 is no number of entries');
  });

  it.each([1, 2, 7, 1000, 4096])('is read whole by batches of %i, each entry once', (chunkEntries) => {
    pairs.setMaxEntries(2000);
    object.load();
    fill(1000);
    const { entries, chunks, total } = readAll(chunkEntries);
    expect(total).toBe(1000);
    expect(entries.size).toBe(1000);
    for (let n = 0; n < 1000; n++) expect(entries.get(n)).toEqual([n, 2 * n]);
    if (chunkEntries === 4096) expect(chunks).toBe(1);
  });

  it('is read again by the same batch, and empty', () => {
    object.load();
    const batch = new MapBatch(pairs, 16);
    expect(batch.read(() => expect.unreachable())).toBe(0);
    fill(40);
    expect(batch.read(() => undefined)).toBe(40);
    expect(batch.read(() => undefined)).toBe(40);
    object.close();
    expect(() => batch.read(() => undefined)).toThrow('it is closed');
  });

  it('refuses a batch of no or too many entries', () => {
    expect(() => new MapBatch(pairs, 0)).toThrow('a chunk has 1 to 1048576 entries, not 0');
    expect(() => new MapBatch(pairs, 2 ** 21)).toThrow('not 2097152');
  });
});

describe('a per-CPU map', () => {
  it('is looked up with room for every possible CPU', () => {
    object.load();
    const map = object.map('per_cpu');
    expect(map.valueSize).toBe(4);
    expect(map.lookupSize % 8).toBe(0);
    expect(map.lookupSize).toBeGreaterThanOrEqual(8 * cpus().length);
    expect(map.lookup(new Uint8Array(4))).toEqual(new Uint8Array(map.lookupSize));
    expect(() => map.lookup(new Uint8Array(4), new Uint8Array(4))).toThrow(
      `a value has ${map.lookupSize} bytes, not 4`,
    );
  });
});

describe('a view', () => {
  it('is the live memory of the array, both ways', () => {
    object.load();
    const triples = object.map('triples');
    const view = triples.view();
    expect(view.length).toBe(1000 * 16); // 12 bytes of value, 16 apart
    const words = new Uint32Array(view.buffer);
    triples.update(
      new Uint8Array(Uint32Array.of(999).buffer),
      new Uint8Array(Uint32Array.of(7, 8, 9).buffer),
    );
    expect([...words.subarray(999 * 4, 999 * 4 + 3)]).toEqual([7, 8, 9]);
    words[4] = 42;
    const first = triples.lookup(new Uint8Array(Uint32Array.of(1).buffer));
    expect(new Uint32Array(first?.buffer ?? new ArrayBuffer(0))[0]).toBe(42);
  });

  it('cannot be reached after close, not even through arrays made before', () => {
    object.load();
    const view = object.map('triples').view();
    const words = new Uint32Array(view.buffer);
    const data = new DataView(view.buffer);
    words[0] = 1;
    view.close();
    view.close();
    expect(words.length).toBe(0);
    expect(words[0]).toBeUndefined();
    words[0] = 5; // goes nowhere
    expect(() => data.getUint32(0)).toThrow(TypeError);
    expect(() => view.buffer).toThrow("use of view of map 'triples' failed: it is closed");
    expect(() => view.length).toThrow('it is closed');
    expect(new Uint32Array(object.map('triples').view().buffer)[0]).toBe(1); // the map itself is as it was
  });

  it('is refused where there is no memory to share', () => {
    object.load();
    expect(() => pairs.view()).toThrow("view of map 'pairs' failed: it is not an array with BPF_F_MMAPABLE");
    expect(() => object.rodata().view()).toThrow('it is frozen by load(): use initialValue() before');
  });
});
