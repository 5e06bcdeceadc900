/* SPDX-License-Identifier: Apache-2.0 */
/* One connection of exact-tcp-server: header, body, response, rest, as the events of epoll allow. */
#ifndef TRAFFIC_TCP_PEER_H
#define TRAFFIC_TCP_PEER_H

#include "tcp.h"
#include <sys/epoll.h>

#define BUFFER_BYTES (1 << 18)

enum stage { STAGE_HEADER, STAGE_BODY, STAGE_HALF, STAGE_RESPONSE, STAGE_REST };

struct peer {
	int fd;
	enum stage stage;
	unsigned int header_bytes;
	struct request request;
	uint64_t left; /* of the stage's bytes */
	uint32_t waiting;
	struct connection_totals own;
};

static struct tcp_totals totals;
static struct connection_totals *each;
static size_t each_count, each_room = 1024;
static size_t live;
static int poller, per_connection;
static char buffer[BUFFER_BYTES];

static inline void keep_connection(const struct connection_totals *own)
{
	if (each_count == each_room) {
		each_room *= 2;
		each = realloc(each, each_room * sizeof(*each));
		if (!each)
			die_errno("realloc");
	}
	each[each_count++] = *own;
}

static inline void end_peer(struct peer *p)
{
	if (per_connection)
		keep_connection(&p->own);
	/* Not by close() alone: whoever looks through open files, as a BPF iterator does, holds the file a moment longer. */
	epoll_ctl(poller, EPOLL_CTL_DEL, p->fd, NULL);
	close(p->fd);
	free(p);
	live--;
}

/* The peer's reset is what the modes `reset` and `unread` announce; anywhere else it is an error. */
static inline void end_broken(struct peer *p)
{
	if (errno == ECONNRESET && p->stage != STAGE_HEADER &&
	    (p->request.closing == CLOSE_RESET || p->request.closing == CLOSE_UNREAD))
		totals.resets++;
	else
		totals.errors++;
	end_peer(p);
}

static inline void want(struct peer *p, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.ptr = p };

	if (p->waiting == events)
		return;
	epoll_ctl(poller, p->waiting ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, p->fd, &e);
	p->waiting = events;
}

/* After the response. Returns 1 when the peer is gone. */
static inline int finish_response(struct peer *p)
{
	totals.rounds++;
	switch (p->request.closing) {
	case CLOSE_KEEP:
		p->stage = STAGE_HEADER;
		p->header_bytes = 0;
		return 0;
	case CLOSE_SERVER:
	case CLOSE_BOTH:
	case CLOSE_CLIENT_HALF:
		end_peer(p);
		return 1;
	case CLOSE_SERVER_HALF:
		shutdown(p->fd, SHUT_WR);
		break;
	default:
		break;
	}
	p->stage = STAGE_REST;
	return 0;
}

/* Writes until the socket is full. Returns 1 when the peer is gone. */
static inline int write_response(struct peer *p)
{
	while (p->left) {
		size_t chunk = p->left < BUFFER_BYTES ? p->left : BUFFER_BYTES;
		ssize_t n = write(p->fd, buffer, chunk);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			want(p, EPOLLOUT);
			return 0;
		}
		if (n <= 0) {
			end_broken(p);
			return 1;
		}
		totals.wrote_bytes += (uint64_t)n;
		p->own.wrote_bytes += (uint64_t)n;
		p->left -= (uint64_t)n;
	}
	want(p, EPOLLIN);
	return finish_response(p);
}

static inline int start_response(struct peer *p)
{
	p->stage = STAGE_RESPONSE;
	p->left = p->request.response_bytes;
	return write_response(p);
}

/* What a header asks for. Returns 1 when the peer is gone. */
static inline int take_header(struct peer *p)
{
	if (p->request.magic != REQUEST_MAGIC || p->request.request_bytes < sizeof(p->request) ||
	    p->request.closing >= CLOSE_MIXED) {
		totals.errors++;
		end_peer(p);
		return 1;
	}
	p->stage = STAGE_BODY;
	p->left = p->request.request_bytes - sizeof(p->request);
	return 0;
}

static inline int end_of_body(struct peer *p)
{
	if (p->request.closing == CLOSE_CLIENT_HALF) {
		p->stage = STAGE_HALF;
		return 0;
	}
	return start_response(p);
}

/* The peer's FIN. Returns 1 when the peer is gone, as in all stages but one. */
static inline int take_end(struct peer *p)
{
	if (p->stage == STAGE_HALF)
		return start_response(p);
	if (p->stage == STAGE_BODY || (p->stage == STAGE_HEADER && p->header_bytes))
		totals.errors++;
	end_peer(p);
	return 1;
}

/*
 * Takes what was read. Returns 1 when the peer is gone. A request may follow
 * another within one read only if that one wanted no response.
 */
static inline int take_bytes(struct peer *p, const char *from, size_t bytes)
{
	while (bytes) {
		size_t part = bytes;

		if (p->stage == STAGE_HEADER) {
			size_t missing = sizeof(p->request) - p->header_bytes;

			part = bytes < missing ? bytes : missing;
			memcpy((char *)&p->request + p->header_bytes, from, part);
			p->header_bytes += (unsigned int)part;
			if (part == missing && take_header(p))
				return 1;
		} else if (p->stage == STAGE_BODY) {
			part = bytes < p->left ? bytes : p->left;
			p->left -= part;
		} else if (p->stage == STAGE_RESPONSE) {
			totals.errors++;
			end_peer(p);
			return 1;
		}
		from += part;
		bytes -= part;
		if (p->stage == STAGE_BODY && !p->left && end_of_body(p))
			return 1;
	}
	return 0;
}

/* What epoll has announced: one read, for it tells again if there is more. */
static inline void serve(struct peer *p)
{
	ssize_t n;

	if (p->stage == STAGE_RESPONSE) {
		write_response(p);
		return;
	}
	n = read(p->fd, buffer, BUFFER_BYTES);
	if (n > 0) {
		totals.read_bytes += (uint64_t)n;
		p->own.read_bytes += (uint64_t)n;
		take_bytes(p, buffer, (size_t)n);
	} else if (n == 0) {
		take_end(p);
	} else if (errno != EINTR && errno != EAGAIN) {
		end_broken(p);
	}
}

#endif
