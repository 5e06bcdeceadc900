/* SPDX-License-Identifier: Apache-2.0 */
/* Ways to send datagrams and to take them. Each counts what the calls returned. */
#ifndef TRAFFIC_UDP_IO_H
#define TRAFFIC_UDP_IO_H

#include "lines.h"
#include "options.h"
#include <linux/udp.h>

#define DATAGRAM_MAX 65507
#define BATCH 16
#define SOCKET_BUFFER (64 << 20)

enum udp_send { UDP_SENDTO, UDP_SENDMSG, UDP_SENDMMSG, UDP_GSO, UDP_MORE, UDP_WRITE };
static const char *const udp_send_names[] = { "send", "sendmsg", "sendmmsg", "gso", "more", "write", NULL };

enum udp_receive { UDP_RECVFROM, UDP_RECV, UDP_RECVMSG, UDP_RECVMMSG, UDP_READ };
static const char *const udp_receive_names[] = { "recvfrom", "recv", "recvmsg", "recvmmsg", "read", NULL };

struct udp_totals {
	uint64_t sent_datagrams, sent_bytes, send_calls, send_errors;
	uint64_t received_datagrams, received_bytes, receive_calls, receive_errors;
	uint64_t peeks;	  /* calls with MSG_PEEK, counted nowhere else */
	uint64_t refused; /* errors of both kinds that were ECONNREFUSED */
	uint64_t missing; /* replies that did not come in time */
};

struct udp_socket {
	int fd;
	int send;	 /* enum udp_send */
	int receive;	 /* enum udp_receive */
	int peek, trunc; /* MSG_PEEK before each receive; MSG_TRUNC with it */
	int gro;
	uint64_t room; /* of the receive buffer: smaller than a datagram truncates it */
	struct udp_totals totals;
	struct endpoint from; /* who sent the last datagram that was taken */
	char *in, *out;
};

