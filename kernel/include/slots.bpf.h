/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The table of live sockets. A socket takes one of SLOT_PROBES places, which its cookie tells, by compare-and-swap, and
 * gives it back when it closes.
 *
 * slot.sock is the socket's address with these bits; whoever changes it does so by compare-and-swap:
 */
#ifndef KUBE_NETC_SLOTS_BPF_H
#define KUBE_NETC_SLOTS_BPF_H

#define SLOT_LOCKED 1ull /* a walk reads the socket: a close leaves its end in `handoff` */
#define SLOT_GONE 2ull	 /* closed while locked: the walk finishes for it and frees the slot */
#define SLOT_SERVER 4ull /* the peer opened the connection */
#define SLOT_BITS 7ull

/* Makes the slot visible to the walk: everything written before is seen by who sees this. */
static __always_inline void publish(__u64 *to, __u64 value)
{
#if defined(__TARGET_ARCH_arm64)
	__sync_lock_test_and_set(to, value);
#else
	barrier();
	*(volatile __u64 *)to = value;
#endif
}

static __always_inline struct slot *slot_at(__u32 index)
{
	return bpf_map_lookup_elem(&slots, &index);
}

/*
 * The places of a socket. Cookies are handed out in turn (in batches of 4096 for each CPU), so sockets that open together
 * lie together; but where many that live long lie together, the others must get past them: half of the places are
 * scattered. At a table filled to 30 % by such a crowd, 0.3 % of new sockets find no place; in line it would be 30 %.
 */
static __always_inline __u32 slot_place(__u64 cookie, int i)
{
	if (i < SLOT_PROBES / 2)
		return (cookie + i) & config.slot_mask;
	return ((cookie * 0x9e3779b97f4a7c15ull) >> (8 * i - 16)) & config.slot_mask;
}

/* How many sockets that belong near the first place of this one lie at a scattered place. */
static __always_inline __u64 *scattered_from(__u64 cookie)
{
	__u32 run = (cookie & config.slot_mask) / SLOT_RUN;

	return bpf_map_lookup_elem(&scattered, &run);
}

static __always_inline bool is_scattered(__u64 cookie, __u32 index)
{
	return ((index - cookie) & config.slot_mask) >= SLOT_PROBES / 2;
}

/* A socket takes this place (1) or gives it back (-1). */
static __always_inline void count_scattered(__u64 cookie, __u32 index, int change)
{
	__u64 *away;

	if (!is_scattered(cookie, index))
		return;
	away = scattered_from(cookie);
	if (away)
		__sync_fetch_and_add(away, change);
}

/*
 * The place of a live socket among those from `first` on, before `end`: its index, or -1. A slot that is only waiting for a
 * walk to free it does not count.
 */
static __always_inline int find_slot_among(__u64 cookie, struct sock *sk, int first, int end)
{
	for (int i = first; i < end; i++) {
		__u32 index = slot_place(cookie, i);
		struct slot *slot = slot_at(index);

		if (!slot)
			break;
		if (slot->cookie == cookie) {
			__u64 sock = *(volatile __u64 *)&slot->sock;

			if ((sock & ~SLOT_BITS) == (__u64)sk && !(sock & SLOT_GONE))
				return index;
		}
	}
	return -1;
}

/*
 * The place of a live socket: its index, or -1. Most that are looked for have none, and scattered places are cold memory:
 * 0.2 us and more. They are not looked at where no socket from here has gone.
 */
static __always_inline int find_slot(__u64 cookie, struct sock *sk)
{
	int index = find_slot_among(cookie, sk, 0, SLOT_PROBES / 2);
	__u64 *away;

	if (index >= 0)
		return index;
	away = scattered_from(cookie);
	if (!away || !*(volatile __u64 *)away)
		return -1;
	return find_slot_among(cookie, sk, SLOT_PROBES / 2, SLOT_PROBES);
}

static __always_inline void remember_owner(__u32 index, struct task_struct *task)
{
	struct owner *owner = bpf_map_lookup_elem(&owners, &index);
	struct task_struct *leader = task->group_leader;

	if (!owner)
		return;
	bpf_probe_read_kernel(owner->comm, sizeof(owner->comm), leader->comm);
	owner->pid = task->tgid;
}

/*
 * What a socket is not to be asked for: a socket that was connected before, and is connected again, goes on with the times
 * that it has (tcp_disconnect leaves chrono_stat). One that is older than the agent brings all of its life, as with bytes.
 */
static __always_inline void begin_measures(__u32 index, struct tcp_sock *tp, __u64 born_ns)
{
	struct measures *kept = bpf_map_lookup_elem(&measures, &index);
	struct totals before = {};

	if (!kept)
		return;
	if (tp && born_ns)
		read_times(tp, true, &before);
	kept->claimed_busy_jiffies = before.busy_jiffies;
	kept->claimed_receiver_limited_jiffies = before.receiver_limited_jiffies;
	kept->claimed_sndbuf_limited_jiffies = before.sndbuf_limited_jiffies;
	kept->connect_us = 0;
}

