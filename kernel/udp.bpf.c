/* SPDX-License-Identifier: GPL-2.0 */
/*
 * UDP keeps no books, so each datagram is counted as it passes a socket. Two ways, one is attached:
 *
 * fentry      udp_send, udp6_send, udp_receive: run for UDP alone.
 *             Needs: Linux >= 5.15 on x86-64, >= 6.4 on arm64 (BPF trampolines), and a kernel that allows fentry.
 * tracepoint  socket_send, socket_receive: run for every socket, TCP too, where they leave at once.
 *             Needs: Linux >= 6.3 (sock_send_length, sock_recv_length). They do not know the peer of an unconnected
 *             socket: udp4_to, udp6_to, udp4_from, udp6_from (cgroup hooks, for UDP alone, with CAP_NET_ADMIN) tell
 *             it a moment earlier, in the same task.
 *
 * Bytes are what the call returned: a truncated read counts what was copied, or the datagram's length if the
 * program asked for it (MSG_TRUNC). Datagrams are calls: a segmented send (UDP_SEGMENT) is one.
 */

struct peer {
	__u64 cookie;
	__u8 addr[16];
	__u32 port;
	__u32 known;
};

/* By task: the peer that a cgroup hook has seen, until the length hook of the same call takes it. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, UDP_PEERS_MAX);
	__type(key, __u64);
	__type(value, struct peer);
} udp_peers SEC(".maps");

enum direction { SENT, RECEIVED };

static __always_inline bool is_v4_mapped(const __u8 *addr)
{
	const __u32 *words = (const __u32 *)addr;

	return !words[0] && !words[1] && words[2] == bpf_htonl(0xffff);
}

static __always_inline bool is_any(const __u8 *addr)
{
	const __u32 *words = (const __u32 *)addr;

	return !(words[0] | words[1] | words[2] | words[3]);
}

/*
 * Who serves: a program that chose its port serves, one with an automatic port is a client. A chosen port that sends
 * first is a client too (NTP from port 123): whichever key is there already holds.
 */
static __always_inline void set_role(struct flow_key *key, enum role role, __u16 port)
{
	key->role = role;
	key->port = port;
}

static __always_inline __u32 find_udp_book(struct sock *sk, struct flow_key *key, __u16 remote_port, enum direction dir)
{
	__u16 local_port = sk->__sk_common.skc_num;
	__u32 index;

	if (!(BPF_CORE_READ_BITFIELD(sk, sk_userlocks) & SOCK_BINDPORT_LOCK)) {
		set_role(key, ROLE_CLIENT, remote_port);
		return find_book(key);
	}
	set_role(key, ROLE_SERVER, local_port);
	index = known_book(key);
	if (index)
		return index;
	set_role(key, ROLE_CLIENT, remote_port);
	index = known_book(key);
	if (index)
		return index;
	if (dir == RECEIVED)
		set_role(key, ROLE_SERVER, local_port);
	return find_book(key);
}

static __always_inline void account(struct sock *sk, enum direction dir, __u64 bytes, const struct peer *peer)
{
	struct flow_key key = {};
	struct book *book;
	__u8 connected_to[16];

	key.cgroup_id = read_cgroup_id(TRUSTED, sk);
	key.netns = read_netns(TRUSTED, sk);
	key.protocol = IPPROTO_UDP;
	read_addresses(TRUSTED, sk, key.local_addr, connected_to);
	if (peer->known)
		__builtin_memcpy(key.remote_addr, peer->addr, 16);
	else
		count(udp_unknown_peer);
	if (is_any(key.local_addr) && is_v4_mapped(key.remote_addr)) /* a dual-stack socket that talks IPv4 */
		v4_mapped(key.local_addr, 0);
	if (config.track_process) {
		struct task_struct *task = (struct task_struct *)bpf_get_current_task_btf();

		bpf_probe_read_kernel(key.comm, sizeof(key.comm), task->group_leader->comm);
	}
	book = book_at(find_udp_book(sk, &key, peer->port, dir));
	if (!book)
		return;
	if (dir == SENT) {
		__sync_fetch_and_add(&book->sent_bytes, bytes);
		__sync_fetch_and_add(&book->sent_segs, 1);
	} else {
		__sync_fetch_and_add(&book->received_bytes, bytes);
		__sync_fetch_and_add(&book->received_segs, 1);
	}
}

