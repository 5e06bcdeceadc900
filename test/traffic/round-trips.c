/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does rounds of request and response on one connection for --seconds, and
 * times each by its own clock. Prints how many there were, and how long half
 * of them, 99 and 99.9 % of them and the longest took at most.
 */
#include "tcp-client.h"

#define ROUNDS_MAX (1 << 22)

static uint32_t round_ns[ROUNDS_MAX];

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static size_t time_rounds(struct client *c, int fd, uint64_t seconds)
{
	uint64_t start = now_ns(), before = start;
	size_t count = 0;

	while (count < ROUNDS_MAX && !stopping && before - start < seconds * 1000000000) {
		uint64_t after;

		if (count_round(c, fd, CLOSE_KEEP))
			die("a round failed");
		after = now_ns();
		round_ns[count++] = after - before < UINT32_MAX ? (uint32_t)(after - before) : UINT32_MAX;
		before = after;
	}
	return count;
}

static void print_quantile(const char *name, size_t count, double share)
{
	size_t at = (size_t)(share * (double)count);

	json_decimal(name, (double)round_ns[at < count ? at : count - 1] / 1000);
}

int main(int argc, char **argv)
{
	struct client_options o = CLIENT_DEFAULTS;
	struct tcp_totals totals = { 0 };
	struct connection_totals own;
	struct client c = { 0 };
	uint64_t seconds = 1;
	size_t count;
	int fd;
	const struct setting settings[] = {
		CLIENT_SETTINGS(o),
		NUMBER("seconds", &seconds, 1, TIMEOUT_MAX_S),
	};

	parse_settings(argc, argv, settings, SETTINGS_COUNT(settings));
	limit_life(o.timeout);
	open_client(&c, &o, &totals);
	fd = open_socket(&c);
	if (connect_socket(&c, fd, &own))
		die("no connection to %s", o.address);
	count = time_rounds(&c, fd, seconds);
	if (!count)
		die("not one round was done");
	close(fd);
	qsort(round_ns, count, sizeof(*round_ns), by_value);
	json_open("end");
	json_number("rounds", count);
	print_quantile("p50Us", count, 0.5);
	print_quantile("p99Us", count, 0.99);
	print_quantile("p999Us", count, 0.999);
	print_quantile("maxUs", count, 1);
	json_flag("timedOut", timed_out);
	json_close();
	return exit_code();
}
