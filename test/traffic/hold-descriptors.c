/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holds many open descriptors, all of one pipe, spread over child processes: no
 * process may have more than its limit. The first child also holds a connected
 * pair of TCP sockets on loopback, the needle in this haystack, which has
 * carried --bytes one way before `ready`. The end of stdin closes all.
 */
#include "lines.h"
#include "options.h"

#define CHILDREN_MAX 1024

struct plan {
	uint64_t descriptors, per_process, bytes, timeout;
};

static void carry(uint64_t bytes)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM, 0), from = socket(AF_INET, SOCK_STREAM, 0), to;
	char byte = 0;

	if (bind(listener, (void *)&at, sizeof(at)) || listen(listener, 1) ||
	    getsockname(listener, (void *)&at, &size) || connect(from, (void *)&at, sizeof(at)))
		die_errno("connect");
	to = accept(listener, NULL, NULL);
	for (uint64_t i = 0; i < bytes; i++) {
		if (write(from, &byte, 1) != 1 || read(to, &byte, 1) != 1)
			die_errno("carry");
	}
}

/* Returns how many it got: the parent is told, and what is missing is its to judge. */
__attribute__((noreturn)) static void hold(const struct plan *plan, uint64_t wanted, int first, int answers, int life)
{
	uint32_t count = 0;
	char byte;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	limit_life(plan->timeout);
	raise_descriptors();
	if (first)
		carry(plan->bytes);
	while (count < wanted && dup(life) >= 0)
		count++;
	if (write(answers, &count, sizeof(count)) != sizeof(count))
		_exit(1);
	while (read(life, &byte, 1) > 0)
		;
	_exit(0);
}

int main(int argc, char **argv)
{
	struct plan plan = { .descriptors = 10000, .per_process = 10000, .bytes = 100, .timeout = DEFAULT_TIMEOUT_S };
	int answers[2], life[2];
	uint64_t held = 0, left;
	size_t count = 0;
	char line[8];
	const struct setting settings[] = {
		NUMBER("descriptors", &plan.descriptors, 1, 10000000),
		NUMBER("per-process", &plan.per_process, 1, 1000000),
		NUMBER("bytes", &plan.bytes, 1, 1000000),
		NUMBER("timeout", &plan.timeout, 1, TIMEOUT_MAX_S),
	};

	parse_settings(argc, argv, settings, SETTINGS_COUNT(settings));
	limit_life(plan.timeout);
	if (pipe(answers) || pipe(life))
		die_errno("pipe");
	for (left = plan.descriptors; left && count < CHILDREN_MAX; count++) {
		uint64_t part = left < plan.per_process ? left : plan.per_process;
		pid_t pid = fork();

		if (pid < 0)
			die_errno("fork");
		if (!pid) {
			close(answers[0]);
			close(life[1]);
			hold(&plan, part, count == 0, answers[1], life[0]);
		}
		left -= part;
	}
	close(answers[1]);
	for (size_t i = 0; i < count; i++) {
		uint32_t got;

		if (read(answers[0], &got, sizeof(got)) != sizeof(got))
			die("a child has ended early");
		held += got;
	}
	json_open("ready");
	json_number("descriptors", held);
	json_number("processes", count);
	json_close();
	while (next_line(line, sizeof(line)))
		;
	close(life[1]);
	while (wait(NULL) > 0 || errno == EINTR)
		;
	json_open("end");
	json_number("descriptors", held);
	json_number("processes", count);
	json_close();
	return exit_code();
}
