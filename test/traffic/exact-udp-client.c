/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends datagrams to one destination or to several in turn, takes replies when
 * asked to, and counts what the calls returned. With --hold the socket stays
 * open after it: each line on stdin sends the same again, its end ends the program.
 */
#include "udp-io.h"

#define DESTINATIONS_MAX 64

struct job {
	struct udp_socket socket;
	struct endpoint to[DESTINATIONS_MAX];
	size_t destinations;
	struct range size;
	uint64_t count, seconds, batch, gap_us, wait_ms, ports;
	int connected, reply, mapped, hold;
};

static void add_destinations(struct job *j, const char *list, uint64_t port)
{
	char *copy = strdup(list), *place = NULL;

	for (char *one = strtok_r(copy, ",", &place); one; one = strtok_r(NULL, ",", &place)) {
		for (uint64_t i = 0; i < j->ports; i++) {
			if (j->destinations == DESTINATIONS_MAX)
				die("more than %d destinations", DESTINATIONS_MAX);
			j->to[j->destinations++] = parse_endpoint(one, port + i, j->mapped);
		}
	}
	free(copy);
	if (!j->destinations)
		die("--address wants an address");
}

static void bind_local(struct job *j, const char *address, uint64_t port)
{
	int v6 = endpoint_family(&j->to[0]) == AF_INET6;
	struct endpoint at;

	if (!address && !port)
		return; /* the first send chooses the port */
	at = parse_endpoint(address ? address : v6 ? "::" : "0.0.0.0", port, address && j->mapped);
	bind_udp(&j->socket, &at);
}

/* Takes replies until `wanted` more have come, an error has, or the time is over. */
static void take_replies(struct job *j, uint64_t wanted)
{
	struct udp_totals *t = &j->socket.totals;
	uint64_t goal = t->received_datagrams + wanted, errors = t->receive_errors;
	double end = now_s() + (double)j->wait_ms / 1000;

	while (t->received_datagrams < goal && t->receive_errors == errors && !stopping) {
		struct pollfd p = { .fd = j->socket.fd, .events = POLLIN };
		double left = end - now_s();

		if (left <= 0) {
			t->missing += goal - t->received_datagrams;
			return;
		}
		if (poll(&p, 1, (int)(left * 1000) + 1) > 0)
			receive_datagrams(&j->socket, MSG_DONTWAIT);
	}
}

static void send_all(struct job *j)
{
	double end = j->seconds ? now_s() + (double)j->seconds : 0;
	uint64_t sent = 0;

	for (uint64_t turn = 0; !stopping; turn++) {
		uint64_t size = pick(j->size), batch = j->batch, before = j->socket.totals.sent_datagrams;

		if (end > 0 ? now_s() >= end : sent >= j->count)
			break;
		if (j->socket.send == UDP_GSO && size * batch > DATAGRAM_MAX)
			batch = DATAGRAM_MAX / size;
		if (end == 0 && batch > j->count - sent)
			batch = j->count - sent;
		send_datagrams(&j->socket, j->connected ? NULL : &j->to[turn % j->destinations], size, batch);
		if (j->reply)
			take_replies(j, j->socket.totals.sent_datagrams - before);
		if (j->gap_us)
			usleep((useconds_t)j->gap_us);
		sent += batch;
	}
}

static void start_socket(struct job *j, const char *local_address, uint64_t local)
{
	open_udp(&j->socket, endpoint_family(&j->to[0]));
	bind_local(j, local_address, local);
	if (j->connected && connect(j->socket.fd, (void *)&j->to[0].address, j->to[0].length))
		die_errno("connect");
	if (j->batch == 0)
		j->batch = j->socket.send == UDP_GSO || j->socket.send == UDP_SENDMMSG ? BATCH : 1;
	if (j->socket.send == UDP_WRITE && !j->connected)
		die("--send write wants --connected");
	if (j->socket.send == UDP_GSO && !j->size.min)
		die("--send gso wants datagrams of at least 1 byte");
}

int main(int argc, char **argv)
{
	struct job j = { .socket.room = 65536, .size = { 100, 100 }, .count = 1, .ports = 1, .wait_ms = 10000 };
	uint64_t port = 9, local = 0, timeout = DEFAULT_TIMEOUT_S, cpu = CPU_ANY, seed = 1;
	const char *address = "127.0.0.1", *local_address = NULL;
	char line[128];
	double start;
	const struct setting settings[] = {
		UDP_SETTINGS(j.socket),
		TEXT("address", &address),
		NUMBER("port", &port, 1, 65535),
		NUMBER("ports", &j.ports, 1, DESTINATIONS_MAX),
		TEXT("local-address", &local_address),
		NUMBER("local-port", &local, 0, 65535),
		NUMBER("count", &j.count, 0, UINT64_MAX - BATCH),
		NUMBER("seconds", &j.seconds, 0, TIMEOUT_MAX_S),
		RANGE("size", &j.size, 0, DATAGRAM_MAX),
		NUMBER("batch", &j.batch, 1, BATCH),
		NUMBER("gap", &j.gap_us, 0, 10000000),
		NUMBER("wait", &j.wait_ms, 0, 60000),
		NUMBER("seed", &seed, 0, UINT32_MAX),
		FLAG("connected", &j.connected),
		FLAG("reply", &j.reply),
		FLAG("mapped", &j.mapped),
		FLAG("hold", &j.hold),
		NUMBER("cpu", &cpu, 0, CPU_MAX),
		NUMBER("timeout", &timeout, 1, TIMEOUT_MAX_S),
	};

	parse_settings(argc, argv, settings, SETTINGS_COUNT(settings));
	limit_life(timeout);
	pin_cpu(cpu);
	srandom((unsigned int)seed);
	add_destinations(&j, address, port);
	start_socket(&j, local_address, local);
	start = now_s();
	send_all(&j);
	if (j.hold) {
		print_udp("ready", &j.socket, now_s() - start);
		while (next_line(line, sizeof(line))) {
			send_all(&j);
			print_udp("done", &j.socket, now_s() - start);
		}
	}
	print_udp("end", &j.socket, now_s() - start);
	return exit_code();
}
