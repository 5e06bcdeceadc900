/* SPDX-License-Identifier: Apache-2.0 */
/* The protocol of the TCP programs: a request with a header, a response, and who closes how. */
#ifndef TRAFFIC_TCP_H
#define TRAFFIC_TCP_H

#include "lines.h"
#include <linux/tcp.h>

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

/* How a connection ends. The client says it in the header of each request. */
enum closing {
	CLOSE_KEEP,	   /* not yet: another request follows, or an end of file */
	CLOSE_CLIENT,	   /* the client after the response; the server after the client */
	CLOSE_SERVER,	   /* the server after the response; the client after the server */
	CLOSE_BOTH,	   /* each as soon as its part is done */
	CLOSE_CLIENT_HALF, /* the client sends FIN after the request, and gets the response after it */
	CLOSE_SERVER_HALF, /* the server sends FIN after the response, and gets a trailer after it */
	CLOSE_RESET,	   /* the client sends RST after the response */
	CLOSE_UNREAD,	   /* the client closes with half of the response unread, so the kernel sends RST */
	CLOSE_MIXED,	   /* the client draws one of the first six for each connection; never sent */
};

static const char *const closing_names[] = { "keep",	    "client", "server", "both",	 "client-half",
					     "server-half", "reset",  "unread", "mixed", NULL };

#define REQUEST_MAGIC 0x6e65
#define REQUEST_BYTES_MAX (1ULL << 31)
#define UNREAD_RESPONSE_MAX 32768 /* fits in any receive buffer, so that all of it arrives */

struct request {
	uint16_t magic;
	uint8_t closing;
	uint8_t padding;
	uint32_t request_bytes; /* with this header */
	uint32_t response_bytes;
	uint32_t trailer_bytes; /* CLOSE_SERVER_HALF: what follows the server's FIN */
};

_Static_assert(sizeof(struct request) == 16, "the header is what the smallest request costs");

/* One connection's part, kept when each connection is to be told. */
struct connection_totals {
	uint64_t wrote_bytes;
	uint64_t read_bytes;
	uint16_t port; /* the client's */
};

struct tcp_totals {
	uint64_t connections;
	uint64_t rounds;
	uint64_t wrote_bytes;
	uint64_t read_bytes;
	uint64_t unread_bytes; /* arrived, but never read by the program */
	uint64_t resets;       /* ended by the peer's RST, as the client had announced */
	uint64_t fast_opens;   /* connections whose SYN carried data that was accepted */
	uint64_t errors;
};

static inline void add_totals(struct tcp_totals *sum, const struct tcp_totals *part)
{
	sum->connections += part->connections;
	sum->rounds += part->rounds;
	sum->wrote_bytes += part->wrote_bytes;
	sum->read_bytes += part->read_bytes;
	sum->unread_bytes += part->unread_bytes;
	sum->resets += part->resets;
	sum->fast_opens += part->fast_opens;
	sum->errors += part->errors;
}

static inline void print_each(const struct connection_totals *each, size_t count)
{
	printf(",\"perConnection\":[");
	for (size_t i = 0; i < count; i++)
		printf("%s{\"clientPort\":%u,\"wroteBytes\":%llu,\"readBytes\":%llu}", i ? "," : "", each[i].port,
		       (unsigned long long)each[i].wrote_bytes, (unsigned long long)each[i].read_bytes);
	putchar(']');
}

/* One line with all totals; `each` may be NULL. */
static inline void print_totals(const char *event, const struct tcp_totals *t, double seconds,
				const struct connection_totals *each, size_t count)
{
	json_open(event);
	json_number("connections", t->connections);
	json_number("rounds", t->rounds);
	json_number("wroteBytes", t->wrote_bytes);
	json_number("readBytes", t->read_bytes);
	json_number("unreadBytes", t->unread_bytes);
	json_number("resets", t->resets);
	json_number("fastOpens", t->fast_opens);
	json_number("errors", t->errors);
	json_decimal("seconds", seconds);
	json_decimal("connectionsPerSecond", seconds > 0 ? (double)t->connections / seconds : 0);
	json_decimal("roundsPerSecond", seconds > 0 ? (double)t->rounds / seconds : 0);
	json_flag("timedOut", timed_out);
	if (each)
		print_each(each, count);
	json_close();
}

/* The listening socket of both servers. An IPv6 one takes IPv4 clients too, unless `v6only`. */
static inline int listen_on(struct endpoint *at, int protocol, int backlog, int v6only)
{
	int fd = socket(endpoint_family(at), SOCK_STREAM, protocol);

	if (fd < 0)
		die_errno("socket");
	set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR");
	set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY"); /* accepted sockets inherit it */
	if (endpoint_family(at) == AF_INET6)
		set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, v6only, "IPV6_V6ONLY");
	if (bind(fd, (void *)&at->address, at->length))
		die_errno("bind");
	if (listen(fd, backlog))
		die_errno("listen");
	return fd;
}

#endif
