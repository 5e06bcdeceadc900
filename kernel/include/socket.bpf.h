/* SPDX-License-Identifier: GPL-2.0 */
/* Reading a socket: its key, its exact payload, its role. `how`: see read.bpf.h. */
#ifndef KUBE_NETC_SOCKET_BPF_H
#define KUBE_NETC_SOCKET_BPF_H

static __always_inline void v4_mapped(__u8 *to, __be32 addr)
{
	__u32 *words = (__u32 *)to;

	words[0] = 0;
	words[1] = 0;
	words[2] = bpf_htonl(0xffff);
	words[3] = addr;
}

static __always_inline void read_addresses(enum how how, struct sock *sk, __u8 *local, __u8 *remote)
{
	if (READ(how, sk, __sk_common.skc_family) == AF_INET6) {
		__u32 *l = (__u32 *)local, *r = (__u32 *)remote;

		for (int i = 0; i < 4; i++) {
			l[i] = READ(how, sk, __sk_common.skc_v6_rcv_saddr.in6_u.u6_addr32[i]);
			r[i] = READ(how, sk, __sk_common.skc_v6_daddr.in6_u.u6_addr32[i]);
		}
	} else {
		v4_mapped(local, READ(how, sk, __sk_common.skc_rcv_saddr));
		v4_mapped(remote, READ(how, sk, __sk_common.skc_daddr));
	}
}

static __always_inline __u64 read_cgroup_id(enum how how, struct sock *sk)
{
	struct cgroup *cgroup = READ(how, sk, sk_cgrp_data.cgroup);
	struct kernfs_node *kn;

	if (!cgroup)
		return 0;
	kn = READ(how, cgroup, kn);
	return kn ? READ(how, kn, id) : 0;
}

static __always_inline __u32 read_netns(enum how how, struct sock *sk)
{
	struct net *net = READ(how, sk, __sk_common.skc_net.net);

	return net ? READ(how, net, ns.inum) : 0;
}

/* skc_num is already 0 at TCP_CLOSE: the port that stays is inet_sport. */
static __always_inline __u16 read_local_port(enum how how, struct tcp_sock *tp)
{
	return bpf_ntohs(READ(how, tp, inet_conn.icsk_inet.inet_sport));
}

static __always_inline void read_key(enum how how, struct sock *sk, struct tcp_sock *tp, enum role role,
				     struct flow_key *key)
{
	key->cgroup_id = read_cgroup_id(how, sk);
	key->netns = read_netns(how, sk);
	key->role = role;
	key->protocol = IPPROTO_TCP;
	key->port = role == ROLE_CLIENT ? bpf_ntohs(READ(how, sk, __sk_common.skc_dport)) : read_local_port(how, tp);
	read_addresses(how, sk, key->local_addr, key->remote_addr);
}

/*
 * A FIN counts as one byte of bytes_received, and SOCK_DONE says a moment later that it came.
 */
static __always_inline __u32 fin_received(enum how how, struct sock *sk)
{
	return (READ(how, sk, __sk_common.skc_flags) >> SOCK_DONE_BIT) & 1;
}

/* The states in which our FIN is in the send queue, or about to be. */
static __always_inline bool closes(int state)
{
	return state == TCP_FIN_WAIT1 || state == TCP_FIN_WAIT2 || state == TCP_LAST_ACK || state == TCP_CLOSING;
}

/* Whether our FIN is among what was sent up to `next` (snd_nxt). `state` was read after it. */
static __always_inline bool fin_sent(enum how how, struct tcp_sock *tp, __u32 next, int state)
{
	return closes(state) && next == READ(how, tp, write_seq);
}

/*
 * Payload that was sent, each byte once: what is acknowledged and what is in flight, less the SYN of the side that
 * opened the connection (the other's is not in bytes_acked) and less our FIN. Not bytes_sent - bytes_retrans: a packet
 * that this machine drops on its way out (a full queue, a firewall) is in bytes_sent each time it is tried.
 */
static __always_inline __u64 sent_payload(__u64 acked, __s64 in_flight, enum role role, bool fin)
{
	__s64 sent = (__s64)acked + in_flight - (role == ROLE_CLIENT) - fin;

	return sent > 0 ? sent : 0;
}

/* The same where it is not known whether our FIN is in `sent`: it is, if that is more than the payload ever tried. */
static __always_inline __u64 sent_at_rest(enum how how, struct tcp_sock *tp, __u64 sent)
{
	return sent - (sent > READ(how, tp, bytes_sent) - READ(how, tp, bytes_retrans) ? 1 : 0);
}

/*
 * The totals of a socket that nobody else writes: at TCP_CLOSE. Exact. A connect() that failed has sent nothing.
 * `oldstate` TCP_CLOSE: not known any more.
 */
static __always_inline void read_totals(struct sock *sk, struct tcp_sock *tp, enum role role, int oldstate,
					struct totals *t)
{
	__u32 in_flight = tp->snd_nxt - tp->snd_una;
	bool fin = fin_sent(TRUSTED, tp, tp->snd_nxt, oldstate);

	t->retrans_bytes = tp->bytes_retrans;
	t->retrans_segs = tp->total_retrans;
	t->sent_bytes = oldstate == TCP_SYN_SENT ? 0 : sent_payload(tp->bytes_acked, in_flight, role, fin);
	if (oldstate == TCP_CLOSE)
		t->sent_bytes = sent_at_rest(TRUSTED, tp, t->sent_bytes);
	t->received_bytes = tp->bytes_received - fin_received(TRUSTED, sk);
	t->sent_segs = tp->segs_out - t->retrans_segs;
	t->received_segs = tp->segs_in;
	read_times(tp, oldstate != TCP_CLOSE, t);
}

