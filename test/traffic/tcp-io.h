/* SPDX-License-Identifier: Apache-2.0 */
/* Ways to give bytes to a TCP socket and to take them from it. Each counts what the calls returned. */
#ifndef TRAFFIC_TCP_IO_H
#define TRAFFIC_TCP_IO_H

#include "tcp.h"
#include "uring.h"
#include <linux/errqueue.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

#define FILLER_BYTES (1 << 20)
#define PIPE_BYTES 65536
#define SMALL_BUFFER 8192
#define SMALL_SEGMENT 1400

enum send_method { SEND_WRITE, SEND_SENDFILE, SEND_SPLICE, SEND_PARTIAL, SEND_ZEROCOPY, SEND_URING };
static const char *const send_names[] = { "write", "sendfile", "splice", "partial", "zerocopy", "io_uring", NULL };

enum receive_method { RECEIVE_READ, RECEIVE_PEEK, RECEIVE_TRUNC, RECEIVE_SPLICE, RECEIVE_URING };
static const char *const receive_names[] = { "read", "peek", "trunc", "splice", "io_uring", NULL };

/* The ways of one process, and where it counts. */
struct channel {
	enum send_method send;
	enum receive_method receive;
	struct tcp_totals *totals;
	struct connection_totals *own; /* of the current connection */
	int file;		       /* FILLER_BYTES of zeros in memory */
	int pipe[2];
	int null;
	struct uring ring;
	char *filler;
};

static inline void open_channel(struct channel *c)
{
	c->filler = calloc(1, FILLER_BYTES);
	c->file = memfd_create("filler", MFD_CLOEXEC);
	c->null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (!c->filler || c->file < 0 || c->null < 0 || ftruncate(c->file, FILLER_BYTES) || pipe2(c->pipe, O_CLOEXEC))
		die_errno("buffers");
	if (c->send == SEND_URING || c->receive == RECEIVE_URING)
		open_uring(&c->ring);
}

/* What a way needs of the socket before its first byte. */
static inline void prepare_socket(const struct channel *c, int fd)
{
	if (c->send == SEND_PARTIAL) {
		set_option(fd, SOL_SOCKET, SO_SNDBUF, SMALL_BUFFER, "SO_SNDBUF");
		/* On loopback one segment would fill the buffer, and wait 40 ms for its delayed ACK. */
		set_option(fd, IPPROTO_TCP, TCP_MAXSEG, SMALL_SEGMENT, "TCP_MAXSEG");
	}
	if (c->send == SEND_ZEROCOPY)
		set_option(fd, SOL_SOCKET, SO_ZEROCOPY, 1, "SO_ZEROCOPY");
}

static inline void count_wrote(struct channel *c, ssize_t bytes)
{
	c->totals->wrote_bytes += (uint64_t)bytes;
	c->own->wrote_bytes += (uint64_t)bytes;
}

static inline void count_read(struct channel *c, ssize_t bytes)
{
	c->totals->read_bytes += (uint64_t)bytes;
	c->own->read_bytes += (uint64_t)bytes;
}

/* The notices that sent pages are free again: without reading them the socket runs out of room for more. */
static inline void reap_zerocopy(int fd)
{
	char control[128];
	struct msghdr m = { .msg_control = control, .msg_controllen = sizeof(control) };

	while (recvmsg(fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT) >= 0)
		m.msg_controllen = sizeof(control);
}

static inline void wait_for(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	poll(&p, 1, 100);
}

static inline ssize_t splice_out(struct channel *c, int fd, size_t want)
{
	off64_t from = 0;
	ssize_t filled = splice(c->file, &from, c->pipe[1], NULL, want < PIPE_BYTES ? want : PIPE_BYTES, 0);
	ssize_t sent = 0;

	while (sent < filled) {
		ssize_t n = splice(c->pipe[0], NULL, fd, NULL, (size_t)(filled - sent), 0);

		if (n <= 0 && errno != EINTR)
			return sent ? sent : -1;
		if (n > 0)
			sent += n;
	}
	return sent;
}

