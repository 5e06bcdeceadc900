import { readFileSync } from 'node:fs';
import { NetcError } from '../util/errors.ts';
import { BpfError, misuse } from './bpf-error.ts';
import { Handle } from './handle.ts';
import { ProbeLoadError } from './load-error.ts';
import { BpfMap } from './map.ts';
import { capture } from './messages.ts';
import { mapPrivate, type NativeMemory } from './native-memory.ts';
import { native, type Pointer } from './native.ts';
import { BpfProgram } from './program.ts';
import { OBJECT_OPEN_OPTS } from './uapi.ts';

const LOG_BYTES = 0xff_ffff; // the most that every kernel takes (UINT32_MAX >> 8)

export interface OpenOptions {
  /** Names the maps of variables in the kernel: "kube_netc" gives "kube_net.bss". */
  readonly name: string;
}

/** A compiled BPF object: open() reads it, load() gives it to the kernel, programs attach one by one, close() ends all. */
export class BpfObject extends Handle {
  readonly name: string;
  readonly #pointer: Pointer;
  readonly #programs = new Map<string, BpfProgram>(); // fixed by the file
  readonly #maps = new Map<string, BpfMap>(); // fixed by the file
  #loadTried = false;

  private constructor(name: string, pointer: Pointer) {
    super(`BPF object '${name}'`);
    this.name = name;
    this.#pointer = pointer;
    const lib = native();
    for (let p = lib.objectNextProgram(pointer, null); p !== null; p = lib.objectNextProgram(pointer, p)) {
      const program = new BpfProgram(this, p);
      this.#programs.set(program.name, program);
    }
    for (let m = lib.objectNextMap(pointer, null); m !== null; m = lib.objectNextMap(pointer, m)) {
      const map = new BpfMap(this, m);
      this.#maps.set(map.name, map);
    }
  }

  /** Reads an ELF object; asks nothing of the kernel. @param source its bytes or its path. Throws E_OBJECT_MISSING, E_BPF. */
  static open(source: Uint8Array | string, options: OpenOptions): BpfObject {
    const bytes = typeof source === 'string' ? readObject(source) : source;
    const name = Buffer.from(`${options.name}\0`);
    const opts = Buffer.alloc(OBJECT_OPEN_OPTS.size);
    opts.writeBigUInt64LE(BigInt(OBJECT_OPEN_OPTS.size), 0);
    opts.writeBigUInt64LE(native().address(name), OBJECT_OPEN_OPTS.object_name);
    const { result, errno, lines } = capture((lib) => lib.objectOpenMem(bytes, bytes.length, opts));
    if (result === null) {
      const what = typeof source === 'string' ? source : options.name;
      throw new BpfError(`opening BPF object '${what}'`, errno, lines.slice(0, 3));
    }
    return new BpfObject(options.name, result);
  }

  /**
   * Makes the maps and loads the programs that are switched on: all, or none and an error. After an error the object can
   * only be closed; open it again without the program that failed. Throws ProbeLoadError (E_PROBE_LOAD).
   */
  load(): void {
    this.assertOpen();
    if (this.#loadTried) throw misuse(`loading BPF object '${this.name}'`, 'it was loaded before');
    this.#loadTried = true;
    this.closeChildren(); // initial values: from here on the kernel has them
    const log = mapPrivate('verifier log', this, LOG_BYTES);
    try {
      // One buffer for all: loading ends with the first program that fails, and only then the verifier writes a log.
      // Not set for the whole object, where libbpf would pass it to the BTF load too and lose the BTF when it overflows.
      for (const program of this.#pointers()) native().programSetLogBuf(program, log.address, log.length);
      const { result, lines } = capture((lib) => lib.objectLoad(this.#pointer));
      if (result < 0) throw this.#loadError(result, lines, log);
    } finally {
      log.close();
    }
  }

  programs(): readonly BpfProgram[] {
    return [...this.#programs.values()];
  }

  maps(): readonly BpfMap[] {
    return [...this.#maps.values()];
  }

  /** Throws E_BPF for an unknown name. */
  program(name: string): BpfProgram {
    return this.#programs.get(name) ?? this.#noSuch('program', name);
  }

  /** Throws E_BPF for an unknown name. */
  map(name: string): BpfMap {
    return this.#maps.get(name) ?? this.#noSuch('map', name);
  }

  /** The map of the zero-initialised variables. Throws E_BPF if the object has none. */
  bss(): BpfMap {
    return this.#section('.bss');
  }

  /** The map of the constants, which are set by its initialValue() before load(). Throws E_BPF if the object has none. */
  rodata(): BpfMap {
    return this.#section('.rodata');
  }

  protected release(): void {
    native().objectClose(this.#pointer);
  }

  /** The kernel's name of such a map begins with at most 8 characters of the object's name, so the end is what counts. */
  #section(suffix: string): BpfMap {
    return this.maps().find((map) => map.name.endsWith(suffix)) ?? this.#noSuch('section', suffix);
  }

  #noSuch(kind: string, name: string): never {
    throw misuse(`use of ${kind} '${name}'`, `BPF object '${this.name}' has no such ${kind}`);
  }

  *#pointers(): Generator<Pointer> {
    const lib = native();
    let program = lib.objectNextProgram(this.#pointer, null);
    for (; program !== null; program = lib.objectNextProgram(this.#pointer, program)) yield program;
  }

  #loadError(error: number, messages: readonly string[], memory: NativeMemory): ProbeLoadError {
    const bytes = Buffer.from(memory.buffer);
    const end = bytes.indexOf(0);
    const log = bytes.toString('utf8', 0, end < 0 ? bytes.length : end);
    const sectionOf = (name: string): string | null => this.#programs.get(name)?.section ?? null;
    return new ProbeLoadError({ error, messages, log, sectionOf });
  }
}

function readObject(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new NetcError('E_OBJECT_MISSING', { path }, { cause });
  }
}
