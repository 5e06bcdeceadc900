/**
 * Numbers of the kernel's and libbpf's stable interface (linux/bpf.h, bpf/bpf.h, bpf/libbpf.h): offsets in bytes, sizes
 * and constants. They only ever grow at the end. test/unit/libbpf/uapi.test.ts compares them with the installed headers.
 */
export const OBJECT_OPEN_OPTS = { size: 80, object_name: 8 } as const;
export const ITER_ATTACH_OPTS = { size: 24, link_info: 8, link_info_len: 16 } as const;
export const ITER_LINK_INFO = { size: 16, map_fd: 0 } as const; // union bpf_iter_link_info, its map member
export const PROG_LOAD_OPTS = {
  size: 104,
  expected_attach_type: 12,
  attach_btf_id: 32,
  log_level: 88,
  log_size: 92,
  log_buf: 96,
} as const;
export const PROG_INFO = {
  size: 232,
  type: 0,
  id: 4,
  name: 64,
  run_time_ns: 192,
  run_cnt: 200,
  recursion_misses: 208,
  attach_btf_obj_id: 220,
  attach_btf_id: 224,
} as const;
/** struct bpf_link_info: what follows `prog_id` is a union by link type. */
export const LINK_INFO = {
  size: 48,
  type: 0,
  id: 4,
  prog_id: 8,
  'raw_tracepoint.tp_name': 16,
  'raw_tracepoint.tp_name_len': 24,
  'tracing.attach_type': 16,
  'tracing.target_obj_id': 20,
  'tracing.target_btf_id': 24,
  'cgroup.cgroup_id': 16,
  'cgroup.attach_type': 24,
  'iter.target_name': 16,
  'iter.target_name_len': 24,
} as const;

export const PROG_TYPE = {
  SOCKET_FILTER: 1,
  SCHED_CLS: 3,
  TRACEPOINT: 5,
  CGROUP_SKB: 8,
  SOCK_OPS: 13,
  RAW_TRACEPOINT: 17,
  CGROUP_SOCK_ADDR: 18,
  TRACING: 26,
} as const;
export const ATTACH_TYPE = {
  CGROUP_INET_INGRESS: 0,
  CGROUP_SOCK_OPS: 3,
  CGROUP_UDP4_SENDMSG: 14,
  CGROUP_UDP6_SENDMSG: 15,
  CGROUP_UDP4_RECVMSG: 19,
  CGROUP_UDP6_RECVMSG: 20,
  TRACE_RAW_TP: 23,
  TRACE_FENTRY: 24,
  TRACE_FEXIT: 25,
  TRACE_ITER: 28,
} as const;
export const MAP_TYPE = {
  HASH: 1,
  ARRAY: 2,
  PERCPU_HASH: 5,
  PERCPU_ARRAY: 6,
  LRU_PERCPU_HASH: 10,
} as const;
export const LINK_TYPE = { RAW_TRACEPOINT: 1, TRACING: 2, CGROUP: 3, ITER: 4 } as const;
export const MAP_FLAG = { RDONLY_PROG: 1 << 7, MMAPABLE: 1 << 10 } as const;
export const BTF_KIND = { STRUCT: 4, TYPEDEF: 8, FUNC: 12 } as const;
export const STATS_RUN_TIME = 0;
export const FUNC_KTIME_GET_COARSE_NS = 160;

/** mmap(2) on every architecture that kube-netc runs on (asm-generic). */
export const PROT_READ_WRITE = 3;
export const MAP_SHARED = 0x01;
export const MADV_DONTNEED = 4;
export const MAP_PRIVATE_ANONYMOUS_NORESERVE = 0x02 | 0x20 | 0x4000;
export const MAP_FAILED = 0xffff_ffff_ffff_ffffn;
