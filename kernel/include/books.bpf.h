/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Accounts: from a flow's key to its book, and adding to it.
 *
 * A book is an entry of an array, and only its index is in the hash. So a flow can be forgotten without losing a
 * byte: user space deletes the key, waits until no program can still hold the index, reads the book a last time, and
 * gives it back through the ring of free books.
 */
#ifndef KUBE_NETC_BOOKS_BPF_H
#define KUBE_NETC_BOOKS_BPF_H

#define count(field) __sync_fetch_and_add(&control.field, 1)

/* In slot.book beside the index: */
#define BOOK_OPENED 0x80000000u /* the connection is counted as opened */
#define BOOK_BOUND 0x40000000u	/* the index is decided, for the socket's life: `other` too */
#define BOOK_INDEX 0x3fffffffu
#define TAKE_TRIES 8

static __always_inline struct book *book_at(__u32 index)
{
	return bpf_map_lookup_elem(&books, &index);
}

/* A free book's index, or 0. */
static __always_inline __u32 take_free_book(void)
{
	for (int i = 0; i < TAKE_TRIES; i++) {
		__u64 head = *(volatile __u64 *)&control.free_head;
		__u32 at = head & (config.book_capacity - 1), *index;

		if (head >= *(volatile __u64 *)&control.free_tail)
			return 0;
		index = bpf_map_lookup_elem(&free_books, &at);
		if (!index)
			return 0;
		at = *(volatile __u32 *)index;
		if (__sync_val_compare_and_swap(&control.free_head, head, head + 1) == head)
			return at;
	}
	return 0;
}

static __always_inline bool same_key(const struct flow_key *a, const struct flow_key *b)
{
	const __u64 *x = (const __u64 *)a, *y = (const __u64 *)b;
	__u64 diff = 0;

	for (int i = 0; i < sizeof(*a) / 8; i++)
		diff |= x[i] ^ y[i];
	return diff == 0;
}

/* The flow's index in the hash, if the book at that index is really the flow's (an element may be reused under us). */
static __always_inline __u32 known_book(const struct flow_key *key)
{
	__u32 *index = bpf_map_lookup_elem(&flows, key), i;
	struct book *book;

	if (!index)
		return 0;
	i = *(volatile __u32 *)index;
	book = book_at(i);
	return book && same_key(&book->key, key) ? i : 0;
}

/* The index of the flow's book, made if it is new. 0, the book `other`, if there is no room: counted. */
static __noinline __u32 find_book(const struct flow_key *key)
{
	__u32 index;
	struct book *book;

	if (!key)
		return 0;
	index = known_book(key);
	if (index)
		return index;
	index = take_free_book();
	if (!index)
		goto full;
	book = book_at(index);
	if (!book)
		goto full;
	book->key = *key;
	barrier();
	if (bpf_map_update_elem(&flows, key, &index, BPF_NOEXIST) == 0) {
		*(volatile __u32 *)&book->state =
			BOOK_USED; /* not before: user space must not see a book that becomes an orphan */
		return index;
	}
	*(volatile __u32 *)&book->state = BOOK_ORPHAN;
	index = known_book(key); /* another CPU was first */
	if (index)
		return index;
full:
	count(books_full);
	return 0;
}

#define add(field, n)                                       \
	({                                                  \
		__u64 n_ = (n);                             \
		if (n_)                                     \
			__sync_fetch_and_add(&(field), n_); \
	})

/* What is in `now` and not yet in the slot's claims. Claims never go down, so nothing is claimed twice. */
static __always_inline __u64 unclaimed(__u64 claimed, __u64 now)
{
	return now > claimed ? now - claimed : 0;
}

/* The same for counters that wrap at 2^32. */
static __always_inline __u32 unclaimed32(__u32 claimed, __u32 now)
{
	__s32 diff = (__s32)(now - claimed);

	return diff > 0 ? diff : 0;
}

/* Adds to the book what `now` has and `claimed` has not, and moves `claimed` up to it. */
static __always_inline void claim(struct book *book, struct totals *claimed, const struct totals *now)
{
	__u64 sent = unclaimed(claimed->sent_bytes, now->sent_bytes);
	__u64 received = unclaimed(claimed->received_bytes, now->received_bytes);
	__u64 retrans = unclaimed(claimed->retrans_bytes, now->retrans_bytes);
	__u32 sent_segs = unclaimed32(claimed->sent_segs, now->sent_segs);
	__u32 received_segs = unclaimed32(claimed->received_segs, now->received_segs);
	__u32 retrans_segs = unclaimed32(claimed->retrans_segs, now->retrans_segs);
	__u32 busy = unclaimed32(claimed->busy_jiffies, now->busy_jiffies);
	__u32 receiver = unclaimed32(claimed->receiver_limited_jiffies, now->receiver_limited_jiffies);
	__u32 sndbuf = unclaimed32(claimed->sndbuf_limited_jiffies, now->sndbuf_limited_jiffies);

	add(book->sent_bytes, sent);
	add(book->received_bytes, received);
	add(book->retrans_bytes, retrans);
	add(book->sent_segs, sent_segs);
	add(book->received_segs, received_segs);
	add(book->retrans_segs, retrans_segs);
	add(book->busy_jiffies, busy);
	add(book->receiver_limited_jiffies, receiver);
	add(book->sndbuf_limited_jiffies, sndbuf);
	claimed->sent_bytes += sent;
	claimed->received_bytes += received;
	claimed->retrans_bytes += retrans;
	claimed->sent_segs += sent_segs;
	claimed->received_segs += received_segs;
	claimed->retrans_segs += retrans_segs;
	claimed->busy_jiffies += busy;
	claimed->receiver_limited_jiffies += receiver;
	claimed->sndbuf_limited_jiffies += sndbuf;
}

#endif
