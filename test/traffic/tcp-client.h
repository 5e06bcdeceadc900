/* SPDX-License-Identifier: Apache-2.0 */
/* The client's side of a connection: open it, do a round, end it in one of the ways of tcp.h. */
#ifndef TRAFFIC_TCP_CLIENT_H
#define TRAFFIC_TCP_CLIENT_H

#include "options.h"
#include "tcp-io.h"
#include <sys/ioctl.h>

#define SOURCES_MAX 64
#define UNREAD_WAIT_MS 2000

struct client_options {
	const char *address, *bind;
	uint64_t port, cpu, seed, timeout, trailer;
	struct range request, response;
	int closing, send, receive;
	int mptcp, fast_open, mapped, per_connection;
};

struct client {
	const struct client_options *options;
	struct endpoint server;
	struct endpoint sources[SOURCES_MAX]; /* local addresses, in turn */
	size_t source_count, next_source;
	struct channel channel;
};

#define CLIENT_DEFAULTS                       \
	{                                     \
		.address = "127.0.0.1",       \
		.cpu = CPU_ANY,               \
		.seed = 1,                    \
		.trailer = 64,                \
		.timeout = DEFAULT_TIMEOUT_S, \
		.request = { 64, 64 },        \
		.response = { 64, 64 },       \
		.closing = CLOSE_CLIENT,      \
	}

#define CLIENT_SETTINGS(o)                                                                                          \
	TEXT("address", &(o).address), TEXT("bind", &(o).bind), NUMBER("port", &(o).port, 1, 65535),                \
		NUMBER("cpu", &(o).cpu, 0, CPU_MAX), NUMBER("seed", &(o).seed, 0, UINT32_MAX),                      \
		NUMBER("timeout", &(o).timeout, 1, TIMEOUT_MAX_S), NUMBER("trailer", &(o).trailer, 0, UINT32_MAX),  \
		RANGE("request", &(o).request, sizeof(struct request), REQUEST_BYTES_MAX),                          \
		RANGE("response", &(o).response, 0, REQUEST_BYTES_MAX), NAME("close", &(o).closing, closing_names), \
		NAME("send", &(o).send, send_names), NAME("receive", &(o).receive, receive_names),                  \
		FLAG("mptcp", &(o).mptcp), FLAG("fast-open", &(o).fast_open), FLAG("mapped", &(o).mapped),          \
		FLAG("per-connection", &(o).per_connection)

static inline void parse_sources(struct client *c, const char *list)
{
	char *copy = strdup(list), *place = NULL;

	for (char *one = strtok_r(copy, ",", &place); one; one = strtok_r(NULL, ",", &place)) {
		if (c->source_count == SOURCES_MAX)
			die("--bind takes at most %d addresses", SOURCES_MAX);
		c->sources[c->source_count++] = parse_endpoint(one, 0, c->options->mapped);
	}
	free(copy);
}

/* Call it once in each process that makes connections. */
static inline void open_client(struct client *c, const struct client_options *o, struct tcp_totals *totals)
{
	c->options = o;
	c->server = parse_endpoint(o->address, o->port, o->mapped);
	if (o->bind)
		parse_sources(c, o->bind);
	c->channel.send = (enum send_method)o->send;
	c->channel.receive = (enum receive_method)o->receive;
	c->channel.totals = totals;
	open_channel(&c->channel);
	srandom((unsigned int)o->seed);
	pin_cpu(o->cpu);
}

static inline int open_socket(struct client *c)
{
	int fd = socket(endpoint_family(&c->server), SOCK_STREAM | SOCK_CLOEXEC, c->options->mptcp ? IPPROTO_MPTCP : 0);

	if (fd < 0)
		die_errno("socket");
	set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY");
	prepare_socket(&c->channel, fd);
	if (c->options->fast_open)
		set_option(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1, "TCP_FASTOPEN_CONNECT");
	if (c->source_count) {
		const struct endpoint *from = &c->sources[c->next_source++ % c->source_count];

		/* The port is chosen at connect, so that it is unique per destination only. */
		set_option(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1, "IP_BIND_ADDRESS_NO_PORT");
		if (bind(fd, (const void *)&from->address, from->length))
			die_errno("bind");
	}
	return fd;
}

