/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a monitor does that counts at each call: for comparison, never part of the agent. Each send and each receive of
 * TCP looks up its connection in a hash and adds to it; the close takes it away. Monitors hang this on tcp_sendmsg and
 * tcp_cleanup_rbuf by kprobe or fentry. These tracepoints are at the same calls, and every kernel that we test lets
 * them be had; they fire for other sockets too, which costs those a comparison.
 *
 * Needs: Linux >= 6.3 (sock_send_length, sock_recv_length).
 */
#include "kernel_types.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

struct connection {
	__u32 netns;
	__u16 family, local_port, remote_port, padding;
	__u32 local[4], remote[4];
};

struct counts {
	__u64 sent_bytes, received_bytes, last_ns;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, struct connection);
	__type(value, struct counts);
} connections SEC(".maps");

static __always_inline void read_key(struct connection *c, const struct sock *sk, __u16 local_port)
{
	const struct sock_common *common = &sk->__sk_common;

	c->netns = common->skc_net.net->ns.inum;
	c->family = common->skc_family;
	c->local_port = local_port;
	c->remote_port = bpf_ntohs(common->skc_dport);
	if (c->family == AF_INET6) {
		for (int i = 0; i < 4; i++) {
			c->local[i] = common->skc_v6_rcv_saddr.in6_u.u6_addr32[i];
			c->remote[i] = common->skc_v6_daddr.in6_u.u6_addr32[i];
		}
	} else {
		c->local[0] = common->skc_rcv_saddr;
		c->remote[0] = common->skc_daddr;
	}
}

static __always_inline int count(const struct sock *sk, __u64 sent, __u64 received)
{
	struct connection c = {};
	struct counts *known;

	read_key(&c, sk, sk->__sk_common.skc_num);
	known = bpf_map_lookup_elem(&connections, &c);
	if (!known) {
		struct counts first = { sent, received, bpf_ktime_get_ns() };

		bpf_map_update_elem(&connections, &c, &first, BPF_ANY);
		return 0;
	}
	if (sent)
		__sync_fetch_and_add(&known->sent_bytes, sent);
	if (received)
		__sync_fetch_and_add(&known->received_bytes, received);
	known->last_ns = bpf_ktime_get_ns();
	return 0;
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(count_send, struct sock *sk, int bytes, int flags)
{
	return bytes > 0 && sk->sk_protocol == IPPROTO_TCP ? count(sk, bytes, 0) : 0;
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(count_receive, struct sock *sk, int bytes, int flags)
{
	return bytes > 0 && sk->sk_protocol == IPPROTO_TCP ? count(sk, 0, bytes) : 0;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(forget, struct sock *sk, int old_state, int new_state)
{
	struct connection c = {};

	if (new_state != TCP_CLOSE || sk->sk_protocol != IPPROTO_TCP)
		return 0;
	/* skc_num is 0 by now */
	read_key(&c, sk, bpf_ntohs(BPF_CORE_READ((struct inet_sock *)sk, inet_sport)));
	bpf_map_delete_elem(&connections, &c);
	return 0;
}
