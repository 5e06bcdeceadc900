/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes connections one after the other, and reads each to its end: with
 * --pause it sleeps before each read, with --receive-buffer it has little room,
 * with --deaf it never accepts any. Ends at SIGTERM.
 */
#include "lines.h"
#include "options.h"

#define CHUNK 65536

static void drain(int fd, uint64_t pause_ms)
{
	static char chunk[CHUNK];

	while (!stopping) {
		ssize_t n;

		if (pause_ms)
			usleep((useconds_t)pause_ms * 1000);
		n = read(fd, chunk, sizeof(chunk));
		if (n == 0 || (n < 0 && errno != EINTR))
			break;
	}
	close(fd);
}

int main(int argc, char **argv)
{
	uint64_t port = 0, backlog = 4096, receive_buffer = 0, pause_ms = 0, cpu = CPU_ANY, timeout = DEFAULT_TIMEOUT_S;
	const char *address = "::";
	int deaf = 0, listener;
	struct endpoint at;
	const struct setting settings[] = {
		TEXT("address", &address),
		NUMBER("port", &port, 0, 65535),
		NUMBER("backlog", &backlog, 0, 65535),
		NUMBER("receive-buffer", &receive_buffer, 1, INT32_MAX),
		NUMBER("pause", &pause_ms, 0, 10000),
		FLAG("deaf", &deaf),
		NUMBER("cpu", &cpu, 0, CPU_MAX),
		NUMBER("timeout", &timeout, 1, TIMEOUT_MAX_S),
	};

	parse_settings(argc, argv, settings, SETTINGS_COUNT(settings));
	limit_life(timeout);
	pin_cpu(cpu);
	at = parse_endpoint(address, port, 0);
	listener = socket(endpoint_family(&at), SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0)
		die_errno("socket");
	if (receive_buffer)
		set_option(listener, SOL_SOCKET, SO_RCVBUF, (int)receive_buffer, "SO_RCVBUF");
	if (bind(listener, (const void *)&at.address, at.length) || listen(listener, (int)backlog))
		die_errno("listen");
	json_open("ready");
	json_number("port", local_port(listener));
	json_close();
	while (!stopping) {
		int fd = -1;

		if (deaf)
			usleep(KICK_MS * 1000);
		else
			fd = accept(listener, NULL, NULL);
		if (fd >= 0)
			drain(fd, pause_ms);
	}
	json_open("end");
	json_flag("timedOut", timed_out);
	json_close();
	return exit_code();
}
