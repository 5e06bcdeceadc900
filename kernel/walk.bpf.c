/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The walk: reads every live socket, adds what is new to its book, and writes a record of it.
 *
 * Needs: Linux >= 6.2 for walk_cast (bpf_rdonly_cast), >= 5.15 for walk_probe (iter/bpf_map_elem). One is loaded.
 *
 * User space runs it in steps: each step looks at slots from control.walk_next_slot on until control.walk_budget is
 * spent or `records` is full, so the longest time it holds a CPU is chosen outside. The walk takes no lock that a
 * packet waits for. It meets a close through slot.sock, see slots.bpf.h. There is one walker, by design.
 */

#define STALE_AFTER_NS 1000000000ull

static __always_inline enum role slot_role(__u64 sock, int state)
{
	if (state == TCP_LISTEN)
		return ROLE_UNKNOWN;
	return sock & SLOT_SERVER ? ROLE_SERVER : ROLE_CLIENT;
}

/* net/ipv4/tcp.c: tcp_get_info_chrono_stats, tcp_compute_delivery_rate */
static __always_inline void read_limits(enum how how, struct tcp_sock *tp, struct live_record *r, __u32 jiffies)
{
	__u32 type = READ_BITS(how, tp, chrono_type);
	__u32 running = since(jiffies, READ(how, tp, chrono_start));
	__u32 busy = READ(how, tp, chrono_stat[0]) + (type == 1 ? running : 0);
	__u32 receiver = READ(how, tp, chrono_stat[1]) + (type == 2 ? running : 0);
	__u32 sndbuf = READ(how, tp, chrono_stat[2]) + (type == 3 ? running : 0);
	__u32 interval = READ(how, tp, rate_interval_us), rate = READ(how, tp, rate_delivered);
	__u32 sent_ago = since(jiffies, READ(how, tp, lsndtime));
	__u32 received_ago = since(jiffies, READ(how, tp, inet_conn.icsk_ack.lrcvtime));

	r->busy_jiffies = busy + receiver + sndbuf;
	r->receiver_limited_jiffies = receiver;
	r->sndbuf_limited_jiffies = sndbuf;
	r->mss_bytes = READ(how, tp, mss_cache);
	r->delivery_rate_bytes = interval ? (__u64)rate * r->mss_bytes * 1000000 / interval : 0;
	r->idle_jiffies = sent_ago < received_ago ? sent_ago : received_ago;
}

static __always_inline void read_quality(enum how how, struct tcp_sock *tp, struct live_record *r, __u32 jiffies)
{
	r->acked_bytes = READ(how, tp, bytes_acked);
	r->srtt_us = READ(how, tp, srtt_us) >> 3;
	r->rttvar_us = READ(how, tp, mdev_us) >> 2;
	r->min_rtt_us = READ(how, tp, rtt_min.s[0].v);
	r->cwnd_segs = READ(how, tp, snd_cwnd);
	r->send_queue_bytes = READ(how, tp, write_seq) - READ(how, tp, snd_una);
	r->receive_queue_bytes = READ(how, tp, rcv_nxt) - READ(how, tp, copied_seq);
	read_limits(how, tp, r, jiffies);
}

static __always_inline void write_record(enum how how, struct sock *sk, struct tcp_sock *tp, const struct slot *slot,
					 __u32 index, const struct flow_key *key, const struct totals *t, int state,
					 struct live_record *r)
{
	struct owner *owner = config.track_process ? bpf_map_lookup_elem(&owners, &index) : 0;
	struct measures *kept = bpf_map_lookup_elem(&measures, &index);

