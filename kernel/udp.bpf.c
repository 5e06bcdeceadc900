/* SPDX-License-Identifier: GPL-2.0 */
/*
 * UDP keeps no books, so each datagram is counted as it passes a socket: here by fentry and fexit, which run for UDP
 * alone; where a kernel refuses those, see udp_tracepoint.bpf.c. One of the two is attached.
 *
 * Needs: Linux >= 5.15 on x86-64, >= 6.4 on arm64 (BPF trampolines), and a kernel that allows fentry.
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
 * Who serves, when a flow is new: a program that chose its port serves, one with an automatic port is a client. Of the
 * other end only the port is seen: below EPHEMERAL_MIN it was chosen. If both chose (NTP, mDNS) or neither did, the
 * one who sends first is the client.
 */
static __always_inline enum role first_role(bool chosen, __u16 remote_port, enum direction dir)
{
	bool remote_chosen = remote_port < EPHEMERAL_MIN;

	if (remote_port && chosen == remote_chosen)
		return dir == SENT ? ROLE_CLIENT : ROLE_SERVER;
	return chosen ? ROLE_SERVER : ROLE_CLIENT;
}

static __always_inline void set_role(struct flow_key *key, enum role role, struct sock *sk, __u16 remote_port)
{
	key->role = role;
	key->port = role == ROLE_SERVER ? sk->__sk_common.skc_num : remote_port;
}

/* A flow keeps the role that it began with: the likelier one is looked up first. */
static __always_inline __u32 find_udp_book(struct sock *sk, struct flow_key *key, __u16 remote_port, enum direction dir)
{
	bool chosen = BPF_CORE_READ_BITFIELD(sk, sk_userlocks) & SOCK_BINDPORT_LOCK;
	enum role first = first_role(chosen, remote_port, dir);
	__u32 index;

	set_role(key, chosen ? ROLE_SERVER : ROLE_CLIENT, sk, remote_port);
	index = known_book(key);
	if (index)
		return index;
	set_role(key, chosen ? ROLE_CLIENT : ROLE_SERVER, sk, remote_port);
	index = known_book(key);
	if (index)
		return index;
	set_role(key, first, sk, remote_port);
	return find_book(key);
}

static __always_inline void account(struct sock *sk, enum direction dir, __u64 bytes, const struct peer *peer)
{
	struct flow_key key = {};
	struct book *book;
	__u8 connected_to[16];

	if (!on_this_node(sk)) {
		note_outsider(sk, OUTSIDER_UDP);
		return;
	}
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
 * Whether udpv6_sendmsg passed the datagram on to udp_sendmsg, where it has been counted. For that it puts a sockaddr_in
 * of its own into msg, on a stack that is gone now: where it leaves it there, only the length may be looked at. Kernels
 * that put the caller's name back leave a mapped address.
 */
static __always_inline bool passed_to_v4(struct sock *sk, struct msghdr *msg)
{
	struct sockaddr_in6 name = {};
	__u8 local[16], remote[16];

	if (!msg->msg_name) {
		read_addresses(TRUSTED, sk, local, remote);
		return is_v4_mapped(remote);
	}
	if (msg->msg_namelen < SIN6_LEN_RFC2133)
		return true;
	bpf_probe_read_kernel(&name, SIN6_LEN_RFC2133, msg->msg_name);
	return name.sin6_family == AF_INET || is_v4_mapped((const __u8 *)name.sin6_addr);
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