/*
 * Takes a place for a socket that has none. `task` is whose it is, or null; `born_ns` 0 means older than the agent.
 * Returns the index, or -1 if all its places are taken: counted, and the socket is accounted at its close.
 */
static __always_inline int take_slot(__u64 cookie, struct sock *sk, struct tcp_sock *tp, bool server, __u64 born_ns,
				     struct task_struct *task)
{
	for (int i = 0; i < SLOT_PROBES; i++) {
		__u32 index = slot_place(cookie, i);
		struct slot *slot = slot_at(index);

		if (!slot)
			return -1;
		if (slot->cookie || __sync_val_compare_and_swap(&slot->cookie, 0, cookie))
			continue;
		slot->claimed_sent_bytes = 0;
		slot->claimed_received_bytes = 0;
		slot->claimed_retrans_bytes = 0;
		slot->claimed_sent_segs = 0;
		slot->claimed_received_segs = 0;
		slot->claimed_retrans_segs = 0;
		slot->book = 0;
		slot->born_ns = born_ns;
		begin_measures(index, tp, born_ns);
		if (config.track_process) {
			struct owner *owner;

			if (task)
				remember_owner(index, task);
			else if ((owner = bpf_map_lookup_elem(&owners, &index)))
				*owner = (struct owner){};
		}
		count_scattered(cookie, index, 1);
		if (server) /* adding a constant is the arithmetic that the verifier allows on this pointer */
			publish(&slot->sock, (__u64)sk + SLOT_SERVER);
		else
			publish(&slot->sock, (__u64)sk);
		return index;
	}
	count(slots_full);
	return -1;
}

static __always_inline __u32 connect_us_of(__u32 index)
{
	struct measures *kept = bpf_map_lookup_elem(&measures, &index);

	return kept ? kept->connect_us : 0;
}

/* Gives the place back. Nothing of the slot may be touched afterwards. */
static __always_inline void free_slot(struct slot *slot, __u32 index)
{
	count_scattered(slot->cookie, index, -1);
	publish(&slot->sock, 0);
	publish(&slot->cookie, 0);
}

static __always_inline void load_claims(const struct slot *slot, __u32 index, struct totals *t)
{
	struct measures *kept = bpf_map_lookup_elem(&measures, &index);

	if (kept) {
		t->busy_jiffies = kept->claimed_busy_jiffies;
		t->receiver_limited_jiffies = kept->claimed_receiver_limited_jiffies;
		t->sndbuf_limited_jiffies = kept->claimed_sndbuf_limited_jiffies;
	}
	t->sent_bytes = slot->claimed_sent_bytes;
	t->received_bytes = slot->claimed_received_bytes;
	t->retrans_bytes = slot->claimed_retrans_bytes;
	t->sent_segs = slot->claimed_sent_segs;
	t->received_segs = slot->claimed_received_segs;
	t->retrans_segs = slot->claimed_retrans_segs;
}

static __always_inline void store_claims(struct slot *slot, __u32 index, const struct totals *t)
{
	struct measures *kept = bpf_map_lookup_elem(&measures, &index);

	if (kept) {
		kept->claimed_busy_jiffies = t->busy_jiffies;
		kept->claimed_receiver_limited_jiffies = t->receiver_limited_jiffies;
		kept->claimed_sndbuf_limited_jiffies = t->sndbuf_limited_jiffies;
	}
	slot->claimed_sent_bytes = t->sent_bytes;
	slot->claimed_received_bytes = t->received_bytes;
	slot->claimed_retrans_bytes = t->retrans_bytes;
	slot->claimed_sent_segs = t->sent_segs;
	slot->claimed_received_segs = t->received_segs;
	slot->claimed_retrans_segs = t->retrans_segs;
}

/* The process that listens on this address and port, else on any address of the family, else on any address. */
static __always_inline struct owner *listener_of(const struct flow_key *key)
{
	struct listener_key at = { .netns = key->netns, .port = key->port };
	struct owner *owner;

	__builtin_memcpy(at.addr, key->local_addr, sizeof(at.addr));
	owner = bpf_map_lookup_elem(&listeners, &at);
	if (owner)
		return owner;
	v4_mapped(at.addr, 0);
	owner = bpf_map_lookup_elem(&listeners, &at);
	if (owner)
		return owner;
	__builtin_memset(at.addr, 0, sizeof(at.addr));
	return bpf_map_lookup_elem(&listeners, &at);
}

/*
 * Puts the process into the key. `index` is the socket's slot, or -1. What a listener is known for goes to the slot
 * of the connection too, so that it is looked up once.
 */
static __always_inline void name_process(struct flow_key *key, int index)
{
	struct owner *owner = 0, *mine = 0;
	__u32 at = index;

	if (!config.track_process)
		return;
	if (index >= 0)
		mine = bpf_map_lookup_elem(&owners, &at);
	if (mine && mine->pid)
		owner = mine;
	else if (key->role == ROLE_SERVER) {
		owner = listener_of(key);
		if (owner && mine)
			*mine = *owner;
	}
	if (owner)
		__builtin_memcpy(key->comm, owner->comm, sizeof(key->comm));
}

#endif
