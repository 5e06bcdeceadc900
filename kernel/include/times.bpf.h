/* SPDX-License-Identifier: GPL-2.0 */
/* What the kernel knows of a socket's times: what it waited for, when it was established, and how long that took. */
#ifndef KUBE_NETC_TIMES_BPF_H
#define KUBE_NETC_TIMES_BPF_H

/* The walk took its time before this socket wrote its own: a moment later than now is now. */
static __always_inline __u32 since(__u32 now, __u32 then)
{
	__s32 ago = (__s32)(now - then);

	return ago > 0 ? ago : 0;
}

/*
 * What the socket waits for now, and how long it has (enum tcp_chrono, include/linux/tcp.h): data that is queued or not
 * acknowledged; of that, because of the receiver's window, or of the send buffer. What has ended is in chrono_stat.
 */
#define CHRONO_BUSY 1
#define CHRONO_RECEIVER 2
#define CHRONO_SNDBUF 3

static __always_inline void add_running(struct totals *t, __u32 type, __u32 running)
{
	t->busy_jiffies += type ? running : 0;
	t->receiver_limited_jiffies += type == CHRONO_RECEIVER ? running : 0;
	t->sndbuf_limited_jiffies += type == CHRONO_SNDBUF ? running : 0;
}

/* What the socket has waited for, and does no more. */
static __always_inline void read_waited(enum how how, struct tcp_sock *tp, struct totals *t)
{
	t->receiver_limited_jiffies = READ(how, tp, chrono_stat[CHRONO_RECEIVER - 1]);
	t->sndbuf_limited_jiffies = READ(how, tp, chrono_stat[CHRONO_SNDBUF - 1]);
	t->busy_jiffies =
		READ(how, tp, chrono_stat[CHRONO_BUSY - 1]) + t->receiver_limited_jiffies + t->sndbuf_limited_jiffies;
}

/* The times of a socket that nobody else writes. `runs`: what it waits for now counts up to now. */
static __always_inline void read_times(struct tcp_sock *tp, bool runs, struct totals *t)
{
	__u32 type = runs ? BPF_CORE_READ_BITFIELD(tp, chrono_type) : 0;

	read_waited(TRUSTED, tp, t);
	if (type)
		add_running(t, type, (__u32)bpf_jiffies64() - tp->chrono_start);
}

/*
 * When a handshake ended: the kernel has read the clock for its last packet a moment ago, so it is not read again. Where there
 * was no handshake (TCP_REPAIR, a listener) or no sample of it: now.
 */
static __always_inline __u64 read_established_ns(struct tcp_sock *tp)
{
	return tp->srtt_us ? tp->tcp_mstamp * 1000 : bpf_ktime_get_ns();
}

/*
 * At ESTABLISHED: us since connect(), if it is known when that was; else the round trip of the SYN, which is the first sample
 * of srtt (tcp_ack runs before tcp_finish_connect), unless SYNs were sent again: of them the kernel knows only the last, for
 * retrans_stamp, which had the time of the first, is gone by now (tcp_try_to_open). 0: not known.
 */
static __always_inline __u32 read_connect_us(struct tcp_sock *tp, __u64 born_ns)
{
	__u32 us = tp->srtt_us >> 3;

	if (!tp->srtt_us) /* TCP_REPAIR: there was no handshake */
		return 0;
	if (born_ns)
		us = (tp->tcp_mstamp * 1000 - born_ns) / 1000;
	else if (tp->total_retrans)
		return 0;
	return us ? us : 1;
}

#endif
