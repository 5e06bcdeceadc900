import { BpfError, misuse } from './bpf-error.ts';
import type { Handle } from './handle.ts';
import { Link } from './link.ts';
import type { BpfMap } from './map.ts';
import { capture, type Captured } from './messages.ts';
import { native, type Pointer } from './native.ts';
import { programInfo, type RunStats } from './program-info.ts';
import { ITER_ATTACH_OPTS, ITER_LINK_INFO } from './uapi.ts';

/** A program of an object. Lives as long as the object: it has nothing to close. */
export class BpfProgram {
  readonly name: string;
  /** ELF section, which names the hook: "tp_btf/inet_sock_set_state". */
  readonly section: string;
  readonly #owner: Handle;
  readonly #pointer: Pointer;

  /** Made by BpfObject. */
  constructor(owner: Handle, pointer: Pointer) {
    this.#owner = owner;
    this.#pointer = pointer;
    this.name = native().programName(pointer);
    this.section = native().programSection(pointer);
  }

  get autoload(): boolean {
    return native().programAutoload(this.#alive());
  }

  /** Whether load() shall load it. Before load() only. Throws E_BPF. */
  setAutoload(on: boolean): void {
    const result = native().programSetAutoload(this.#alive(), on);
    if (result < 0) throw new BpfError(`switching ${on ? 'on' : 'off'} ${this.#label()}`, result);
  }

  /** True after load(), unless it was switched off. */
  get loaded(): boolean {
    return native().programFd(this.#alive()) >= 0;
  }

  /** File descriptor, owned by the object. Throws E_BPF when it is not loaded. */
  get fd(): number {
    const fd = native().programFd(this.#alive());
    if (fd < 0) throw misuse(`use of ${this.#label()}`, 'it is not loaded');
    return fd;
  }

  /** The kernel's id of it, as bpftool shows it. */
  get id(): number {
    return programInfo(this.fd).id;
  }

  /** What it cost so far. Zeros unless the kernel keeps run statistics: kernel.bpf_stats_enabled or RunStatistics. */
  stats(): RunStats {
    return programInfo(this.fd).stats;
  }

  /** Hangs it on the hook that its section names (tp_btf, fentry, fexit, tp, ...). Throws E_BPF. */
  attach(): Link {
    void this.fd; // says "not loaded" better than libbpf does
    return this.#link(capture((lib) => lib.programAttach(this.#pointer)));
  }

  /** @param map what an iter/bpf_map_elem program walks; other iterators take none. Throws E_BPF. */
  attachIter(map?: BpfMap): Link {
    void this.fd;
    if (!map) return this.#link(capture((lib) => lib.programAttachIter(this.#pointer, null)));
    const info = Buffer.alloc(ITER_LINK_INFO.size);
    info.writeUInt32LE(map.fd, ITER_LINK_INFO.map_fd);
    const opts = Buffer.alloc(ITER_ATTACH_OPTS.size);
    opts.writeBigUInt64LE(BigInt(ITER_ATTACH_OPTS.size), 0);
    opts.writeBigUInt64LE(native().address(info), ITER_ATTACH_OPTS.link_info);
    opts.writeUInt32LE(info.length, ITER_ATTACH_OPTS.link_info_len);
    return this.#link(capture((lib) => lib.programAttachIter(this.#pointer, opts)));
  }

  /**
   * Hangs a cgroup program on a cgroup v2 directory and all below it. Needs: Linux >= 5.7 (cgroup links).
   * @param directoryFd an open directory; may be closed afterwards. Throws E_BPF.
   */
  attachCgroup(directoryFd: number): Link {
    void this.fd;
    return this.#link(capture((lib) => lib.programAttachCgroup(this.#pointer, directoryFd)));
  }

  #link({ result, errno, lines }: Captured<Pointer | null>): Link {
    if (result === null) {
      // libbpf repeats the program's name and the error in its line; what else it says is kept
      const details = lines.filter((line) => !/failed to (create link|attach)/.test(line));
      throw new BpfError(`attaching ${this.#label()}`, errno, details);
    }
    return new Link(this.#owner, result, this.name);
  }

  #label(): string {
    return `program '${this.name}' (${this.section})`;
  }

  #alive(): Pointer {
    this.#owner.assertOpen();
    return this.#pointer;
  }
}
