// Needs: libbpf.so.1 (built and run with 1.1). The only file that talks to koffi: everything native has its type here.
import { createRequire } from 'node:module';
import type koffiTypes from 'koffi';
import { NetcError } from '../util/errors.ts';

type Koffi = typeof koffiTypes;
/** An address. koffi gives null for NULL. */
export type Pointer = bigint;
/** Memory that a call reads or fills: the call must end before the bytes move, so only synchronous calls are made. */
type Bytes = Uint8Array | null;

const LIBBPF = {
  version: 'const char *libbpf_version_string()',
  strerror: 'int libbpf_strerror(int err, void *buf, size_t size)',
  objectOpenMem: 'void *bpf_object__open_mem(const void *buf, size_t size, const void *opts)',
  objectLoad: 'int bpf_object__load(void *obj)',
  objectClose: 'void bpf_object__close(void *obj)',
  objectNextProgram: 'void *bpf_object__next_program(void *obj, void *prev)',
  objectNextMap: 'void *bpf_object__next_map(void *obj, void *prev)',
  programName: 'const char *bpf_program__name(void *prog)',
  programSection: 'const char *bpf_program__section_name(void *prog)',
  programFd: 'int bpf_program__fd(void *prog)',
  programAutoload: 'bool bpf_program__autoload(void *prog)',
  programSetAutoload: 'int bpf_program__set_autoload(void *prog, bool on)',
  programSetLogBuf: 'int bpf_program__set_log_buf(void *prog, void *buf, size_t size)',
  programAttach: 'void *bpf_program__attach(void *prog)',
  programAttachIter: 'void *bpf_program__attach_iter(void *prog, const void *opts)',
  programAttachCgroup: 'void *bpf_program__attach_cgroup(void *prog, int cgroup_fd)',
  linkFd: 'int bpf_link__fd(void *link)',
  linkDestroy: 'int bpf_link__destroy(void *link)',
  iterCreate: 'int bpf_iter_create(int link_fd)',
  mapName: 'const char *bpf_map__name(void *map)',
  mapType: 'int bpf_map__type(void *map)',
  mapFlags: 'uint32_t bpf_map__map_flags(void *map)',
  mapFd: 'int bpf_map__fd(void *map)',
  mapKeySize: 'uint32_t bpf_map__key_size(void *map)',
  mapValueSize: 'uint32_t bpf_map__value_size(void *map)',
  mapMaxEntries: 'uint32_t bpf_map__max_entries(void *map)',
  mapSetMaxEntries: 'int bpf_map__set_max_entries(void *map, uint32_t n)',
  mapInitialValue: 'void *bpf_map__initial_value(void *map, void *size)',
  mapLookup: 'int bpf_map_lookup_elem(int fd, const void *key, void *value)',
  mapUpdate: 'int bpf_map_update_elem(int fd, const void *key, const void *value, uint64_t flags)',
  mapDelete: 'int bpf_map_delete_elem(int fd, const void *key)',
  mapLookupBatch:
    'int bpf_map_lookup_batch(int fd, void *in, void *out, void *keys, void *values, void *count, const void *opts)',
  possibleCpus: 'int libbpf_num_possible_cpus()',
  progLoad:
    'int bpf_prog_load(int type, const char *name, const char *license, const void *insns, size_t n, const void *opts)',
  rawTracepointOpen: 'int bpf_raw_tracepoint_open(const char *name, int prog_fd)',
  enableStats: 'int bpf_enable_stats(int type)',
  progNextId: 'int bpf_prog_get_next_id(uint32_t start, void *next)',
  progFdById: 'int bpf_prog_get_fd_by_id(uint32_t id)',
  linkNextId: 'int bpf_link_get_next_id(uint32_t start, void *next)',
  linkFdById: 'int bpf_link_get_fd_by_id(uint32_t id)',
  infoByFd: 'int bpf_obj_get_info_by_fd(int fd, void *info, void *len)',
  progTypeName: 'const char *libbpf_bpf_prog_type_str(int type)',
  linkTypeName: 'const char *libbpf_bpf_link_type_str(int type)',
  attachTypeName: 'const char *libbpf_bpf_attach_type_str(int type)',
  btfLoadVmlinux: 'void *btf__load_vmlinux_btf()',
  btfLoadModule: 'void *btf__load_module_btf(const char *module, void *vmlinux)',
  btfFindByNameKind: 'int btf__find_by_name_kind(void *btf, const char *name, uint32_t kind)',
  btfTypeById: 'void *btf__type_by_id(void *btf, uint32_t id)',
  btfNameByOffset: 'const char *btf__name_by_offset(void *btf, uint32_t offset)',
  btfFree: 'void btf__free(void *btf)',
} as const;

