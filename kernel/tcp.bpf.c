/* SPDX-License-Identifier: GPL-2.0 */
/*
 * TCP, by the kernel's own books: nothing runs per send, receive or packet.
 *
 * Needs: Linux >= 5.15 (tp_btf, bpf_get_socket_cookie and bpf_skc_to_tcp_sock in tracing programs).
 *
 * tcp_state    at ESTABLISHED a socket takes a slot; at CLOSE its final counters go to its flow's book.
 * tcp_destroy  does the same for a socket that goes and still has a slot: its CLOSE was missed.
 * tcp_connect  attached only where processes are tracked: at SYN_SENT and LISTEN the program that asked is still the
 *              current one, so its name is kept. A program of its own, because a BPF program that an interrupt
 *              meets while it runs on the same CPU is skipped (recursion guard of the tracepoint): the less tcp_state
 *              does where interrupts are on, the rarer a close is missed. tcp_destroy runs with interrupts' work held
 *              off (inet_csk_destroy_sock), so it is not skipped; a socket that nobody destroys yet the walk finds.
 */

/* What is known of a connection at its end. */
#define END_ESTABLISHED 1 /* it was a connection: opened and closed */
#define END_FAILED 2	  /* connect() failed: end.failure says why */
#define END_RESET 4	  /* a reset ended it */
#define END_LISTENER 8	  /* it was no connection at all, or has been counted */
#define END_FIN_DUE 16	  /* the peer's FIN is still to come */

/* `oldstate` TCP_CLOSE: it is not known any more. Who closed before it got a peer or an answer is told by what is left. */
static __always_inline __u32 describe_end(struct sock *sk, struct tcp_sock *tp, int oldstate, enum role role)
{
	int err = sk->sk_err;

	if (oldstate == TCP_LISTEN || (oldstate == TCP_CLOSE && !sk->__sk_common.skc_dport))
		return END_LISTENER;
	if (oldstate == TCP_CLOSE && role == ROLE_CLIENT && !tp->bytes_acked)
		return END_FAILED;
	if (oldstate == TCP_SYN_SENT || (oldstate == TCP_SYN_RECV && role == ROLE_CLIENT))
		return END_FAILED;
	if (oldstate == TCP_SYN_RECV)
		/*
		 * A handshake that did not end: its segments count, no connection does. But two CPUs may make a socket each
		 * of one handshake, and the one too many goes unused (inet_ehash_nolisten, net/ipv4/inet_hashtables.c): it has
		 * the SYN, and what was sent again before it was made, in its counters, as the other has.
		 */
		return tp->segs_in > 1 || tp->fastopen_rsk ? 0 : END_LISTENER;
	/* tcp_time_wait(sk, TCP_FIN_WAIT2): all is said and acknowledged but the peer's FIN */
	if (oldstate == TCP_FIN_WAIT2 && !err && !fin_received(TRUSTED, sk))
		return END_ESTABLISHED | END_FIN_DUE;
	return END_ESTABLISHED | (err == ECONNRESET || err == EPIPE ? END_RESET : 0);
}

/* Adds a closed socket to its book. `claimed` is what the book already has; `index` of the book with BOOK_OPENED. */
static __always_inline void settle(const struct end *end, struct totals *claimed, __u32 index)
{
	struct book *book;

	if (end->flags & END_LISTENER)
		return;
	if (!(index & BOOK_BOUND))
		index |= find_book(&end->key);
	book = book_at(index & BOOK_INDEX);
	if (!book)
		return;
	claim(book, claimed, &end->totals);
	if (end->flags & END_FAILED && end->failure < FAILED_CLASSES)
		add(book->failed[end->failure], 1);
	if (end->flags & END_ESTABLISHED) {
		if (!(index & BOOK_OPENED)) {
			add(book->opened, 1);
			measure_opened(index & BOOK_INDEX, end->connect_us);
		}
		add(book->closed, 1);
		measure_closed(index & BOOK_INDEX, end);
	}
	if (end->flags & END_FIN_DUE)
		add(book->fins_due, 1);
	if (end->flags & END_RESET)
		add(book->reset, 1);
}

/*
 * Takes the slot out of the table for a socket that closes. 0: it is ours alone now. 1: a walk holds it, and finishes
 * with what we left in `handoff`.
 */