/* A socket with room for bursts. Privileged: the buffer may exceed the system's limit. */
static inline void open_udp(struct udp_socket *u, int family)
{
	int size = SOCKET_BUFFER;

	u->fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	u->in = calloc(BATCH, 65536);
	u->out = calloc(1, 65536);
	if (u->fd < 0 || !u->in || !u->out)
		die_errno("socket");
	if (setsockopt(u->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		set_option(u->fd, SOL_SOCKET, SO_RCVBUF, size, "SO_RCVBUF");
	if (u->gro)
		set_option(u->fd, IPPROTO_UDP, UDP_GRO, 1, "UDP_GRO");
}

static inline void bind_udp(struct udp_socket *u, const struct endpoint *at)
{
	set_option(u->fd, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR");
	if (bind(u->fd, (const void *)&at->address, at->length))
		die_errno("bind");
}

static inline void count_sent(struct udp_socket *u, ssize_t bytes, uint64_t datagrams)
{
	u->totals.send_calls++;
	if (bytes < 0) {
		u->totals.send_errors++;
		u->totals.refused += errno == ECONNREFUSED;
		return;
	}
	u->totals.sent_bytes += (uint64_t)bytes;
	u->totals.sent_datagrams += datagrams;
}

static inline void count_received(struct udp_socket *u, ssize_t bytes, uint64_t datagrams)
{
	u->totals.receive_calls++;
	if (bytes < 0) {
		u->totals.receive_errors++;
		u->totals.refused += errno == ECONNREFUSED;
		return;
	}
	u->totals.received_bytes += (uint64_t)bytes;
	u->totals.received_datagrams += datagrams;
}

/* One message of several datagrams of `size` bytes: the device, or the kernel before it, cuts it. */
static inline void send_segments(struct udp_socket *u, const struct endpoint *to, size_t size, uint64_t count)
{
	union {
		char room[CMSG_SPACE(sizeof(uint16_t))];
		struct cmsghdr head;
	} control = { 0 };
	struct iovec part = { .iov_base = u->out, .iov_len = size * count };
	struct msghdr m = {
		.msg_name = to ? (void *)(uintptr_t)&to->address : NULL,
		.msg_namelen = to ? to->length : 0,
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	uint16_t segment = (uint16_t)size;

	control.head.cmsg_level = IPPROTO_UDP;
	control.head.cmsg_type = UDP_SEGMENT;
	control.head.cmsg_len = CMSG_LEN(sizeof(segment));
	memcpy(CMSG_DATA(&control.head), &segment, sizeof(segment));
	count_sent(u, sendmsg(u->fd, &m, 0), count);
}

static inline void send_batch(struct udp_socket *u, const struct endpoint *to, size_t size, uint64_t count)
{
	struct iovec part = { .iov_base = u->out, .iov_len = size };
	struct mmsghdr all[BATCH] = { 0 };
	int sent;

	for (uint64_t i = 0; i < count; i++) {
		all[i].msg_hdr.msg_name = to ? (void *)(uintptr_t)&to->address : NULL;
		all[i].msg_hdr.msg_namelen = to ? to->length : 0;
		all[i].msg_hdr.msg_iov = &part;
		all[i].msg_hdr.msg_iovlen = 1;
	}
	sent = sendmmsg(u->fd, all, (unsigned int)count, 0);
	if (sent < 0)
		count_sent(u, sent, 0);
	for (int i = 0; i < sent; i++)
		count_sent(u, all[i].msg_len, 1);
}

/* `to` NULL: the connected peer. Sends `count` datagrams of `size` bytes, at most BATCH. */
static inline void send_datagrams(struct udp_socket *u, const struct endpoint *to, size_t size, uint64_t count)
{
	const struct sockaddr *name = to ? (const void *)&to->address : NULL;
	socklen_t length = to ? to->length : 0;
	struct iovec part = { .iov_base = u->out, .iov_len = size };
	struct msghdr m = {
		.msg_name = (void *)(uintptr_t)name, .msg_namelen = length, .msg_iov = &part, .msg_iovlen = 1
	};

	if (u->send == UDP_GSO) {
		send_segments(u, to, size, count);
		return;
	}
	if (u->send == UDP_SENDMMSG) {
		send_batch(u, to, size, count);
		return;
	}
	for (uint64_t i = 0; i < count; i++) {
		if (u->send == UDP_SENDMSG) {
			count_sent(u, sendmsg(u->fd, &m, 0), 1);
		} else if (u->send == UDP_WRITE) {
			count_sent(u, write(u->fd, u->out, size), 1);
		} else if (u->send == UDP_MORE) { /* two calls, one datagram */
			count_sent(u, sendto(u->fd, u->out, size / 2, MSG_MORE, name, length), 0);
			count_sent(u, sendto(u->fd, u->out, size - size / 2, 0, name, length), 1);
		} else {
			count_sent(u, sendto(u->fd, u->out, size, 0, name, length), 1);
		}
	}
}

/* With UDP_GRO one call may return several datagrams; a control message tells their size. */
static inline uint64_t datagrams_in(struct msghdr *m, ssize_t bytes)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); bytes > 0 && c; c = CMSG_NXTHDR(m, c)) {
		int segment;

		if (c->cmsg_level != IPPROTO_UDP || c->cmsg_type != UDP_GRO)
			continue;
		memcpy(&segment, CMSG_DATA(c), sizeof(segment));
		return ((uint64_t)bytes + (uint64_t)segment - 1) / (uint64_t)segment;
	}
	return 1;
}

static inline ssize_t receive_message(struct udp_socket *u, int flags)
{
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr head;
	} control;
	struct iovec part = { .iov_base = u->in, .iov_len = u->room };
	struct msghdr m = {
		.msg_name = &u->from.address,
		.msg_namelen = sizeof(u->from.address),
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n = recvmsg(u->fd, &m, flags);

	u->from.length = m.msg_namelen;
	if (n >= 0 || (errno != EAGAIN && errno != EINTR))
		count_received(u, n, n >= 0 ? datagrams_in(&m, n) : 0);
	return n;
}

static inline ssize_t receive_batch(struct udp_socket *u, int flags)
{
	struct iovec parts[BATCH];
	struct mmsghdr all[BATCH] = { 0 };
	int n;

	for (size_t i = 0; i < BATCH; i++) {
		parts[i] = (struct iovec){ .iov_base = u->in + i * 65536, .iov_len = u->room };
		all[i].msg_hdr.msg_iov = &parts[i];
		all[i].msg_hdr.msg_iovlen = 1;
	}
	n = recvmmsg(u->fd, all, BATCH, flags | MSG_WAITFORONE, NULL);
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		count_received(u, n, 0);
	for (int i = 0; i < n; i++)
		count_received(u, all[i].msg_len, 1);
	return n < 0 ? -1 : n;
}

/* One call that takes a datagram, or several. Returns -1 with errno when it took none. */
static inline ssize_t receive_datagrams(struct udp_socket *u, int flags)
{
	ssize_t n;

	if (u->peek) {
		n = recv(u->fd, u->in, u->room, flags | MSG_PEEK | (u->trunc ? MSG_TRUNC : 0));
		if (n < 0) { /* a pending error is told once: here, and not by the call below */
			if (errno != EAGAIN && errno != EINTR)
				count_received(u, n, 0);
			return n;
		}
		u->totals.peeks++;
	}
	if (u->trunc)
		flags |= MSG_TRUNC;
	if (u->receive == UDP_RECVMMSG)
		return receive_batch(u, flags);
	if (u->receive == UDP_RECVMSG || u->gro)
		return receive_message(u, flags);
	u->from.length = sizeof(u->from.address);
	if (u->receive == UDP_RECV)
		n = recv(u->fd, u->in, u->room, flags);
	else if (u->receive == UDP_READ)
		n = read(u->fd, u->in, u->room); /* wait with poll() before: it takes no flags */
	else
		n = recvfrom(u->fd, u->in, u->room, flags, (void *)&u->from.address, &u->from.length);
	if (n >= 0 || (errno != EAGAIN && errno != EINTR))
		count_received(u, n, 1);
	return n;
}

static inline void print_udp(const char *event, const struct udp_socket *u, double seconds)
{
	const struct udp_totals *t = &u->totals;

	json_open(event);
	json_number("sentDatagrams", t->sent_datagrams);
	json_number("sentBytes", t->sent_bytes);
	json_number("sendCalls", t->send_calls);
	json_number("sendErrors", t->send_errors);
	json_number("receivedDatagrams", t->received_datagrams);
	json_number("receivedBytes", t->received_bytes);
	json_number("receiveCalls", t->receive_calls);
	json_number("receiveErrors", t->receive_errors);
	json_number("peeks", t->peeks);
	json_number("refused", t->refused);
	json_number("missing", t->missing);
	json_number("errors", t->send_errors + t->receive_errors);
	json_decimal("seconds", seconds);
	json_flag("timedOut", timed_out);
	json_close();
}

#define UDP_SETTINGS(u)                                                                                    \
	NAME("send", &(u).send, udp_send_names), NAME("receive", &(u).receive, udp_receive_names),         \
		NUMBER("buffer", &(u).room, 1, 65536), FLAG("peek", &(u).peek), FLAG("trunc", &(u).trunc), \
		FLAG("gro", &(u).gro)

#endif