	r->cookie = slot->cookie;
	r->born_ns = slot->born_ns;
	r->sent_bytes = t->sent_bytes;
	r->received_bytes = t->received_bytes;
	r->retrans_bytes = t->retrans_bytes;
	r->sent_segs = t->sent_segs;
	r->received_segs = t->received_segs;
	r->retrans_segs = t->retrans_segs;
	r->cgroup_id = key->cgroup_id;
	r->netns = key->netns;
	__builtin_memcpy(r->local_addr, key->local_addr, 16);
	__builtin_memcpy(r->remote_addr, key->remote_addr, 16);
	r->local_port = read_local_port(how, tp);
	r->remote_port = bpf_ntohs(READ(how, sk, __sk_common.skc_dport));
	r->state = state;
	r->role = key->role;
	r->protocol = IPPROTO_TCP;
	r->slot = index;
	r->book = slot->book & BOOK_INDEX;
	r->pid = owner ? owner->pid : 0;
	if (owner)
		__builtin_memcpy(r->comm, owner->comm, COMM_LEN);
	else
		__builtin_memset(r->comm, 0, COMM_LEN);
	r->backlog = state == TCP_LISTEN ? READ(how, sk, sk_ack_backlog) : 0;
	r->backlog_max = state == TCP_LISTEN ? READ(how, sk, sk_max_ack_backlog) : 0;
	r->drops = state == TCP_LISTEN && bpf_core_field_exists(sk->sk_drops.counter) ?
			   READ(how, sk, sk_drops.counter) :
			   0;
	r->connect_us = kept ? kept->connect_us : 0;
	read_quality(how, tp, r, (__u32)control.walk_jiffies);
}

/* Adds what is new to the socket's book, which is looked up once in the socket's life. */
static __always_inline void claim_live(struct slot *slot, __u32 index, struct flow_key *key, const struct totals *now,
				       int state)
{
	struct totals claimed = {};
	struct book *book;

	if (!(slot->book & BOOK_BOUND)) {
		name_process(key, index);
		slot->book |= find_book(key) | BOOK_BOUND;
	}
	book = book_at(slot->book & BOOK_INDEX);
	if (!book)
		return;
	load_claims(slot, index, &claimed);
	claim(book, &claimed, now);
	store_claims(slot, index, &claimed);
	if (!(slot->book & BOOK_OPENED) && state != TCP_SYN_SENT && state != TCP_SYN_RECV) {
		add(book->opened, 1);
		measure_opened(slot->book & BOOK_INDEX, connect_us_of(index));
		slot->book |= BOOK_OPENED;
	}
}

/* Finishes for a close that met our lock, with what it left in `handoff`. */
static __always_inline void finish_close(struct slot *slot, __u32 index)
{
	struct end *left = bpf_map_lookup_elem(&handoff, &index);
	struct totals claimed = {};

	if (left) {
		struct end end = *left;

		load_claims(slot, index, &claimed);
		settle(&end, &claimed, slot->book);
		bpf_map_delete_elem(&handoff, &index);
	}
	free_slot(slot, index);
}

/*
 * A slot whose socket has closed without our hearing of it: what it has not claimed is read if it is still there,
 * and lost otherwise. Counted either way.
 */
static __always_inline void drop_stale(struct slot *slot, __u32 index, const struct flow_key *key,
				       const struct totals *now, bool readable)
{
	struct totals claimed = {};
	struct end end = { .min_rtt_us = NO_RTT, .connect_us = connect_us_of(index) };

	/* of the first pass, and closed before its slot was taken: its close has counted it */
	if (!slot->born_ns && !(slot->book & BOOK_BOUND)) {
		free_slot(slot, index);
		return;
	}
	count(stale_slots);
	load_claims(slot, index, &claimed);
	end.totals = readable ? *now : claimed;
	end.key = *key;
	if (slot->book & BOOK_OPENED || end.totals.received_segs > 1)
		end.flags = END_ESTABLISHED;
	if (readable || slot->book & BOOK_BOUND)
		settle(&end, &claimed, slot->book);
	free_slot(slot, index);
}

