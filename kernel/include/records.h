/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The one truth for every layout that the kernel side and TypeScript share.
 * src/abi/records.gen.ts is generated from the BTF that these structs leave in the object.
 *
 * Rules: fixed-width types, no bitfields, no holes, natural alignment, unit in the name. Addresses are 16
 * bytes in network order; IPv4 is stored v4-mapped (::ffff:a.b.c.d), so a v4 peer of a dual-stack socket has one form.
 */
#ifndef KUBE_NETC_RECORDS_H
#define KUBE_NETC_RECORDS_H

#define COMM_LEN 16 /* TASK_COMM_LEN of the kernel */

#define CONNECT_BUCKETS 53  /* up to 2^8 s */
#define RTT_BUCKETS 49	    /* up to 2^6 s */
#define DURATION_BUCKETS 41 /* up to 2^26 s, two years */
#define NO_RTT 0xffffffffu

/* Which end of the connection this machine's socket is. */
enum role : __u8 {
	ROLE_UNKNOWN = 0,
	ROLE_CLIENT = 1,
	ROLE_SERVER = 2,
};

/*
 * Why a connect() did not end in a connection: sk_err at SYN_SENT -> CLOSE, by class. A reset that answers a SYN is
 * ECONNREFUSED, whoever sent it (tcp_reset, net/ipv4/tcp_input.c): ECONNRESET is one that came after the peer's own SYN,
 * which only a simultaneous open knows.
 */
enum connect_failure : __u32 {
	FAILED_REFUSED = 0,	/* ECONNREFUSED: a reset came back */
	FAILED_TIMED_OUT = 1,	/* ETIMEDOUT: nothing came back */
	FAILED_UNREACHABLE = 2, /* EHOSTUNREACH, ENETUNREACH, ...: the network said no */
	FAILED_ABORTED = 3,	/* no error: the program closed the socket before an answer came */
	FAILED_OTHER = 4,	/* any other errno, or no SYN could be sent */
	FAILED_RESET = 5,	/* ECONNRESET: a reset in the middle of the handshake */
	FAILED_CLASSES = 6,
};

/* What sockets of other nodes have used a network namespace for, as bits. */
enum outsider : __u32 {
	OUTSIDER_TCP = 1,
	OUTSIDER_UDP = 2,
};

/* Life of a book. Only the kernel moves it up, only user space back to BOOK_FREE. */
enum book_state : __u32 {
	BOOK_FREE = 0,
	BOOK_USED = 1,
	BOOK_ORPHAN = 2, /* taken by a CPU that lost the race to publish it; never counted into; user space frees it */
};

/* What a flow is: the client's ephemeral port is folded away. */
struct flow_key {
	__u64 cgroup_id; /* of the socket, fixed at its creation: the inode of the cgroup v2 directory */
	__u32 netns;	 /* inode of the network namespace */
	__u16 port;	 /* the server's port, host order: remote for ROLE_CLIENT, local for ROLE_SERVER */
	enum role role;
	__u8 protocol; /* IPPROTO_TCP or IPPROTO_UDP */
	__u8 local_addr[16];
	__u8 remote_addr[16]; /* all zero: unknown peer (UDP only) */
	char comm[COMM_LEN];  /* thread group leader's name; zero where processes are not tracked or not known */
};

/* The cumulative account of one flow. Index 0 is `other`: what no book had room for. */
struct book {
	struct flow_key key;
	__u64 sent_bytes; /* payload */
	__u64 received_bytes;
	__u64 sent_segs; /* TCP: segs_out less retransmissions; UDP: datagrams */
	__u64 received_segs;
	__u64 retrans_segs;
	__u64 retrans_bytes;
	__u64 opened; /* connections that reached ESTABLISHED and were seen by a walk or by their close */
	__u64 closed;
	__u64 failed[FAILED_CLASSES];
	__u64 reset; /* closed connections that a reset ended */
	enum book_state state;
	__u32 reserved;
	__u64 fins_due;	    /* closed before the peer's FIN came: a time-wait socket takes it, and answers it */
	__u64 busy_jiffies; /* time with data in flight or queued; of it, held up by: */
	__u64 receiver_limited_jiffies;
	__u64 sndbuf_limited_jiffies;
};

/*
 * How long things took, for the flow of the book of the same index. Buckets are those of Prometheus' native histograms:
 * bucket i of schema s ends at 2^(i / 2^s) seconds, that value included. [0] is all that is shorter than the first, the
 * last all that is longer than the one before. Buckets wrap at 2^32: user space takes differences.
 */
struct distributions {
	__u64 connect_sum_us;
	__u64 rtt_sum_us;
	__u64 duration_sum_binary_us;	/* of 1024 ns */
	__u32 connect[CONNECT_BUCKETS]; /* schema 1 from 2^-18 s: connect() to ESTABLISHED, of the side that connects */
	__u32 rtt[RTT_BUCKETS];		/* schema 1 from 2^-18 s: least round trip of connections that have closed */
	__u32 duration
		[DURATION_BUCKETS]; /* schema 0 from 2^-14 s: of connections that have closed, since live_record.born_ns */
	__u32 reserved;
};

