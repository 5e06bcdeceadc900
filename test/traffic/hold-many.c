/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holds many live connections within one network namespace: both ends belong to
 * child processes, so that no process needs more descriptors than it may have.
 * Child i listens on 127.0.0.(2 + i), and every connection has carried --bytes
 * each way before `ready`. Commands by stdin, each answered by a line of totals:
 *   send N [R]   R times (1) N bytes each way on every connection
 * The end of stdin closes all (with RST after --reset, so that nothing lingers).
 */
#include "lines.h"
#include "options.h"
#include <linux/tcp.h>

#define CHILDREN_MAX 64
#define PER_CHILD_MAX 9000
#define CHUNK 65536
#define CHUNK_STEP 16384 /* fits into the buffers of a socket that nobody reads meanwhile */

struct totals {
	uint64_t connections, wrote_bytes, read_bytes, errors; /* of both ends */
};

struct child {
	pid_t pid;
	int commands, answers; /* pipes to and from it */
	struct totals *totals; /* shared */
};

struct plan {
	uint64_t connections, per_child, bytes, port, timeout;
	int reset;
};

struct order {
	uint64_t bytes, rounds; /* 0 bytes: end */
};

static char chunk[CHUNK];

/* Moves `bytes` from one end to the other, in steps. */
static void move(int from, int to, uint64_t bytes, struct totals *t)
{
	while (bytes && !stopping) {
		size_t step = bytes < CHUNK_STEP ? bytes : CHUNK_STEP;
		ssize_t wrote = write(from, chunk, step);

		if (wrote <= 0) {
			t->errors += !stopping;
			return;
		}
		t->wrote_bytes += (uint64_t)wrote;
		bytes -= (uint64_t)wrote;
		for (ssize_t left = wrote; left > 0 && !stopping;) {
			ssize_t n = read(to, chunk, (size_t)left);

			if (n <= 0) {
				t->errors += !stopping;
				return;
			}
			t->read_bytes += (uint64_t)n;
			left -= n;
		}
	}
}

static void exchange(int (*ends)[2], size_t count, struct order order, struct totals *t)
{
	for (uint64_t round = 0; round < order.rounds; round++) {
		for (size_t i = 0; i < count && !stopping; i++) {
			move(ends[i][0], ends[i][1], order.bytes, t);
			move(ends[i][1], ends[i][0], order.bytes, t);
		}
	}
}

