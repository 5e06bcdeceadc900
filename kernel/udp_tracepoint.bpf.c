/* SPDX-License-Identifier: GPL-2.0 */
/*
 * UDP where fentry is refused: socket_send and socket_receive run for every socket, TCP too, where they leave at once.
 * They do not know the peer of an unconnected socket: udp4_to, udp6_to, udp4_from and udp6_from (cgroup hooks, for
 * UDP alone) tell it a moment earlier, in the same task.
 *
 * Needs: Linux >= 6.3 (sock_send_length, sock_recv_length); CAP_NET_ADMIN for the cgroup hooks.
 */

/* By task: the peer that a cgroup hook has seen, until the length hook of the same call takes it. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, UDP_PEERS_MAX);
	__type(key, __u64);
	__type(value, struct peer);
} udp_peers SEC(".maps");

/* The peer that the cgroup hook of this call has left, else the one that the socket is connected to. */
static __always_inline void peer_of_call(struct sock *sk, struct peer *peer)
{
	__u64 task = bpf_get_current_pid_tgid();
	struct peer *left = bpf_map_lookup_elem(&udp_peers, &task);

	if (left) {
		if (left->cookie == bpf_get_socket_cookie(sk))
			*peer = *left;
		bpf_map_delete_elem(&udp_peers, &task);
	}
	if (!peer->known)
		connected_peer(sk, peer);
}

static __always_inline bool is_udp(struct sock *sk)
{
	return sk->sk_protocol == IPPROTO_UDP &&
	       (sk->__sk_common.skc_family == AF_INET || sk->__sk_common.skc_family == AF_INET6);
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(socket_send, struct sock *sk, int ret, int flags)
{
	struct peer peer = {};

	if (!is_udp(sk))
		return 0;
	peer_of_call(sk, &peer);
	if (ret >= 0)
		account(sk, SENT, ret, &peer);
	return 0;
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(socket_receive, struct sock *sk, int ret, int flags)
{
	struct peer peer = {};

	if (!is_udp(sk))
		return 0;
	peer_of_call(sk, &peer);
	if (ret >= 0 && !(flags & (MSG_PEEK | MSG_ERRQUEUE)))
		account(sk, RECEIVED, ret, &peer);
	return 0;
}

static __always_inline int leave_peer(struct bpf_sock_addr *ctx, struct peer *peer)
{
	__u64 task = bpf_get_current_pid_tgid();

	peer->cookie = bpf_get_socket_cookie(ctx);
	peer->port = bpf_ntohs(ctx->user_port);
	peer->known = 1;
	if (bpf_map_update_elem(&udp_peers, &task, peer, BPF_ANY))
		count(udp_peer_full);
	return 1; /* let it pass: these programs only watch */
}

static __always_inline int leave_peer4(struct bpf_sock_addr *ctx)
{
	struct peer peer = {};

	v4_mapped(peer.addr, ctx->user_ip4);
	return leave_peer(ctx, &peer);
}

static __always_inline int leave_peer6(struct bpf_sock_addr *ctx)
{
	struct peer peer = {};
	__u32 *words = (__u32 *)peer.addr;

	words[0] = ctx->user_ip6[0];
	words[1] = ctx->user_ip6[1];
	words[2] = ctx->user_ip6[2];
	words[3] = ctx->user_ip6[3];
	return leave_peer(ctx, &peer);
}

SEC("cgroup/sendmsg4")
int udp4_to(struct bpf_sock_addr *ctx)
{
	return leave_peer4(ctx);
}

SEC("cgroup/sendmsg6")
int udp6_to(struct bpf_sock_addr *ctx)
{
	return leave_peer6(ctx);
}

SEC("cgroup/recvmsg4")
int udp4_from(struct bpf_sock_addr *ctx)
{
	return leave_peer4(ctx);
}

SEC("cgroup/recvmsg6")
int udp6_from(struct bpf_sock_addr *ctx)
{
	return leave_peer6(ctx);
}