const LIBC = {
  mmap: 'void *mmap(void *addr, size_t size, int prot, int flags, int fd, int64_t offset)',
  munmap: 'int munmap(void *addr, size_t size)',
  madvise: 'int madvise(void *addr, size_t size, int advice)',
  read: 'int64_t read(int fd, void *buf, size_t size)',
  vsnprintf: 'int vsnprintf(void *buf, size_t size, void *format, void *args)',
} as const;

/** glibc alone: musl keeps little of what was freed. */
const MALLOC_TRIM = 'int malloc_trim(size_t pad)';

/**
 * The calls, typed. Rules of libbpf 1.x: a call that returns a pointer gives null and sets errno; one that returns an
 * int gives -errno. errno() must be asked at once after the call.
 */
export interface Native {
  version(): string;
  strerror(error: number, buffer: Uint8Array, size: number): number;
  objectOpenMem(bytes: Uint8Array, size: number, opts: Uint8Array): Pointer | null;
  objectLoad(object: Pointer): number;
  objectClose(object: Pointer): void;
  objectNextProgram(object: Pointer, previous: Pointer | null): Pointer | null;
  objectNextMap(object: Pointer, previous: Pointer | null): Pointer | null;
  programName(program: Pointer): string;
  programSection(program: Pointer): string;
  programFd(program: Pointer): number;
  programAutoload(program: Pointer): boolean;
  programSetAutoload(program: Pointer, on: boolean): number;
  programSetLogBuf(program: Pointer, buffer: Pointer, size: number): number;
  programAttach(program: Pointer): Pointer | null;
  programAttachIter(program: Pointer, opts: Bytes): Pointer | null;
  programAttachCgroup(program: Pointer, cgroupFd: number): Pointer | null;
  linkFd(link: Pointer): number;
  linkDestroy(link: Pointer): number;
  iterCreate(linkFd: number): number;
  mapName(map: Pointer): string;
  mapType(map: Pointer): number;
  mapFlags(map: Pointer): number;
  mapFd(map: Pointer): number;
  mapKeySize(map: Pointer): number;
  mapValueSize(map: Pointer): number;
  mapMaxEntries(map: Pointer): number;
  mapSetMaxEntries(map: Pointer, entries: number): number;
  mapInitialValue(map: Pointer, size: Uint8Array): Pointer | null;
  mapLookup(fd: number, key: Uint8Array, value: Uint8Array): number;
  mapUpdate(fd: number, key: Uint8Array, value: Uint8Array, flags: number): number;
  mapDelete(fd: number, key: Uint8Array): number;
  // prettier-ignore
  mapLookupBatch(fd: number, from: Bytes, next: Uint8Array, keys: Uint8Array, values: Uint8Array, count: Uint8Array, opts: Bytes): number;
  possibleCpus(): number;
  // prettier-ignore
  progLoad(type: number, name: string, license: string, insns: Uint8Array, count: number, opts: Uint8Array): number;
  rawTracepointOpen(name: string | null, programFd: number): number;
  enableStats(type: number): number;
  progNextId(start: number, next: Uint8Array): number;
  progFdById(id: number): number;
  linkNextId(start: number, next: Uint8Array): number;
  linkFdById(id: number): number;
  infoByFd(fd: number, info: Uint8Array, size: Uint8Array): number;
  progTypeName(type: number): string | null;
  linkTypeName(type: number): string | null;
  attachTypeName(type: number): string | null;
  btfLoadVmlinux(): Pointer | null;
  btfLoadModule(module: string, vmlinux: Pointer): Pointer | null;
  btfFindByNameKind(btf: Pointer, name: string, kind: number): number;
  btfTypeById(btf: Pointer, id: number): Pointer | null;
  btfNameByOffset(btf: Pointer, offset: number): string | null;
  btfFree(btf: Pointer): void;
  /** Gives MAP_FAILED (2^64 - 1) on failure. */
  mmap(address: null, size: number, prot: number, flags: number, fd: number, offset: number): Pointer;
  munmap(address: Pointer, size: number): number;
  madvise(address: Pointer, size: number, advice: number): number;
  /** Null: the C library has none. */
  mallocTrim: ((pad: number) => number) | null;
  read(fd: number, buffer: Uint8Array, size: number): number;
  vsnprintf(buffer: Uint8Array, size: number, format: Pointer, args: Pointer): number;
  /** errno of the last native call. */
  errno(): number;
  /** Address of the bytes; the caller keeps them referenced as long as native code may look. */
  address(bytes: Uint8Array): Pointer;
  /** An ArrayBuffer over native memory, without a copy. Whoever unmaps the memory detaches the buffer first. */
  memory(address: Pointer, size: number): ArrayBuffer;
  /** libbpf's messages go to this function from now on. `args` is a va_list, good for one vsnprintf. */
  setPrint(print: (level: number, format: Pointer, args: Pointer) => number): void;
}

