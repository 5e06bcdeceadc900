import { constants } from 'node:os';
import { BpfError, misuse } from './bpf-error.ts';
import type { Handle } from './handle.ts';
import { mapShared, NativeMemory } from './native-memory.ts';
import { native, type Pointer } from './native.ts';
import { MAP_FLAG, MAP_TYPE } from './uapi.ts';

const { ENOENT } = constants.errno;
const UPDATE_FLAGS = { any: 0, new: 1, existing: 2 } as const;
const PER_CPU_TYPES: ReadonlySet<number> = new Set([
  MAP_TYPE.PERCPU_HASH,
  MAP_TYPE.PERCPU_ARRAY,
  MAP_TYPE.LRU_PERCPU_HASH,
]);

/** A map of an object. Lives as long as the object: it has nothing to close, its views have. */
export class BpfMap {
  readonly name: string;
  /** BPF_MAP_TYPE_*. */
  readonly type: number;
  /** Bytes of a key and of a value as the program sees them. */
  readonly keySize: number;
  readonly valueSize: number;
  /** Bytes of a value as lookup and update take it: per-CPU maps have one value, rounded up to 8, per possible CPU. */
  readonly lookupSize: number;
  readonly #owner: Handle;
  readonly #pointer: Pointer;
  #initial: NativeMemory | null = null;

  /** Made by BpfObject. */
  constructor(owner: Handle, pointer: Pointer) {
    const lib = native();
    this.#owner = owner;
    this.#pointer = pointer;
    this.name = lib.mapName(pointer);
    this.type = lib.mapType(pointer);
    this.keySize = lib.mapKeySize(pointer);
    this.valueSize = lib.mapValueSize(pointer);
    this.lookupSize = PER_CPU_TYPES.has(this.type)
      ? stride(this.valueSize) * lib.possibleCpus()
      : this.valueSize;
  }

  get maxEntries(): number {
    return native().mapMaxEntries(this.#alive());
  }

  /** Before load() only. @param entries 1 or more. Throws E_BPF. */
  setMaxEntries(entries: number): void {
    if (!Number.isInteger(entries) || entries < 1 || entries > 0xffff_ffff) {
      throw misuse(`sizing map '${this.name}'`, `${entries} is no number of entries`);
    }
    const result = native().mapSetMaxEntries(this.#alive(), entries);
    if (result < 0) throw new BpfError(`sizing map '${this.name}'`, result, ['sizes are set before load']);
  }

  /** True after load(). */
  get loaded(): boolean {
    return native().mapFd(this.#alive()) >= 0;
  }

  /** File descriptor, owned by the object. Throws E_BPF when it is not loaded. */
  get fd(): number {
    const fd = native().mapFd(this.#alive());
    if (fd < 0) throw misuse(`use of map '${this.name}'`, 'it is not loaded');
    return fd;
  }

  /** Copies the value of `key` into `into` and gives it, or null if there is none. Throws E_BPF. */
  lookup(key: Uint8Array, into: Uint8Array = new Uint8Array(this.lookupSize)): Uint8Array | null {
    this.#checkKey(key);
    this.#checkValue(into);
    return this.#found('lookup', native().mapLookup(this.fd, key, into)) ? into : null;
  }

  /** Throws E_BPF: errno E2BIG for a full map, EEXIST and ENOENT by `mode`. */
  update(key: Uint8Array, value: Uint8Array, mode: keyof typeof UPDATE_FLAGS = 'any'): void {
    this.#checkKey(key);
    this.#checkValue(value);
    const result = native().mapUpdate(this.fd, key, value, UPDATE_FLAGS[mode]);
    if (result < 0) throw new BpfError(`update of map '${this.name}'`, result);
  }

  /** True if there was such a key. Throws E_BPF. */
  delete(key: Uint8Array): boolean {
    this.#checkKey(key);
    return this.#found('delete', native().mapDelete(this.fd, key));
  }

  /**
   * The live memory of a BPF_F_MMAPABLE array, of .bss or .data, to read and to write. In an array the entries are
   * `valueSize` rounded up to 8 bytes apart. The kernel writes while we read: a value wider than 8 bytes can be seen half
   * written, and a u64 read as two u32 can tear. Needs: Linux >= 5.5. Throws E_BPF.
   */
  view(): NativeMemory {
    const fd = this.fd;
    const flags = native().mapFlags(this.#pointer);
    if (this.type !== MAP_TYPE.ARRAY || (flags & MAP_FLAG.MMAPABLE) === 0) {
      throw misuse(`view of map '${this.name}'`, 'it is not an array with BPF_F_MMAPABLE');
    }
    if ((flags & MAP_FLAG.RDONLY_PROG) !== 0) {
      throw misuse(`view of map '${this.name}'`, 'it is frozen by load(): use initialValue() before');
    }
    const entries = this.maxEntries;
    const bytes = entries === 1 ? this.valueSize : stride(this.valueSize) * entries;
    return mapShared(`view of map '${this.name}'`, this.#owner, fd, bytes);
  }

  /** What .rodata, .data or .bss will hold when loaded, to change before load(); load() detaches it. Throws E_BPF. */
  initialValue(): ArrayBuffer {
    if (this.loaded) throw misuse(`initial value of map '${this.name}'`, 'it is loaded already');
    if (this.#initial && !this.#initial.closed) return this.#initial.buffer;
    const size = Buffer.alloc(8);
    const address = native().mapInitialValue(this.#pointer, size);
    if (address === null)
      throw misuse(`initial value of map '${this.name}'`, 'it is not a section of variables');
    const bytes = Number(size.readBigUInt64LE());
    this.#initial = new NativeMemory(`initial value of map '${this.name}'`, this.#owner, address, bytes, 0);
    return this.#initial.buffer;
  }

  #found(operation: string, result: number): boolean {
    if (result < 0 && result !== -ENOENT) throw new BpfError(`${operation} in map '${this.name}'`, result);
    return result >= 0;
  }

  /** The kernel takes and fills as many bytes as the map says, however long the array is: this guards our memory. */
  #checkKey(key: Uint8Array): void {
    if (key.length !== this.keySize) throw this.#wrongSize('key', key, this.keySize);
  }

  #checkValue(value: Uint8Array): void {
    if (value.length !== this.lookupSize) throw this.#wrongSize('value', value, this.lookupSize);
  }

  #wrongSize(what: string, bytes: Uint8Array, want: number): Error {
    return misuse(`use of map '${this.name}'`, `a ${what} has ${want} bytes, not ${bytes.length}`);
  }

  #alive(): Pointer {
    this.#owner.assertOpen();
    return this.#pointer;
  }
}

/** Distance of values in an array and in a per-CPU value. */
function stride(valueSize: number): number {
  return Math.ceil(valueSize / 8) * 8;
}