static __always_inline int leave_table(struct slot *slot, __u32 index, const struct end *end)
{
	__u64 sock = *(volatile __u64 *)&slot->sock & ~(SLOT_LOCKED | SLOT_GONE);

	for (int i = 0; i < LEAVE_TRIES; i++) { /* the walk may let go between the two swaps */
		if (__sync_val_compare_and_swap(&slot->sock, sock, 0) == sock)
			return 0;
		if (bpf_map_update_elem(&handoff, &index, end, BPF_ANY)) {
			count(handoff_full);
			bpf_map_delete_elem(&handoff, &index);
		}
		if (__sync_val_compare_and_swap(&slot->sock, sock | SLOT_LOCKED, sock | SLOT_LOCKED | SLOT_GONE) ==
		    (sock | SLOT_LOCKED)) {
			count(handed_over);
			return 1;
		}
		bpf_map_delete_elem(&handoff, &index);
	}
	count(handoff_full); /* a walk came by and went in every try: the slot is left to it as stale */
	return 1;
}

/*
 * The role of a socket without a slot: by its state, else by its sequence numbers, which nobody writes any more; where
 * those do not tell, the lower port serves.
 */
static __always_inline enum role role_at_close(struct sock *sk, struct tcp_sock *tp, int oldstate)
{
	__s64 opened;

	if (oldstate == TCP_SYN_SENT)
		return ROLE_CLIENT;
	if (oldstate == TCP_SYN_RECV)
		return ROLE_SERVER;
	count(role_guessed);
	opened = opened_by_us(TRUSTED, tp, oldstate);
	if (opened == 0 || opened == 1)
		return opened ? ROLE_CLIENT : ROLE_SERVER;
	return bpf_ntohs(sk->__sk_common.skc_dport) < read_local_port(TRUSTED, tp) ? ROLE_CLIENT : ROLE_SERVER;
}

/* A connection that no walk knows: older than the agent and not found, or the table was full when it opened. */
static __always_inline void note_unseen(struct end *end)
{
	count(unseen_closed);
	add(control.unseen_sent_segs, end->totals.sent_segs);
	add(control.unseen_received_segs, end->totals.received_segs);
	add(control.unseen_retrans_segs, end->totals.retrans_segs);
}

/*
 * When the socket closed. Where the last packet of a connection closes it, the kernel has read the clock for that a moment
 * ago: it is not read again.
 */
static __always_inline __u64 read_closed_ns(struct tcp_sock *tp, int oldstate, __u32 flags)
{
	bool by_packet = oldstate == TCP_LAST_ACK || oldstate == TCP_FIN_WAIT2;

	return by_packet && flags == END_ESTABLISHED ? tp->tcp_mstamp * 1000 : bpf_ktime_get_ns();
}

/* `index` is of the socket's slot, negative where it has none. */
static __always_inline int on_close(struct sock *sk, int oldstate, int index)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	struct totals claimed = {};
	struct slot *slot = 0;
	struct end end = {};
	__u32 book = 0;
	enum role role;

	if (!tp)
		return 0;
	if (index >= 0)
		slot = slot_at(index);
	if (slot)
		role = *(volatile __u64 *)&slot->sock & SLOT_SERVER ? ROLE_SERVER : ROLE_CLIENT;
	else if (oldstate == TCP_LISTEN)
		return 0;
	else
		role = role_at_close(sk, tp, oldstate);
	end.flags = describe_end(sk, tp, oldstate, role);
	/* a socket of the first pass that closed before its slot was taken has been counted */
	if (slot && oldstate == TCP_CLOSE && !slot->born_ns && !(slot->book & BOOK_BOUND))
		end.flags = END_LISTENER;
	/*
	 * No error and no SYN: the kernel had no port or no memory for one, and told the program so by connect() alone. And
	 * where the close was missed, the program may have fetched the error by now: what it was is not known.
	 */
	end.failure = sk->sk_err || (tp->segs_out && oldstate != TCP_CLOSE) ? connect_failure(sk->sk_err) :
									      FAILED_OTHER;
	if (!(end.flags & END_LISTENER)) {
		read_totals(sk, tp, role, oldstate, &end.totals);
		if (!slot || !(slot->book & BOOK_BOUND)) {
			read_key(TRUSTED, sk, tp, role, &end.key);
			name_process(&end.key, index);
		}
	}
	end.min_rtt_us = tp->rtt_min.s[0].v;
	if (slot) {
		end.connect_us = connect_us_of(index);
		if (slot->born_ns) {
			__u64 closed_ns = read_closed_ns(tp, oldstate, end.flags);

			end.duration_ns = closed_ns > slot->born_ns ? closed_ns - slot->born_ns : 1;
		}
		if (leave_table(slot, index, &end))
			return 0;
		book = slot->book;
		load_claims(slot, index, &claimed);
		free_slot(slot, index);
	} else if (end.flags & END_ESTABLISHED) {
		note_unseen(&end);
	}
	settle(&end, &claimed, book);
	return 0;
}

