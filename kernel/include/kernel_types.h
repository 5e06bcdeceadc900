/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel structures that we read, with only the fields that we read. CO-RE finds each field by name in the BTF
 * of the kernel that the object is loaded on, so offsets and order here mean nothing, and no kernel headers are
 * needed to build. Each structure is named as in the kernel; the file that defines it there stands above it.
 */
#ifndef KUBE_NETC_KERNEL_TYPES_H
#define KUBE_NETC_KERNEL_TYPES_H

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed char __s8;
typedef short __s16;
typedef int __s32;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u64 __be64;
typedef __u32 __wsum;
typedef unsigned long size_t;
typedef _Bool bool;
#define true 1
#define false 0

/* bpf_helper_defs.h needs these names and numbers (include/uapi/linux/bpf.h). */
enum bpf_map_type {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_LRU_HASH = 9,
};
enum {
	BPF_ANY = 0,
	BPF_NOEXIST = 1,
};
enum {
	BPF_F_MMAPABLE = 1U << 10,
};
struct bpf_perf_event_data;
struct bpf_sock_addr {
	__u32 user_family;
	__u32 user_ip4;
	__u32 user_ip6[4];
	__u32 user_port;
	__u32 family;
	__u32 type;
	__u32 protocol;
	__u32 msg_src_ip4;
	__u32 msg_src_ip6[4];
	union {
		struct bpf_sock *sk;
		__u64 : 64;
	};
};

/* include/net/tcp_states.h */
enum {
	TCP_ESTABLISHED = 1,
	TCP_SYN_SENT,
	TCP_SYN_RECV,
	TCP_FIN_WAIT1,
	TCP_FIN_WAIT2,
	TCP_TIME_WAIT,
	TCP_CLOSE,
	TCP_CLOSE_WAIT,
	TCP_LAST_ACK,
	TCP_LISTEN,
	TCP_CLOSING,
};

#define AF_INET 2
#define AF_INET6 10
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#define SOCK_DONE_BIT 1	     /* enum sock_flags, include/net/sock.h: SOCK_DEAD, SOCK_DONE */
#define SOCK_BINDPORT_LOCK 8 /* include/net/sock.h: the program chose the local port */
#define MSG_PEEK 2
#define MSG_ERRQUEUE 0x2000 /* include/linux/socket.h: not data, but what became of sends */
#define SIN6_LEN_RFC2133 24 /* include/net/ipv6.h: the shortest sockaddr_in6 that the kernel takes */

/* include/uapi/asm-generic/errno.h */
#define EPIPE 32
#define ENETDOWN 100
#define ENETUNREACH 101
#define ECONNRESET 104
#define ETIMEDOUT 110
#define ECONNREFUSED 111
#define EHOSTDOWN 112
#define EHOSTUNREACH 113
#define EACCES 13
#define EPERM 1

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
	int counter;
} atomic_t;
typedef struct {
	__s64 counter;
} atomic64_t;

/* include/asm-generic/qspinlock_types.h, include/linux/spinlock_types.h; other names under PREEMPT_RT */
typedef struct qspinlock {
	union {
		atomic_t val;
	};
} arch_spinlock_t;
typedef struct raw_spinlock {
	arch_spinlock_t raw_lock;
} raw_spinlock_t;
typedef struct spinlock {
	union {
		struct raw_spinlock rlock;
	};
} spinlock_t;

/* include/net/sock.h */
typedef struct {
	spinlock_t slock;
	int owned;
} socket_lock_t;

struct in6_addr {
	union {
		__u8 u6_addr8[16];
		__be32 u6_addr32[4];
	} in6_u;
};

/* include/linux/ns_common.h, include/net/net_namespace.h */
struct ns_common {
	unsigned int inum;
};
struct net {
	struct ns_common ns;
};
typedef struct {
	struct net *net;
} possible_net_t;

