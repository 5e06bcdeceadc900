import { BpfError } from './bpf-error.ts';
import { Handle } from './handle.ts';
import { native, type Pointer } from './native.ts';
import { MAP_FAILED, MAP_PRIVATE_ANONYMOUS_NORESERVE, MAP_SHARED, PROT_READ_WRITE } from './uapi.ts';

/**
 * Native memory seen as an ArrayBuffer, without a copy.
 * close() detaches the ArrayBuffer before the memory goes: typed arrays over it then have length 0 and read undefined, a
 * DataView throws. Nothing can touch freed memory. One exception to keep in mind: a buffer that was handed to another
 * thread or to native code meanwhile.
 */
export class NativeMemory extends Handle {
  readonly #address: Pointer;
  readonly #mappedBytes: number;
  readonly #buffer: ArrayBuffer;

  /** @param mappedBytes what to unmap on close; 0: the memory belongs to somebody else */
  constructor(label: string, owner: Handle, address: Pointer, bytes: number, mappedBytes: number) {
    super(label, owner);
    this.#address = address;
    this.#mappedBytes = mappedBytes;
    this.#buffer = native().memory(address, bytes);
  }

  get address(): Pointer {
    this.assertOpen();
    return this.#address;
  }

  /** The memory. Throws E_BPF after close(). */
  get buffer(): ArrayBuffer {
    this.assertOpen();
    return this.#buffer;
  }

  /** Bytes of the buffer. */
  get length(): number {
    return this.buffer.byteLength;
  }

  protected release(): void {
    this.#buffer.transfer(0); // detaches
    if (this.#mappedBytes > 0) native().munmap(this.#address, this.#mappedBytes);
  }
}

/** Maps `bytes` of a map's own memory, to read and to write. Throws E_BPF. */
export function mapShared(label: string, owner: Handle, fd: number, bytes: number): NativeMemory {
  return mapMemory(label, owner, fd, bytes, MAP_SHARED);
}

/** Fresh memory that takes no room until it is written. Throws E_BPF. */
export function mapPrivate(label: string, owner: Handle, bytes: number): NativeMemory {
  return mapMemory(label, owner, -1, bytes, MAP_PRIVATE_ANONYMOUS_NORESERVE);
}

function mapMemory(label: string, owner: Handle, fd: number, bytes: number, flags: number): NativeMemory {
  const address = native().mmap(null, bytes, PROT_READ_WRITE, flags, fd, 0); // the kernel rounds up to whole pages
  if (address === MAP_FAILED) throw new BpfError(`mapping ${label}`, native().errno());
  return new NativeMemory(label, owner, address, bytes, bytes);
}
