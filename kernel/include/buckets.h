/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which bucket a time falls into (struct distributions). Bounds are powers of two of a second, or of its square root; times
 * come in decimal units. Both are compared after they were moved up to the top of the word, where all bounds of a kind are
 * the same number: exact, and without a division. Arithmetic alone, so that a test runs it as it is.
 */
#ifndef KUBE_NETC_BUCKETS_H
#define KUBE_NETC_BUCKETS_H

#define SECOND_IN_US 4096000000u	   /* 1e6, moved up to bit 31 */
#define ROOT_OF_TWO_IN_US 2896309375u	   /* 1e6 * sqrt(2), moved up to bit 31, and cut */
#define SECOND_IN_NS (1000000000ull << 34) /* 1e9, moved up to bit 63 */

/* The place of the highest bit of v, which is not 0. Without branches: which way they would go is chance. */
static __always_inline __u32 highest_bit(__u64 v)
{
	__u32 at = 0;

	for (int power = 5; power >= 0; power--) {
		__u32 step = 1u << power;
		__u32 up = ((0 - (v >> step)) >> (63 - power)) & step; /* less than 0 has its top bit */

		v >>= up;
		at += up;
	}
	return at;
}

/* Schema 1 from 2^-18 s: 0 up to there, then two buckets to each power of two. Not bounded above. */
static __always_inline __u32 bucket_of_us(__u32 us)
{
	__u32 top, at, bucket;

	if (us <= 3) /* 2^-18 s are 3.8 us */
		return 0;
	at = highest_bit(us);
	top = us << (31 - at);
	bucket = 2 * at - 3; /* of what is between 2^at us and the first of the two bounds that follow */
	return bucket + (top > ROOT_OF_TWO_IN_US) + (top > SECOND_IN_US);
}

/* Schema 0 from 2^-14 s. Not bounded above. */
static __always_inline __u32 bucket_of_ns(__u64 ns)
{
	__u32 at;

	if (ns <= 61035) /* 2^-14 s are 61035.2 ns */
		return 0;
	at = highest_bit(ns);
	return at - 15 + (ns << (63 - at) > SECOND_IN_NS);
}

#endif
