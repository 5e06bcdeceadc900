/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens many connections to exact-tcp-server, does one round on each, and keeps
 * them open. Commands come by stdin, a line each, and each is answered by one
 * line of totals so far:
 *   send N [R]   R rounds (1) with requests of N bytes on every connection
 *   run S        such rounds for S seconds
 *   open N       N connections more
 *   drop N       ends N connections, the oldest first
 * The end of stdin ends the connections in the way asked for.
 */
#include "tcp-client.h"

#define HELD_MAX 20000

struct held {
	int fd;
	struct connection_totals own;
};

static struct held held[HELD_MAX];
static size_t first, count; /* held[first..count) are open */

static int open_one(struct client *c)
{
	struct held *h = &held[count];

	h->fd = open_socket(c);
	if (connect_socket(c, h->fd, &h->own) || count_round(c, h->fd, CLOSE_KEEP)) {
		close(h->fd);
		return -1;
	}
	look_at_socket(c, h->fd);
	count++;
	return 0;
}

static void open_more(struct client *c, uint64_t wanted)
{
	for (uint64_t i = 0; i < wanted && !stopping; i++) {
		if (count == HELD_MAX)
			die("more than %d connections", HELD_MAX);
		open_one(c);
	}
}

/* All requests go out before the first response is waited for. */
static void round_on_all(struct client *c, struct range size)
{
	const struct client_options *o = c->options;
	struct request r = { .magic = REQUEST_MAGIC, .closing = CLOSE_KEEP };
	uint32_t *expected = calloc(count + 1, sizeof(*expected));

	if (!expected)
		die_errno("calloc");
	for (size_t i = first; i < count; i++) {
		r.request_bytes = (uint32_t)pick(size);
		r.response_bytes = expected[i] = (uint32_t)pick(o->response);
		c->channel.own = &held[i].own;
		if (send_request(&c->channel, held[i].fd, &r) && !stopping)
			c->channel.totals->errors++;
	}
	for (size_t i = first; i < count; i++) {
		c->channel.own = &held[i].own;
		if (receive_bytes(&c->channel, held[i].fd, expected[i]) && !stopping)
			c->channel.totals->errors++;
		c->channel.totals->rounds++;
	}
	free(expected);
}

static void drop(struct client *c, uint64_t wanted)
{
	for (uint64_t i = 0; i < wanted && first < count; i++, first++) {
		c->channel.own = &held[first].own;
		count_round(c, held[first].fd, draw_closing(c->options));
		close(held[first].fd);
	}
}

static void run_command(struct client *c, const char *line)
{
	unsigned long long n, rounds = 1;
	double end;

	if (sscanf(line, "send %llu %llu", &n, &rounds) >= 1 && n >= sizeof(struct request) && n <= REQUEST_BYTES_MAX) {
		for (uint64_t i = 0; i < rounds && !stopping; i++)
			round_on_all(c, (struct range){ n, n });
	} else if (sscanf(line, "run %llu", &n) == 1) {
		for (end = now_s() + (double)n; now_s() < end && !stopping;)
			round_on_all(c, c->options->request);
	} else if (sscanf(line, "open %llu", &n) == 1) {
		open_more(c, n);
	} else if (sscanf(line, "drop %llu", &n) == 1) {
		drop(c, n);
	} else {
		die("%.40s is no command: send N [R], run S, open N, drop N", line);
	}
}

static void print_each_held(const char *event, const struct tcp_totals *totals, double seconds, int per_connection)
{
	struct connection_totals *each = NULL;

	if (per_connection) {
		each = calloc(count + 1, sizeof(*each));
		if (!each)
			die_errno("calloc");
		for (size_t i = 0; i < count; i++)
			each[i] = held[i].own;
	}
	print_totals(event, totals, seconds, each, count);
	free(each);
}

int main(int argc, char **argv)
{
	struct client_options o = CLIENT_DEFAULTS;
	uint64_t connections = 1;
	struct tcp_totals totals = { 0 };
	struct client c = { 0 };
	char line[128];
	double start;
	const struct setting settings[] = {
		CLIENT_SETTINGS(o),
		NUMBER("connections", &connections, 0, HELD_MAX),
	};

	parse_settings(argc, argv, settings, SETTINGS_COUNT(settings));
	limit_life(o.timeout);
	raise_descriptors();
	open_client(&c, &o, &totals);
	start = now_s();
	open_more(&c, connections);
	print_each_held("ready", &totals, now_s() - start, o.per_connection);
	while (next_line(line, sizeof(line))) {
		start = now_s();
		run_command(&c, line);
		print_each_held("done", &totals, now_s() - start, o.per_connection);
	}
	if (!stopping)
		drop(&c, count);
	print_each_held("end", &totals, now_s() - start, o.per_connection);
	return exit_code();
}