/* Returns 0, or -1 when the connection was refused or the like: counted as an error. */
static inline int connect_socket(struct client *c, int fd, struct connection_totals *own)
{
	memset(own, 0, sizeof(*own));
	c->channel.own = own;
	while (connect(fd, (void *)&c->server.address, c->server.length)) {
		if (errno == EINTR && !stopping)
			wait_for(fd, POLLOUT); /* goes on by itself; the next connect() says how it ended */
		else if (errno == EISCONN)
			break;
		else if (errno != EALREADY || stopping) {
			c->channel.totals->errors++;
			return -1;
		}
	}
	c->channel.totals->connections++;
	return 0;
}

static inline enum closing draw_closing(const struct client_options *o)
{
	return o->closing == CLOSE_MIXED ? (enum closing)(CLOSE_CLIENT + random() % 5) : (enum closing)o->closing;
}

/* Waits until the whole response lies in the receive buffer, and takes half of it. */
static inline int leave_unread(struct client *c, int fd, uint64_t response)
{
	struct tcp_totals *t = c->channel.totals;
	int waiting = 0;

	for (int ms = 0; ms < UNREAD_WAIT_MS && !stopping; ms++) {
		if (ioctl(fd, FIONREAD, &waiting))
			return -1;
		if ((uint64_t)waiting >= response)
			break;
		usleep(1000);
	}
	if (receive_bytes(&c->channel, fd, response / 2) || ioctl(fd, FIONREAD, &waiting))
		return -1;
	t->unread_bytes += (uint64_t)waiting;
	return (uint64_t)waiting == response - response / 2 ? 0 : -1;
}

/* One request and what belongs to its end, all but the close() itself. Returns 0, or -1 after an error. */
static inline int do_round(struct client *c, int fd, enum closing closing)
{
	const struct client_options *o = c->options;
	struct channel *ch = &c->channel;
	struct linger reset = { .l_onoff = 1, .l_linger = 0 };
	struct request r = {
		.magic = REQUEST_MAGIC,
		.closing = (uint8_t)closing,
		.request_bytes = (uint32_t)pick(o->request),
		.response_bytes = (uint32_t)pick(o->response),
		.trailer_bytes = closing == CLOSE_SERVER_HALF ? (uint32_t)o->trailer : 0,
	};

	if (closing == CLOSE_UNREAD && r.response_bytes > UNREAD_RESPONSE_MAX)
		r.response_bytes = UNREAD_RESPONSE_MAX;
	if (send_request(ch, fd, &r))
		return -1;
	if (closing == CLOSE_CLIENT_HALF)
		shutdown(fd, SHUT_WR);
	if (closing == CLOSE_UNREAD)
		return leave_unread(c, fd, r.response_bytes);
	if (receive_bytes(ch, fd, r.response_bytes))
		return -1;
	if (closing == CLOSE_SERVER || closing == CLOSE_CLIENT_HALF || closing == CLOSE_SERVER_HALF) {
		if (receive_rest(ch, fd))
			return -1;
	}
	if (closing == CLOSE_SERVER_HALF && send_filler(ch, fd, r.trailer_bytes))
		return -1;
	if (closing == CLOSE_RESET)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	return 0;
}

/* Does a round and counts it, or the error. A round that the end of the program cut short is neither. */
static inline int count_round(struct client *c, int fd, enum closing closing)
{
	int failed = do_round(c, fd, closing);

	if (!failed)
		c->channel.totals->rounds++;
	else if (!stopping)
		c->channel.totals->errors++;
	return failed;
}

/* What is known only after the first round: with Fast Open the port is chosen by the first send. */
static inline void look_at_socket(struct client *c, int fd)
{
	struct tcp_info info = { 0 };
	socklen_t length = sizeof(info);

	if (c->options->per_connection)
		c->channel.own->port = local_port(fd);
	if (c->options->fast_open && !getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) &&
	    (info.tcpi_options & TCPI_OPT_SYN_DATA))
		c->channel.totals->fast_opens++;
}

#endif
