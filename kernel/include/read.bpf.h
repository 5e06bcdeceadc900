/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reading the kernel's structures. Three ways to reach a field, chosen by the caller through `how`, a compile-time constant:
 *   TRUSTED  the tracepoint's own pointer: plain loads.
 *   CAST     a pointer that we kept, through bpf_rdonly_cast (Linux >= 6.2): plain loads that cannot fault.
 *   PROBED   a pointer that we kept, before 6.2: bpf_probe_read_kernel for each field, three times slower.
 */
#ifndef KUBE_NETC_READ_BPF_H
#define KUBE_NETC_READ_BPF_H

enum how { TRUSTED, CAST, PROBED };

extern void *bpf_rdonly_cast(const void *obj, __u32 btf_id) __ksym __weak;
#define CAST_TO(type, p) ((type *)bpf_rdonly_cast(p, bpf_core_type_id_kernel(type)))

#define barrier() asm volatile("" ::: "memory")

/* One field. volatile: each read happens once, in the order written; others write meanwhile. */
#define READ(how, p, field)                                                  \
	({                                                                   \
		typeof((p)->field) v_;                                       \
		if ((how) == PROBED)                                         \
			bpf_probe_read_kernel(&v_, sizeof(v_), &(p)->field); \
		else                                                         \
			v_ = *(volatile typeof(v_) *)&(p)->field;            \
		v_;                                                          \
	})

#define READ_BITS(how, p, field) \
	((how) == PROBED ? BPF_CORE_READ_BITFIELD_PROBED(p, field) : BPF_CORE_READ_BITFIELD(p, field))

/*
 * Order of two reads. x86 keeps loads in order, so the compiler alone must be told. arm64 does not: an atomic
 * that returns a value is a full barrier there.
 */
#if defined(__TARGET_ARCH_arm64)
#define read_barrier()                                              \
	({                                                          \
		__u64 fence_ = 0;                                   \
		__sync_fetch_and_add((volatile __u64 *)&fence_, 1); \
	})
#else
#define read_barrier() barrier()
#endif

#endif