/* include/linux/kernfs.h, include/linux/cgroup-defs.h */
struct kernfs_node {
	__u64 id;
};
struct cgroup_subsys_state {
	struct cgroup *cgroup;
	struct cgroup_subsys_state *parent;
};
struct cgroup {
	struct cgroup_subsys_state self;
	struct kernfs_node *kn;
};
struct sock_cgroup_data {
	struct cgroup *cgroup;
};

/* include/net/sock.h */
struct sock_common {
	union {
		struct {
			__be32 skc_daddr;
			__be32 skc_rcv_saddr;
		};
	};
	union {
		struct {
			__be16 skc_dport;
			__u16 skc_num;
		};
	};
	unsigned short skc_family;
	unsigned char skc_state;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
	atomic64_t skc_cookie;
	union {
		unsigned long skc_flags;
	};
};
struct sock {
	struct sock_common __sk_common;
	__u8 sk_userlocks; /* a bitfield before 6.17: read with BPF_CORE_READ_BITFIELD */
	int sk_err;
	socket_lock_t sk_lock;
	__u16 sk_protocol;
	__u32 sk_ack_backlog;
	__u32 sk_max_ack_backlog;
	atomic_t sk_drops;
	struct sock_cgroup_data sk_cgrp_data;
};

/* include/net/inet_sock.h, include/net/inet_hashtables.h, include/net/inet_connection_sock.h */
struct inet_sock {
	struct sock sk;
	__be16 inet_sport;
};
struct inet_bind_bucket {
	signed char fastreuse;
};
struct inet_connection_sock {
	struct inet_sock icsk_inet;
	struct inet_bind_bucket *icsk_bind_hash;
	struct {
		__u32 lrcvtime;
	} icsk_ack;
};

/* include/linux/win_minmax.h */
struct minmax_sample {
	__u32 v;
};
struct minmax {
	struct minmax_sample s[3];
};

/* include/linux/tcp.h */
struct tcp_sock {
	struct inet_connection_sock inet_conn;
	__u32 mss_cache;
	__u32 snd_cwnd;
	__u32 copied_seq;
	struct minmax rtt_min;
	__u32 segs_out;
	__u64 bytes_sent;
	__u8 chrono_type; /* a bitfield before 6.10 */
	__u32 chrono_start;
	__u32 chrono_stat[3];
	__u32 write_seq;
	__u32 lsndtime;
	__u32 mdev_us;
	__u32 rcv_nxt;
	__u32 snd_nxt;
	__u32 snd_una;
	__u32 srtt_us;
	__u64 tcp_mstamp;
	__u64 bytes_received;
	__u32 segs_in;
	__u32 rate_delivered;
	__u32 rate_interval_us;
	__u64 bytes_acked;
	__u64 bytes_retrans;
	__u32 total_retrans;
	struct request_sock *fastopen_rsk;
};

/* include/linux/sched.h */
struct task_struct {
	int tgid;
	struct task_struct *group_leader;
	char comm[16];
};

/* include/linux/socket.h, include/linux/skbuff.h */
struct msghdr {
	void *msg_name;
	int msg_namelen;
};
struct socket {
	struct sock *sk;
};
struct sk_buff {
	unsigned char *head;
	__u16 network_header;
	__u16 transport_header;
	__be16 protocol;
};

/* include/linux/bpf.h, kernel/bpf/task_iter.c, kernel/bpf/map_iter.c */
struct file;
struct bpf_iter__task_file {
	union {
		struct task_struct *task;
	};
	union {
		struct file *file;
	};
};
struct bpf_iter__bpf_map_elem {
	union {
		void *key;
	};
};

#pragma clang attribute pop

/* include/uapi/linux/in.h, in6.h, ip.h, ipv6.h, udp.h: fixed by protocol, not relocated */
struct sockaddr_in {
	__u16 sin_family;
	__be16 sin_port;
	__be32 sin_addr;
};
struct sockaddr_in6 {
	__u16 sin6_family;
	__be16 sin6_port;
	__be32 sin6_flowinfo;
	__be32 sin6_addr[4];
};

#endif