/* Before the state is ESTABLISHED: who counts the connection as opened finds it. */
static __always_inline void keep_connect_us(__u32 index, __u32 connect_us)
{
	struct measures *kept = bpf_map_lookup_elem(&measures, &index);

	if (kept)
		kept->connect_us = connect_us;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(tcp_state, struct sock *sk, int oldstate, int newstate)
{
	struct tcp_sock *tp;
	int index = -1;
	__u64 cookie;

	if (newstate != TCP_CLOSE && newstate != TCP_ESTABLISHED && newstate != TCP_LISTEN)
		return 0;
	if (oldstate == TCP_CLOSE && newstate == TCP_CLOSE)
		return 0;
	if (sk->sk_protocol !=
	    IPPROTO_TCP) /* MPTCP's own socket: its subflows are TCP sockets and come by themselves */
		return 0;
	if (!on_this_node(sk)) {
		if (newstate != TCP_LISTEN && oldstate != TCP_LISTEN)
			note_outsider(sk, OUTSIDER_TCP);
		return 0;
	}
	if (newstate == TCP_LISTEN && config.track_process) /* tcp_connect takes it, with its owner */
		return 0;
	cookie = sk->__sk_common.skc_cookie.counter;
	if (cookie)
		index = find_slot(cookie, sk);
	if (newstate == TCP_CLOSE)
		return on_close(sk, oldstate, index);
	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp)
		return 0;
	if (index >= 0) { /* taken at SYN_SENT */
		struct slot *slot = slot_at(index);

		if (slot && newstate == TCP_ESTABLISHED)
			keep_connect_us(index, read_connect_us(tp, slot->born_ns));
		return 0;
	}
	if (!cookie)
		cookie = bpf_get_socket_cookie(sk);
	index = take_slot(cookie, sk, tp, newstate == TCP_ESTABLISHED && oldstate != TCP_SYN_SENT,
			  read_established_ns(tp), 0);
	if (index >= 0 && newstate == TCP_ESTABLISHED && oldstate == TCP_SYN_SENT)
		keep_connect_us(index, read_connect_us(tp, 0));
	return 0;
}

SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(tcp_destroy, struct sock *sk)
{
	__u64 cookie = sk->__sk_common.skc_cookie.counter;
	int index = -1;

	if (cookie)
		index = find_slot(cookie, sk);
	if (index >= 0) /* and not looked for again: a walk may take it as stale meanwhile, and count it */
		on_close(sk, TCP_CLOSE, index);
	return 0;
}

static __always_inline void remember_listener(struct sock *sk, struct task_struct *task)
{
	struct listener_key at = {};
	struct owner owner = {};
	__u8 remote[16];

	at.netns = read_netns(TRUSTED, sk);
	at.port = sk->__sk_common.skc_num;
	read_addresses(TRUSTED, sk, at.addr, remote);
	bpf_probe_read_kernel(owner.comm, sizeof(owner.comm), task->group_leader->comm);
	owner.pid = task->tgid;
	bpf_map_update_elem(&listeners, &at, &owner, BPF_ANY);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(tcp_connect, struct sock *sk, int oldstate, int newstate)
{
	struct task_struct *task;
	__u64 cookie;

	if (newstate != TCP_SYN_SENT && newstate != TCP_LISTEN)
		return 0;
	if (sk->sk_protocol != IPPROTO_TCP || !on_this_node(sk))
		return 0;
	task = (struct task_struct *)bpf_get_current_task_btf();
	cookie = bpf_get_socket_cookie(sk);
	if (newstate == TCP_LISTEN)
		remember_listener(sk, task);
	if (find_slot(cookie, sk) < 0)
		take_slot(cookie, sk, bpf_skc_to_tcp_sock(sk), false, bpf_ktime_get_ns(), task);
	return 0;
}
