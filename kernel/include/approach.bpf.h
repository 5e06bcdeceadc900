/* SPDX-License-Identifier: GPL-2.0 */
/* Bringing the memory of a socket near before a walk reads it. Needs: Linux >= 6.2 (bpf_rdonly_cast). */
#ifndef KUBE_NETC_APPROACH_BPF_H
#define KUBE_NETC_APPROACH_BPF_H

/*
 * Reads one word of each cache line that the walk reads of a socket. Of 100,000 sockets none is in the cache: one after the
 * other these reads would wait for memory each time, all at once they wait once. What they bring is not used, so it does not
 * matter whose the memory is by now.
 */
static __always_inline void approach(__u32 index)
{
	struct slot *slot = slot_at(index);
	struct tcp_sock *tp;
	struct sock *sk;
	__u64 sock;

	if (!slot)
		return;
	sock = *(volatile __u64 *)&slot->sock;
	if (!sock)
		return;
	sk = CAST_TO(struct sock, (void *)(sock & ~SLOT_BITS));
	tp = CAST_TO(struct tcp_sock, sk);
	READ(CAST, sk, __sk_common.skc_daddr);
	READ(CAST, sk, __sk_common.skc_cookie.counter);
	READ(CAST, sk, sk_lock.owned);
	READ(CAST, sk, sk_cgrp_data.cgroup);
	READ(CAST, tp, inet_conn.icsk_inet.inet_sport);
	READ(CAST, tp, inet_conn.icsk_ack.lrcvtime);
	READ(CAST, tp, mss_cache);
	READ(CAST, tp, rtt_min.s[0].v);
	READ(CAST, tp, segs_out);
	READ(CAST, tp, snd_nxt);
	READ(CAST, tp, bytes_received);
	READ(CAST, tp, bytes_acked);
	READ(CAST, tp, bytes_retrans);
}

/*
 * The sockets of WALK_NEAR slots from `first` on, before the walk comes to the first of them. Many at once, because the walk
 * locks each slot: a locked instruction waits for all reads before it, so what is under way for a later socket would be
 * waited for at the next one.
 */
__noinline int approach_cast(__u32 first)
{
	for (int i = 0; i < WALK_NEAR; i++)
		approach(first + i);
	return 0;
}

#endif