static __always_inline void walk_locked(enum how how, struct slot *slot, __u32 index, __u64 sock)
{
	struct sock *sk = (struct sock *)(sock & ~SLOT_BITS);
	struct tcp_sock *tp = (struct tcp_sock *)sk;
	__u32 at = control.walk_records;
	struct flow_key key = {};
	struct totals now = {};
	struct live_record *r;
	enum role role;
	bool same, begun, old;
	int state;

	if (how == CAST) {
		tp = CAST_TO(struct tcp_sock, sk);
		sk = CAST_TO(struct sock, sk);
	}
	state = READ(how, sk, __sk_common.skc_state);
	role = slot_role(sock, state);
	read_totals_live(how, sk, tp, role, state, &now);
	read_key(how, sk, tp, role, &key);
	same = READ(how, sk, __sk_common.skc_cookie.counter) == slot->cookie;
	read_barrier();
	/* Closed while we read? Then what we read may be another socket's, and the close has left the truth. */
	if (*(volatile __u64 *)&slot->sock != (sock | SLOT_LOCKED)) {
		finish_close(slot, index);
		return;
	}
	/*
	 * A socket is taken before the kernel stores SYN_SENT or LISTEN: it is new, however long that takes on a starved
	 * CPU, while nothing has been sent. And a socket that has just closed is left to tcp_destroy.
	 */
	begun = now.sent_segs || now.received_segs;
	old = (__s64)(control.walk_now_ns - slot->born_ns) > (__s64)STALE_AFTER_NS;
	if (!same || (state == TCP_CLOSE && begun && old)) {
		if (__sync_val_compare_and_swap(&slot->sock, sock | SLOT_LOCKED, sock | SLOT_LOCKED | SLOT_GONE) !=
		    (sock | SLOT_LOCKED))
			finish_close(slot, index);
		else
			drop_stale(slot, index, &key, &now, same);
		return;
	}
	if (state != TCP_LISTEN && state != TCP_CLOSE) {
		claim_live(slot, index, &key, &now, state);
		load_claims(slot, index, &now);
	}
	r = bpf_map_lookup_elem(&records, &at);
	if (r && state != TCP_CLOSE) {
		write_record(how, sk, tp, slot, index, &key, &now, state, r);
		control.walk_records = at + 1;
	}
	if (__sync_val_compare_and_swap(&slot->sock, sock | SLOT_LOCKED, sock) != (sock | SLOT_LOCKED))
		finish_close(slot, index);
}

/* Returns what it cost, in empty slots. */
static __always_inline int walk_slot(enum how how, __u32 index)
{
	struct slot *slot = slot_at(index);
	__u64 sock;

	if (!slot)
		return 0;
	sock = *(volatile __u64 *)&slot->sock;
	if (!sock)
		return 0;
	if (sock &
	    (SLOT_LOCKED | SLOT_GONE)) /* a walk that was ended in the middle: cannot be, programs run to their end */
		return 0;
	if (__sync_val_compare_and_swap(&slot->sock, sock, sock | SLOT_LOCKED) != sock)
		return 0;
	walk_locked(how, slot, index, sock);
	return WALK_COST_LIVE;
}

/*
 * Global functions: the verifier checks each once, not once for every slot of a block. What they return it takes for
 * unknown, so all ways through a block look alike to it; a sum of constants makes it follow each way: too many for 6.1.
 */
__noinline int walk_slot_cast(__u32 index)
{
	return walk_slot(CAST, index);
}

__noinline int walk_slot_probe(__u32 index)
{
	return walk_slot(PROBED, index);
}

static __always_inline int walk_block(enum how how, struct bpf_iter__bpf_map_elem *ctx)
{
	__u32 first = control.walk_next_slot, spent = WALK_BLOCK;

	if (!ctx->key || first > config.slot_mask)
		return 0;
	if (control.walk_budget == 0 || control.walk_records + WALK_BLOCK > RECORDS_MAX)
		return 0;
	control.walk_now_ns = bpf_ktime_get_ns();
	control.walk_jiffies = bpf_jiffies64();
	for (int i = 0; i < WALK_BLOCK; i++) {
		__u32 index = first + i;
		struct slot *slot = slot_at(index);

		if (how == CAST && i % WALK_NEAR == 0)
			approach_cast(index);
		if (!slot || !slot->cookie)
			continue;
		spent += how == CAST ? walk_slot_cast(index) : walk_slot_probe(index);
	}
	control.walk_next_slot = first + WALK_BLOCK;
	control.walk_budget = control.walk_budget > spent ? control.walk_budget - spent : 0;
	return 0;
}

SEC("iter/bpf_map_elem")
int walk_cast(struct bpf_iter__bpf_map_elem *ctx)
{
	return walk_block(CAST, ctx);
}

SEC("iter/bpf_map_elem")
int walk_probe(struct bpf_iter__bpf_map_elem *ctx)
{
	return walk_block(PROBED, ctx);
}
