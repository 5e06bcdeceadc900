/* SPDX-License-Identifier: GPL-2.0 */
/* Adding a connection's times to the distributions of its flow. */
#ifndef KUBE_NETC_DISTRIBUTIONS_BPF_H
#define KUBE_NETC_DISTRIBUTIONS_BPF_H

/* The last bucket takes what is longer. In one go with the use, so that the verifier sees the bound. */
#define add_to_bucket(buckets, count, at)                 \
	({                                                \
		__u32 at_ = (at);                         \
		asm volatile("" : "+r"(at_));             \
		if (at_ > (count) - 1)                    \
			at_ = (count) - 1;                \
		__sync_fetch_and_add(&(buckets)[at_], 1); \
	})

/* A connection is counted as opened. The sum last: who finds it moved finds the bucket too. `connect_us` 0: how long that took is not known. */
static __always_inline void measure_opened(__u32 book, __u32 connect_us)
{
	struct distributions *of = connect_us ? bpf_map_lookup_elem(&distributions, &book) : 0;

	if (!of)
		return;
	add_to_bucket(of->connect, CONNECT_BUCKETS, bucket_of_us(connect_us));
	__sync_fetch_and_add(&of->connect_sum_us, connect_us);
}

/* A connection is counted as closed. */
static __always_inline void measure_closed(__u32 book, const struct end *end)
{
	struct distributions *of = bpf_map_lookup_elem(&distributions, &book);

	if (!of)
		return;
	if (end->min_rtt_us != NO_RTT) {
		add_to_bucket(of->rtt, RTT_BUCKETS, bucket_of_us(end->min_rtt_us));
		__sync_fetch_and_add(&of->rtt_sum_us, end->min_rtt_us);
	}
	if (end->duration_ns) {
		add_to_bucket(of->duration, DURATION_BUCKETS, bucket_of_ns(end->duration_ns));
		__sync_fetch_and_add(&of->duration_sum_binary_us, end->duration_ns >> 10);
	}
}

#endif
