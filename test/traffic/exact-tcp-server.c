/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers the requests of exact-tcp-client and exact-tcp-hold, and counts the
 * payload that it read and wrote. One process, epoll. Ends at SIGTERM, after
 * the connections that are still under way, and prints its totals.
 */
#include "options.h"
#include "tcp-peer.h"

#define EVENTS_MAX 256
#define DRAIN_S 1     /* after SIGTERM: ends when nothing has come for so long */
#define DRAIN_MAX_S 5 /* or when it never ends */

/* One, for epoll tells again if there are more. */
static void accept_one(int listener)
{
	struct endpoint from = { .length = sizeof(from.address) };
	int fd = accept4(listener, (void *)&from.address, &from.length, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct peer *p;

	if (fd < 0 && (errno == EINTR || errno == ECONNABORTED || errno == EAGAIN))
		return;
	if (fd < 0)
		die_errno("accept");
	p = calloc(1, sizeof(*p));
	if (!p)
		die_errno("calloc");
	p->fd = fd;
	p->own.port = endpoint_port(&from);
	totals.connections++;
	live++;
	want(p, EPOLLIN);
}

/* Whether the loop is to end: asked to, and nothing is under way, or nothing comes, or too much comes. */
static int drained(int events, double last_event)
{
	static double asked;
	double now = now_s();

	if (!stopping)
		return 0;
	if (!asked)
		asked = now;
	return (events <= 0 && !live) || now - last_event > DRAIN_S || now - asked > DRAIN_MAX_S;
}

static void run(int listener)
{
	struct epoll_event self = { .events = EPOLLIN }, events[EVENTS_MAX];
	double last_event = now_s();

	poller = epoll_create1(EPOLL_CLOEXEC);
	epoll_ctl(poller, EPOLL_CTL_ADD, listener, &self);
	for (;;) {
		int n = epoll_wait(poller, events, EVENTS_MAX, stopping ? KICK_MS : -1);

		if (n > 0 || !stopping)
			last_event = now_s();
		for (int i = 0; i < n; i++) {
			if (events[i].data.ptr)
				serve(events[i].data.ptr);
			else
				accept_one(listener);
		}
		if (drained(n, last_event))
			break;
	}
}

int main(int argc, char **argv)
{
	uint64_t port = 0, backlog = 4096, timeout = DEFAULT_TIMEOUT_S, cpu = CPU_ANY;
	int mptcp = 0, v6only = 0, fast_open = 0, listener;
	const char *address = "::";
	struct endpoint at;
	double start;
	const struct setting settings[] = {
		TEXT("address", &address),
		NUMBER("port", &port, 0, 65535),
		NUMBER("backlog", &backlog, 1, 65535),
		NUMBER("cpu", &cpu, 0, CPU_MAX),
		NUMBER("timeout", &timeout, 1, TIMEOUT_MAX_S),
		FLAG("v6only", &v6only),
		FLAG("mptcp", &mptcp),
		FLAG("fast-open", &fast_open),
		FLAG("per-connection", &per_connection),
	};

	parse_settings(argc, argv, settings, SETTINGS_COUNT(settings));
	limit_life(timeout);
	raise_descriptors();
	pin_cpu(cpu);
	at = parse_endpoint(address, port, 0);
	listener = listen_on(&at, mptcp ? IPPROTO_MPTCP : 0, (int)backlog, v6only);
	if (fast_open)
		set_option(listener, IPPROTO_TCP, TCP_FASTOPEN, 1024, "TCP_FASTOPEN");
	fcntl(listener, F_SETFL, O_NONBLOCK);
	json_open("ready");
	json_number("port", local_port(listener));
	json_close();
	if (per_connection && !(each = calloc(each_room, sizeof(*each))))
		die_errno("calloc");
	start = now_s();
	run(listener);
	print_totals("end", &totals, now_s() - start, per_connection ? each : NULL, each_count);
	return exit_code();
}
