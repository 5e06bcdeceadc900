// Needs: Linux >= 5.4 with CONFIG_DEBUG_INFO_BTF (/sys/kernel/btf/vmlinux); modules >= 5.11.
import { BpfError } from './bpf-error.ts';
import { Handle } from './handle.ts';
import { capture } from './messages.ts';
import { native, type Pointer } from './native.ts';
import { BTF_KIND } from './uapi.ts';

export type BtfKind = 'struct' | 'typedef' | 'func';
const KINDS = { struct: BTF_KIND.STRUCT, typedef: BTF_KIND.TYPEDEF, func: BTF_KIND.FUNC } as const;

/** The kernel's own type information, some 10 MB while it is open: ask what there is to ask, then close. */
export class KernelBtf extends Handle {
  readonly #pointer: Pointer;

  private constructor(pointer: Pointer, label: string, owner: Handle | null) {
    super(label, owner);
    this.#pointer = pointer;
  }

  /** Throws E_BPF. */
  static load(): KernelBtf {
    const { result, errno } = capture((lib) => lib.btfLoadVmlinux());
    if (result === null) throw new BpfError("reading the kernel's BTF", errno);
    return new KernelBtf(result, "the kernel's BTF", null);
  }

  /** Types of a loaded module, on top of these. Throws E_BPF: errno ENOENT when it is not loaded. */
  module(name: string): KernelBtf {
    this.assertOpen();
    const { result, errno } = capture((lib) => lib.btfLoadModule(name, this.#pointer));
    if (result === null) throw new BpfError(`reading the BTF of module '${name}'`, errno);
    return new KernelBtf(result, `the BTF of module '${name}'`, this);
  }

  /** Id of a type, or null if there is none of that name and kind. */
  find(kind: BtfKind, name: string): number | null {
    this.assertOpen();
    const id = native().btfFindByNameKind(this.#pointer, name, KINDS[kind]);
    return id > 0 ? id : null;
  }

  /** Name of a type; null for an unknown id. */
  nameOf(id: number): string | null {
    this.assertOpen();
    const type = native().btfTypeById(this.#pointer, id);
    if (type === null) return null;
    const nameOffset = new Uint32Array(native().memory(type, 4))[0] ?? 0; // struct btf_type begins with name_off
    return native().btfNameByOffset(this.#pointer, nameOffset);
  }

  protected release(): void {
    native().btfFree(this.#pointer);
  }
}