/* One socket that is alive, as a walk saw it. Cumulative values are totals since the socket's birth. */
struct live_record {
	__u64 cookie;
	__u64 born_ns;	  /* CLOCK_MONOTONIC of connect() or of ESTABLISHED; 0: older than the agent */
	__u64 sent_bytes; /* payload, as claimed into the socket's book: never falls */
	__u64 received_bytes;
	__u64 acked_bytes;
	__u64 retrans_bytes;
	__u64 cgroup_id;
	__u64 delivery_rate_bytes; /* a second, as tcp_info computes it */
	__u8 local_addr[16];
	__u8 remote_addr[16];
	char comm[COMM_LEN];
	__u32 sent_segs; /* segs_out less retransmissions, modulo 2^32 */
	__u32 received_segs;
	__u32 retrans_segs;
	__u32 srtt_us;
	__u32 rttvar_us;
	__u32 min_rtt_us; /* 0xffffffff: none yet */
	__u32 cwnd_segs;
	__u32 mss_bytes;
	__u32 netns;
	__u32 pid; /* 0: unknown */
	__u32 slot;
	__u32 book;    /* index; 0: `other`, or none yet (a listener) */
	__u32 backlog; /* listeners: connections waiting for accept(), and their limit */
	__u32 backlog_max;
	__u32 drops;	    /* listeners: packets dropped since its birth, of handshakes above all; modulo 2^32 */
	__u32 connect_us;   /* connect() to ESTABLISHED; 0: not known, or not the side that connects */
	__u32 busy_jiffies; /* time with data in flight or queued; of it, limited by: */
	__u32 receiver_limited_jiffies;
	__u32 sndbuf_limited_jiffies;
	__u32 idle_jiffies; /* since data last went either way */
	__u32 send_queue_bytes;
	__u32 receive_queue_bytes;
	__u16 local_port; /* host order */
	__u16 remote_port;
	__u8 state; /* TCP_ESTABLISHED ... of include/net/tcp_states.h */
	enum role role;
	__u8 protocol;
	__u8 reserved;
};

/* What a socket has done since its birth. */
struct totals {
	__u64 sent_bytes;
	__u64 received_bytes;
	__u64 retrans_bytes;
	__u32 sent_segs;
	__u32 received_segs;
	__u32 retrans_segs;
	__u32 busy_jiffies;
	__u32 receiver_limited_jiffies;
	__u32 sndbuf_limited_jiffies;
};

/* A live socket's place in the table: one cache line. */
struct slot {
	__u64 cookie;		  /* 0: free. Taken by compare-and-swap */
	__u64 sock;		  /* address of the struct sock, and the SLOT_* bits */
	__u64 claimed_sent_bytes; /* what the socket's book already holds */
	__u64 claimed_received_bytes;
	__u64 claimed_retrans_bytes;
	__u64 born_ns;
	__u32 claimed_sent_segs;
	__u32 claimed_received_segs;
	__u32 claimed_retrans_segs;
	__u32 book; /* index of the socket's book, with BOOK_OPENED and BOOK_BOUND; 0: none yet */
};

/* What else is kept of a live socket, beside the slot of the same index. */
struct measures {
	__u32 claimed_busy_jiffies;
	__u32 claimed_receiver_limited_jiffies;
	__u32 claimed_sndbuf_limited_jiffies;
	__u32 connect_us; /* as in live_record */
};

/* Whose socket it is, beside the slot of the same index. Only where processes are tracked. */
struct owner {
	char comm[COMM_LEN];
	__u32 pid;
	__u32 reserved;
};

/* Set before load, constant after. */
struct config {
	__u32 slot_mask;     /* slots - 1; slots are a power of two */
	__u32 book_capacity; /* a power of two */
	__u32 track_process; /* 1: keep pid and comm, and make comm part of the key */
	__u32 reserved;
	__u64 node_root_id; /* only sockets of this cgroup and below it are this node's; 0: all are */
};

/* Shared with user space in .bss. Fields above the counters belong to the walk: one walker, by design. */
struct control {
	__u32 walk_next_slot; /* user space sets 0 to begin; slot_mask + 1: the walk is done */
	__u32 walk_records;   /* records in `records` of this step */
	__u32 walk_budget;    /* what this step may still spend: one a slot, WALK_COST_LIVE a live socket */
	__u32 boot_undecided; /* sockets older than the agent whose role could not be told in this pass */
	__u64 walk_now_ns;
	__u64 walk_jiffies;
	__u64 free_head; /* ring of free books: the kernel takes at head, user space gives back at tail */
	__u64 free_tail;
	/* counters, cumulative */
	__u64 boot_found;	/* sockets older than the agent, found by its first pass */
	__u64 unseen_closed;	/* sockets older than the agent that no pass had seen, counted at their close */
	__u64 unseen_sent_segs; /* their segments, of which the part before the agent's start is unknown */
	__u64 unseen_received_segs;
	__u64 unseen_retrans_segs;
	__u64 slots_full;	/* sockets that found no slot: counted at close, not live */
	__u64 books_full;	/* times a flow found no book: its bytes went to `other` */
	__u64 handed_over;	/* closes that met a walk and left their end to it */
	__u64 handoff_full;	/* of those, ends that had no room: their last bytes are lost */
	__u64 stale_slots;	/* slots whose socket was no longer theirs */
	__u64 role_guessed;	/* sockets counted at close by the sequence formula, without a slot */
	__u64 udp_unknown_peer; /* datagrams whose peer could not be told */
	__u64 udp_peer_full;	/* peers of datagrams that had no room on the way from hook to hook */
};

#endif
