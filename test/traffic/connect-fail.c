/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tries connections that fail: all at once, without blocking, and counts how
 * each ended. --abort-after closes those that are still under way, at once with
 * 0. --syn-count bounds the time of those that nobody answers: 1 is about 3 s.
 */
#include "options.h"
#include "tcp.h"

#define ATTEMPTS_MAX 10000
#define NEVER UINT64_MAX

struct endings {
	uint64_t connected, refused, timed_out, host_unreachable, net_unreachable, reset, aborted, other;
};

static struct pollfd waiting[ATTEMPTS_MAX];

static void count_ending(struct endings *e, int error)
{
	switch (error) {
	case 0:
		e->connected++;
		break;
	case ECONNREFUSED:
		e->refused++;
		break;
	case ETIMEDOUT:
		e->timed_out++;
		break;
	case EHOSTUNREACH:
		e->host_unreachable++;
		break;
	case ENETUNREACH:
		e->net_unreachable++;
		break;
	case ECONNRESET:
		e->reset++;
		break;
	default:
		e->other++;
	}
}

/* Starts one attempt. Returns the socket, or -1 when it ended at once. */
static int attempt(const struct endpoint *to, uint64_t syn_count, struct endings *e)
{
	int fd = socket(endpoint_family(to), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die_errno("socket");
	if (syn_count)
		set_option(fd, IPPROTO_TCP, TCP_SYNCNT, (int)syn_count, "TCP_SYNCNT");
	errno = 0;
	if (!connect(fd, (const void *)&to->address, to->length) || errno != EINPROGRESS) {
		count_ending(e, errno);
		close(fd);
		return -1;
	}
	return fd;
}

/* Waits until all have ended or `end` has come. */
static void wait_endings(uint64_t count, double end, struct endings *e)
{
	uint64_t left = 0;

	for (uint64_t i = 0; i < count; i++)
		left += waiting[i].fd >= 0;
	while (left && !stopping && (end == 0 || now_s() < end)) {
		if (poll(waiting, count, 5) <= 0)
			continue;
		for (uint64_t i = 0; i < count; i++) {
			int error = 0;
			socklen_t length = sizeof(error);

			if (waiting[i].fd < 0 || !waiting[i].revents)
				continue;
			getsockopt(waiting[i].fd, SOL_SOCKET, SO_ERROR, &error, &length);
			count_ending(e, error);
			close(waiting[i].fd);
			waiting[i].fd = -1;
			left--;
		}
	}
}

static void print_endings(const struct endings *e, uint64_t attempts, double seconds)
{
	json_open("end");
	json_number("attempts", attempts);
	json_number("connected", e->connected);
	json_number("refused", e->refused);
	json_number("timedOutConnects", e->timed_out);
	json_number("hostUnreachable", e->host_unreachable);
	json_number("netUnreachable", e->net_unreachable);
	json_number("reset", e->reset);
	json_number("aborted", e->aborted);
	json_number("other", e->other);
	json_decimal("seconds", seconds);
	json_flag("timedOut", timed_out);
	json_close();
}

int main(int argc, char **argv)
{
	uint64_t port = 9, connections = 1, syn_count = 0, abort_after_ms = NEVER, timeout = DEFAULT_TIMEOUT_S;
	const char *address = "127.0.0.1";
	struct endings e = { 0 };
	struct endpoint to;
	double start, end = 0;
	const struct setting settings[] = {
		TEXT("address", &address),
		NUMBER("port", &port, 1, 65535),
		NUMBER("connections", &connections, 1, ATTEMPTS_MAX),
		NUMBER("syn-count", &syn_count, 1, 127),
		NUMBER("abort-after", &abort_after_ms, 0, 600000),
		NUMBER("timeout", &timeout, 1, TIMEOUT_MAX_S),
	};

	parse_settings(argc, argv, settings, SETTINGS_COUNT(settings));
	limit_life(timeout);
	raise_descriptors();
	to = parse_endpoint(address, port, 0);
	start = now_s();
	for (uint64_t i = 0; i < connections; i++) {
		waiting[i].fd = attempt(&to, syn_count, &e);
		waiting[i].events = POLLOUT;
	}
	if (abort_after_ms != NEVER)
		end = start + (double)abort_after_ms / 1000;
	wait_endings(connections, end, &e);
	for (uint64_t i = 0; i < connections; i++) {
		if (waiting[i].fd < 0)
			continue;
		e.aborted++;
		close(waiting[i].fd);
	}
	print_endings(&e, connections, now_s() - start);
	return exit_code();
}