/* One call, or for splice one pipe full. */
static inline ssize_t send_some(struct channel *c, int fd, size_t want)
{
	off_t from = 0;
	ssize_t n;

	if (want > FILLER_BYTES)
		want = FILLER_BYTES;
	switch (c->send) {
	case SEND_SENDFILE:
		return sendfile(fd, c->file, &from, want);
	case SEND_SPLICE:
		return splice_out(c, fd, want);
	case SEND_PARTIAL:
		return send(fd, c->filler, want, MSG_DONTWAIT);
	case SEND_ZEROCOPY:
		n = send(fd, c->filler, want, MSG_ZEROCOPY);
		reap_zerocopy(fd);
		return n;
	case SEND_URING:
		return uring_call(&c->ring, IORING_OP_SEND, fd, c->filler, want);
	default:
		return write(fd, c->filler, want);
	}
}

/* Sends `bytes` of filler. Returns 0 when all are with the kernel, else -1 with errno. */
static inline int send_filler(struct channel *c, int fd, uint64_t bytes)
{
	while (bytes) {
		ssize_t n = send_some(c, fd, bytes);

		if (n > 0) {
			count_wrote(c, n);
			bytes -= (uint64_t)n;
		} else if (errno == EAGAIN) {
			wait_for(fd, POLLOUT);
		} else if (errno == ENOBUFS) {
			wait_for(fd, 0); /* for POLLERR: a notice of zerocopy */
			reap_zerocopy(fd);
		} else if (errno != EINTR) {
			return -1;
		}
		if (stopping)
			break;
	}
	return bytes ? -1 : 0;
}

/* The header, and in the plain way as much filler as fits into the same call. */
static inline int send_request(struct channel *c, int fd, const struct request *r)
{
	uint64_t rest = r->request_bytes - sizeof(*r);
	uint64_t along = c->send == SEND_WRITE ? (rest < FILLER_BYTES ? rest : FILLER_BYTES) : 0;
	struct iovec parts[2] = {
		{ .iov_base = (void *)(uintptr_t)r, .iov_len = sizeof(*r) },
		{ .iov_base = c->filler, .iov_len = along },
	};
	struct msghdr m = { .msg_iov = parts, .msg_iovlen = along ? 2 : 1 };
	ssize_t n;

	do {
		n = sendmsg(fd, &m, rest > along ? MSG_MORE : 0);
	} while (n < 0 && errno == EINTR && !stopping);
	if (n < (ssize_t)sizeof(*r))
		return -1;
	count_wrote(c, n);
	return send_filler(c, fd, r->request_bytes - (uint64_t)n);
}

/* One call that takes bytes away. A peek before it is not counted: the same bytes come again. */
static inline ssize_t receive_some(struct channel *c, int fd, size_t want)
{
	ssize_t n;

	if (want > FILLER_BYTES)
		want = FILLER_BYTES;
	switch (c->receive) {
	case RECEIVE_PEEK:
		n = recv(fd, c->filler, want, MSG_PEEK);
		return n > 0 ? recv(fd, c->filler, (size_t)n, 0) : n;
	case RECEIVE_TRUNC:
		return recv(fd, NULL, want, MSG_TRUNC); /* the kernel throws the bytes away */
	case RECEIVE_SPLICE:
		n = splice(fd, NULL, c->pipe[1], NULL, want < PIPE_BYTES ? want : PIPE_BYTES, 0);
		for (ssize_t left = n; left > 0;)
			left -= splice(c->pipe[0], NULL, c->null, NULL, (size_t)left, 0);
		return n;
	case RECEIVE_URING:
		return uring_call(&c->ring, IORING_OP_RECV, fd, c->filler, want);
	default:
		return read(fd, c->filler, want);
	}
}

/* Takes up to `bytes`; fewer when the peer ends. Returns what is missing, or -1 with errno. */
static inline int64_t receive_bytes(struct channel *c, int fd, uint64_t bytes)
{
	while (bytes && !stopping) {
		ssize_t n = receive_some(c, fd, bytes);

		if (n == 0)
			break;
		if (n > 0) {
			count_read(c, n);
			bytes -= (uint64_t)n;
		} else if (errno != EINTR) {
			return -1;
		}
	}
	return (int64_t)bytes;
}

/* Takes what comes until the peer's FIN. Returns 0 there, -1 with errno on a reset. */
static inline int receive_rest(struct channel *c, int fd)
{
	return receive_bytes(c, fd, INT64_MAX) < 0 ? -1 : 0;
}

#endif