/* The peer that the socket is connected to, if it is. UDP uses TCP_ESTABLISHED for that. */
static __always_inline void connected_peer(struct sock *sk, struct peer *peer)
{
	__u8 local[16];

	if (sk->__sk_common.skc_state != TCP_ESTABLISHED)
		return;
	read_addresses(TRUSTED, sk, local, peer->addr);
	peer->port = bpf_ntohs(sk->__sk_common.skc_dport);
	peer->known = 1;
}

/* ---- fentry ---- */

static __always_inline void peer_of_send(struct sock *sk, struct msghdr *msg, struct peer *peer)
{
	struct sockaddr_in6 name = {};
	void *from = msg->msg_name;
	int length = msg->msg_namelen;

	if (!from) {
		connected_peer(sk, peer);
		return;
	}
	if (bpf_probe_read_kernel(&name, length >= SIN6_LEN_RFC2133 ? SIN6_LEN_RFC2133 : 16, from))
		return;
	if (name.sin6_family == AF_INET6) {
		__builtin_memcpy(peer->addr, name.sin6_addr, 16);
		if (is_any(peer->addr)) /* to nobody is to ourselves, as connect() has it */
			((__u32 *)peer->addr)[3] = bpf_htonl(1);
	} else {
		v4_mapped(peer->addr, ((struct sockaddr_in *)&name)->sin_addr);
	}
	peer->port = bpf_ntohs(name.sin6_port);
	peer->known = 1;
}

/* Also runs for IPv6 sockets that send to IPv4, called from udpv6_sendmsg. */
SEC("fexit/udp_sendmsg")
int BPF_PROG(udp_send, struct sock *sk, struct msghdr *msg, size_t len, int ret)
{
	struct peer peer = {};

	if (ret < 0)
		return 0;
	peer_of_send(sk, msg, &peer);
	account(sk, SENT, ret, &peer);
	return 0;
}

/*
 * Whether udpv6_sendmsg passed the datagram on to udp_sendmsg, where it has been counted. It then has put a
 * sockaddr_in of its own into msg, on a stack that is gone now: only its length may be looked at.
 */
static __always_inline bool passed_to_v4(struct sock *sk, struct msghdr *msg)
{
	__u8 local[16], remote[16];
	__u16 family = 0;

	if (msg->msg_name && msg->msg_namelen < SIN6_LEN_RFC2133)
		return true;
	if (msg->msg_name) {
		bpf_probe_read_kernel(&family, sizeof(family), msg->msg_name);
		return family == AF_INET;
	}
	read_addresses(TRUSTED, sk, local, remote);
	return is_v4_mapped(remote);
}

SEC("fexit/udpv6_sendmsg")
int BPF_PROG(udp6_send, struct sock *sk, struct msghdr *msg, size_t len, int ret)
{
	struct peer peer = {};

	if (ret < 0 || passed_to_v4(sk, msg))
		return 0;
	peer_of_send(sk, msg, &peer);
	account(sk, SENT, ret, &peer);
	return 0;
}

/* len is negative for MSG_PEEK (net/ipv4/udp.c). A peek at an empty datagram cannot be told from its read. */
SEC("fentry/skb_consume_udp")
int BPF_PROG(udp_receive, struct sock *sk, struct sk_buff *skb, int len)
{
	struct peer peer = {};
	unsigned char *network = skb->head + skb->network_header;
	__u16 port = 0;
	__u8 version = 0;

	if (len < 0)
		return 0;
	bpf_probe_read_kernel(&version, 1, network);
	if (version >> 4 == 6) {
		bpf_probe_read_kernel(peer.addr, 16, network + 8);
	} else {
		__be32 from = 0;

		bpf_probe_read_kernel(&from, 4, network + 12);
		v4_mapped(peer.addr, from);
	}
	bpf_probe_read_kernel(&port, 2, skb->head + skb->transport_header);
	peer.port = bpf_ntohs(port);
	peer.known = 1;
	account(sk, RECEIVED, len, &peer);
	return 0;
}

/* ---- tracepoint ---- */

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