static size_t open_pairs(const struct plan *plan, int (*ends)[2], uint64_t wanted, uint32_t number, struct totals *t)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)plan->port) };
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	size_t count;

	at.sin_addr.s_addr = htonl(0x7f000002 + number);
	set_option(listener, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR");
	set_option(listener, IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY");
	if (bind(listener, (void *)&at, sizeof(at)) || listen(listener, 128))
		die_errno("listen");
	for (count = 0; count < wanted && !stopping; count++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		if (fd < 0 || connect(fd, (void *)&at, sizeof(at)))
			die_errno("connect");
		set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY");
		ends[count][0] = fd;
		ends[count][1] = accept(listener, NULL, NULL);
		if (ends[count][1] < 0)
			die_errno("accept");
		t->connections++;
	}
	return count;
}

static void close_pairs(int (*ends)[2], size_t count, int reset)
{
	struct linger linger = { .l_onoff = 1, .l_linger = 0 };

	for (size_t i = 0; i < count; i++) {
		if (reset)
			setsockopt(ends[i][0], SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
		close(ends[i][0]);
		close(ends[i][1]);
	}
}

__attribute__((noreturn)) static void hold(const struct plan *plan, struct child *self, uint64_t wanted,
					   uint32_t number)
{
	int(*ends)[2] = calloc(wanted, sizeof(*ends));
	struct order order = { plan->bytes, 1 };
	size_t count;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	limit_life(plan->timeout);
	raise_descriptors();
	if (!ends)
		die_errno("calloc");
	count = open_pairs(plan, ends, wanted, number, self->totals);
	do {
		exchange(ends, count, order, self->totals);
		if (write(self->answers, "", 1) != 1)
			break;
	} while (read(self->commands, &order, sizeof(order)) == sizeof(order) && order.bytes);
	close_pairs(ends, count, plan->reset);
	_exit(0);
}

static void start_child(const struct plan *plan, struct child *c, uint64_t wanted, uint32_t number)
{
	int to[2], from[2];

	if (pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC))
		die_errno("pipe2");
	c->totals = shared_memory(sizeof(*c->totals));
	c->pid = fork();
	if (c->pid < 0)
		die_errno("fork");
	if (!c->pid) {
		c->commands = to[0];
		c->answers = from[1];
		close(to[1]);
		close(from[0]);
		hold(plan, c, wanted, number);
	}
	close(to[0]);
	close(from[1]);
	c->commands = to[1];
	c->answers = from[0];
}

/* Tells every child, and waits until every one has done it. Fails when one has died. */
static void tell_all(const struct child *children, size_t count, const struct order *order)
{
	char done;

	for (size_t i = 0; order && i < count; i++) {
		if (write(children[i].commands, order, sizeof(*order)) != sizeof(*order))
			die("a child has ended early");
	}
	for (size_t i = 0; i < count && !stopping; i++) {
		if (read(children[i].answers, &done, 1) != 1 && !stopping)
			die("a child has ended early");
	}
}

static void print_all(const char *event, const struct child *children, size_t count, double seconds)
{
	struct totals sum = { 0 };

	for (size_t i = 0; i < count; i++) {
		sum.connections += children[i].totals->connections;
		sum.wrote_bytes += children[i].totals->wrote_bytes;
		sum.read_bytes += children[i].totals->read_bytes;
		sum.errors += children[i].totals->errors;
	}
	json_open(event);
	json_number("connections", sum.connections);
	json_number("sockets", sum.connections * 2);
	json_number("processes", count);
	json_number("wroteBytes", sum.wrote_bytes);
	json_number("readBytes", sum.read_bytes);
	json_number("errors", sum.errors);
	json_decimal("seconds", seconds);
	json_flag("timedOut", timed_out);
	json_close();
}

static void obey(const struct child *children, size_t count)
{
	struct order order;
	unsigned long long bytes, rounds;
	char line[128];

	while (next_line(line, sizeof(line))) {
		double start = now_s();

		rounds = 1;
		if (sscanf(line, "send %llu %llu", &bytes, &rounds) < 1 || !bytes)
			die("%.40s is no command: send N [R]", line);
		order = (struct order){ bytes, rounds };
		tell_all(children, count, &order);
		print_all("done", children, count, now_s() - start);
	}
}

int main(int argc, char **argv)
{
	struct plan plan = {
		.connections = 1000, .per_child = PER_CHILD_MAX, .bytes = 64, .port = 9000, .timeout = DEFAULT_TIMEOUT_S
	};
	struct child children[CHILDREN_MAX] = { 0 };
	double start = now_s();
	size_t count = 0;
	const struct setting settings[] = {
		NUMBER("connections", &plan.connections, 1, CHILDREN_MAX * PER_CHILD_MAX),
		NUMBER("per-process", &plan.per_child, 1, PER_CHILD_MAX),
		NUMBER("bytes", &plan.bytes, 1, UINT32_MAX),
		NUMBER("port", &plan.port, 1, 65535),
		NUMBER("timeout", &plan.timeout, 1, TIMEOUT_MAX_S),
		FLAG("reset", &plan.reset),
	};

	parse_settings(argc, argv, settings, SETTINGS_COUNT(settings));
	if (plan.connections > CHILDREN_MAX * plan.per_child)
		die("more than %d processes: raise --per-process", CHILDREN_MAX);
	limit_life(plan.timeout);
	for (uint64_t left = plan.connections; left && !stopping; count++) {
		uint64_t part = left < plan.per_child ? left : plan.per_child;

		start_child(&plan, &children[count], part, (uint32_t)count);
		left -= part;
	}
	tell_all(children, count, NULL);
	print_all("ready", children, count, now_s() - start);
	obey(children, count);
	for (size_t i = 0; i < count; i++) {
		close(children[i].commands);
		kill(children[i].pid, SIGTERM);
	}
	for (size_t i = 0; i < count; i++) {
		while (waitpid(children[i].pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	print_all("end", children, count, now_s() - start);
	return exit_code();
}