let loaded: Native | null = null;

/** The native calls; libraries are loaded on the first call. Throws E_LIBBPF_MISSING. */
export function native(): Native {
  loaded ??= loadNative('libbpf.so.1');
  return loaded;
}

/** Version of the library that is loaded: "v1.1". Throws E_LIBBPF_MISSING. */
export function libbpfVersion(): string {
  return native().version();
}

/** Loads a libbpf by its file name. Throws E_LIBBPF_MISSING when koffi, the library or one of its functions is not there. */
export function loadNative(libbpfName: string): Native {
  const koffi = loadKoffi();
  let library: ReturnType<Koffi['load']>;
  try {
    library = koffi.load(libbpfName);
  } catch (cause) {
    throw new NetcError('E_LIBBPF_MISSING', { reason: text(cause) }, { cause });
  }
  try {
    const libc = koffi.load(null); // this process: has libc, whichever it is (glibc or musl)
    const calls: Record<string, unknown> = {};
    for (const [name, prototype] of Object.entries(LIBBPF)) calls[name] = library.func(prototype);
    for (const [name, prototype] of Object.entries(LIBC)) calls[name] = libc.func(prototype);
    calls['mallocTrim'] = optional(() => libc.func(MALLOC_TRIM));
    return Object.assign(calls, memoryCalls(koffi), printCall(koffi, library)) as unknown as Native;
  } catch (cause) {
    throw new NetcError('E_LIBBPF_MISSING', { reason: `it is too old: ${text(cause)}` }, { cause });
  }
}

function optional<T>(load: () => T): T | null {
  try {
    return load();
  } catch {
    return null;
  }
}

function loadKoffi(): Koffi {
  try {
    return createRequire(import.meta.url)('koffi') as Koffi; // lazily: commands that need no kernel start without it
  } catch (cause) {
    const hint = 'Run npm ci: koffi, through which it is called, has a prebuilt package for this platform.';
    throw new NetcError('E_LIBBPF_MISSING', { reason: text(cause) }, { hint, cause });
  }
}

function memoryCalls(koffi: Koffi): Pick<Native, 'errno' | 'address' | 'memory'> {
  return {
    errno: () => koffi.errno(),
    address: (bytes) => koffi.address(bytes),
    memory: (address, size) => koffi.view(address, size),
  };
}

function printCall(koffi: Koffi, library: ReturnType<Koffi['load']>): Pick<Native, 'setPrint'> {
  const type = koffi.pointer(koffi.proto('int', ['int', 'void *', 'void *']));
  const setPrint = library.func('libbpf_set_print', 'void *', [type]);
  return {
    setPrint: (print) => void setPrint(koffi.register(print, type)), // kept for the life of the process, as libbpf does
  };
}

function text(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