/* Whether another CPU may be at work on the socket now. Under PREEMPT_RT the lock has another shape: say yes. */
static __always_inline int socket_busy(enum how how, struct sock *sk)
{
	if (!bpf_core_field_exists(sk->sk_lock.slock.rlock.raw_lock.val))
		return 1;
	return READ(how, sk, sk_lock.owned) | READ(how, sk, sk_lock.slock.rlock.raw_lock.val.counter);
}

/*
 * The totals of a socket that others write meanwhile. The reads are ordered so that every error is an undercount,
 * which the next walk or the close makes good. However long the walk is held up between two of them:
 *  - before the state is past SYN_SENT there may be no sequence numbers yet: `state` was read before all else;
 *  - an acknowledgement is added to bytes_acked a moment before snd_una moves (tcp_snd_una_update,
 *    net/ipv4/tcp_input.c): snd_nxt is read first, snd_una last. If the socket is locked after that, or snd_una moved
 *    meanwhile, somebody may be between the two, and only what is acknowledged is taken;
 *  - our FIN is in snd_nxt, and then in bytes_acked, after the state says that we close: the state is read again after
 *    both. Where only what is acknowledged is taken, the FIN is taken to be in it;
 *  - the kernel adds to total_retrans before it adds to segs_out (tcp_retransmit_skb, net/ipv4/tcp_output.c): what was
 *    sent is read first;
 *  - the peer's FIN is in bytes_received a moment before SOCK_DONE says so (tcp_fin): while the socket is locked and not
 *    done, one byte is held back. The flag is read last; the FIN that it tells of may have come after the bytes;
 *  - what a socket has waited for is added to chrono_stat, then chrono_start moves, then chrono_type (tcp_chrono_set): they
 *    are read in that order, and what runs is counted only if nobody was at work and the two have stayed what they were.
 */
static __always_inline void read_totals_live(enum how how, struct sock *sk, struct tcp_sock *tp, enum role role,
					     int state, struct totals *t)
{
	__u64 acked, received;
	__u32 next, segs, una, type, start;
	bool settled, done;
	int later, busy;

	read_barrier();
	next = READ(how, tp, snd_nxt);
	segs = READ(how, tp, segs_out);
	read_barrier();
	acked = READ(how, tp, bytes_acked);
	read_barrier();
	una = READ(how, tp, snd_una);
	later = READ(how, sk, __sk_common.skc_state);
	if (later == TCP_CLOSE) /* only now, and nobody has told: our FIN may be there */
		later = TCP_CLOSING;
	t->retrans_bytes = READ(how, tp, bytes_retrans);
	t->retrans_segs = READ(how, tp, total_retrans);
	t->sent_segs = segs - t->retrans_segs;
	t->received_segs = READ(how, tp, segs_in);
	received = READ(how, tp, bytes_received);
	read_waited(how, tp, t);
	read_barrier();
	start = READ(how, tp, chrono_start);
	read_barrier();
	type = READ_BITS(how, tp, chrono_type);
	read_barrier();
	busy = socket_busy(how, sk);
	read_barrier();
	done = fin_received(how, sk);
	settled = !busy && una == READ(how, tp, snd_una);
	if (!busy && state != TCP_CLOSE && start == READ(how, tp, chrono_start) &&
	    type == READ_BITS(how, tp, chrono_type))
		add_running(t, type, since((__u32)control.walk_jiffies, start));
	t->received_bytes = received - (received && (done || busy) ? 1 : 0);
	if (state == TCP_SYN_SENT)
		t->sent_bytes = 0;
	else if (state == TCP_CLOSE) /* nobody writes any more, and the state before, which told of our FIN, is gone */
		t->sent_bytes = sent_at_rest(how, tp, sent_payload(acked, (__s32)(next - una), role, false));
	else if (settled)
		t->sent_bytes = sent_payload(acked, (__s32)(next - una), role, fin_sent(how, tp, next, later));
	else
		t->sent_bytes = sent_payload(acked, 0, role, closes(later));
}

/*
 * Who opened the connection, told from sequence numbers alone: the SYN of the active side is acknowledged and is
 * counted in bytes_acked, that of the passive side is not. 1: we opened it; 0: the peer did; else: the fields were
 * read while they changed, or this machine has dropped packets of it (see sent_payload).
 */
static __always_inline __s64 opened_by_us(enum how how, struct tcp_sock *tp, int state)
{
	__u64 sent = READ(how, tp, bytes_sent) - READ(how, tp, bytes_retrans);
	__u32 next = READ(how, tp, snd_nxt);
	__u32 in_flight = next - READ(how, tp, snd_una);

	return (__s64)(READ(how, tp, bytes_acked) + in_flight - sent - fin_sent(how, tp, next, state));
}

static __always_inline enum connect_failure connect_failure(int err)
{
	switch (err) {
	case 0:
		return FAILED_ABORTED;
	case ECONNREFUSED:
		return FAILED_REFUSED;
	case ECONNRESET:
		return FAILED_RESET;
	case ETIMEDOUT:
		return FAILED_TIMED_OUT;
	case ENETUNREACH:
	case EHOSTUNREACH:
	case ENETDOWN:
	case EHOSTDOWN:
		return FAILED_UNREACHABLE;
	default:
		return FAILED_OTHER;
	}
}

#endif
