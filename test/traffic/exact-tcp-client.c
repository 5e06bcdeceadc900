/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes connections one after the other, does rounds of request and response on
 * each, ends each in the way asked for, and counts the payload that it wrote
 * and read. --parallel makes several processes of it, --reuse connects one
 * socket several times (its close is then `reset`), --seconds goes on for a time.
 */
#include "tcp-client.h"

#define PARALLEL_MAX 64

struct run {
	uint64_t connections; /* of each process; 0: as many as fit into the time */
	uint64_t rounds;      /* on each connection; 0: one connection for all the time */
	uint64_t reuse;
	double end; /* 0: no limit */
};

struct result {
	struct tcp_totals totals;
	size_t each_count;
	struct connection_totals each[];
};

static int time_is_up(const struct run *run)
{
	return stopping || (run->end > 0 && now_s() >= run->end);
}

/* The rounds of one connection. The last one carries how it ends. */
static void use_connection(struct client *c, int fd, const struct run *run)
{
	enum closing closing = draw_closing(c->options);

	for (uint64_t i = 1; !run->rounds || i < run->rounds; i++) {
		if (time_is_up(run))
			break;
		if (count_round(c, fd, CLOSE_KEEP))
			return;
	}
	count_round(c, fd, closing);
	look_at_socket(c, fd);
}

/* One socket: connected once, or several times with connect(AF_UNSPEC) in between, which resets it. */
static void use_socket(struct client *c, const struct run *run, struct result *result)
{
	const struct sockaddr none = { .sa_family = AF_UNSPEC };
	int fd = open_socket(c);
	struct connection_totals own;

	for (uint64_t i = 0; i < run->reuse && !stopping; i++) {
		if (i && connect(fd, &none, sizeof(none)))
			die_errno("connect AF_UNSPEC");
		if (connect_socket(c, fd, &own))
			break;
		use_connection(c, fd, run);
		if (c->options->per_connection)
			result->each[result->each_count++] = own;
	}
	close(fd);
}

static void work(const struct client_options *o, const struct run *run, struct result *result)
{
	struct client c = { 0 };

	open_client(&c, o, &result->totals);
	for (uint64_t i = 0; !run->connections || i < run->connections; i++) {
		if (stopping || (i && time_is_up(run)))
			break;
		use_socket(&c, run, result);
	}
}

static pid_t start_worker(struct client_options o, const struct run *run, struct result *result, uint64_t number)
{
	pid_t pid = fork();

	if (pid < 0)
		die_errno("fork");
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	limit_life(o.timeout);
	o.seed += number;
	work(&o, run, result);
	_exit(exit_code());
}

/* Waits for all, and passes on the signal to end. */
static void wait_workers(const pid_t *pids, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		int status;

		while (waitpid(pids[i], &status, 0) < 0 && errno == EINTR) {
			for (uint64_t k = i; stopping && k < count; k++)
				kill(pids[k], SIGTERM);
		}
	}
}

static void print_result(struct result **results, uint64_t count, double seconds, int per_connection)
{
	struct tcp_totals sum = { 0 };
	struct connection_totals *each = NULL;
	size_t each_count = 0;

	for (uint64_t i = 0; i < count; i++) {
		add_totals(&sum, &results[i]->totals);
		each_count += results[i]->each_count;
	}
	if (per_connection) {
		each = calloc(each_count + 1, sizeof(*each));
		if (!each)
			die_errno("calloc");
		each_count = 0;
	}
	for (uint64_t i = 0; each && i < count; i++) {
		memcpy(each + each_count, results[i]->each, results[i]->each_count * sizeof(*each));
		each_count += results[i]->each_count;
	}
	print_totals("end", &sum, seconds, each, each_count);
}

int main(int argc, char **argv)
{
	struct client_options o = CLIENT_DEFAULTS;
	uint64_t seconds = 0, parallel = 1;
	struct run run = { .connections = 1, .rounds = 1, .reuse = 1 };
	struct result *results[PARALLEL_MAX];
	pid_t pids[PARALLEL_MAX];
	size_t room;
	double start;
	const struct setting settings[] = {
		CLIENT_SETTINGS(o),
		NUMBER("connections", &run.connections, 0, 100000000),
		NUMBER("rounds", &run.rounds, 0, UINT32_MAX),
		NUMBER("reuse", &run.reuse, 1, 1000),
		NUMBER("seconds", &seconds, 0, TIMEOUT_MAX_S),
		NUMBER("parallel", &parallel, 1, PARALLEL_MAX),
	};

	parse_settings(argc, argv, settings, SETTINGS_COUNT(settings));
	if ((!run.connections || !run.rounds) && !seconds)
		die("--connections 0 and --rounds 0 want --seconds");
	if (!run.connections && o.per_connection)
		die("--per-connection wants a number of --connections");
	if (run.reuse > 1)
		o.closing = CLOSE_RESET;
	limit_life(o.timeout);
	start = now_s();
	run.end = seconds ? start + (double)seconds : 0;
	room = o.per_connection ? run.connections * run.reuse * sizeof(struct connection_totals) : 0;
	for (uint64_t i = 0; i < parallel; i++)
		results[i] = shared_memory(sizeof(struct result) + room);
	if (parallel == 1) {
		work(&o, &run, results[0]);
	} else {
		for (uint64_t i = 0; i < parallel; i++)
			pids[i] = start_worker(o, &run, results[i], i);
		wait_workers(pids, parallel);
	}
	print_result(results, parallel, now_s() - start, o.per_connection);
	return exit_code();
}
