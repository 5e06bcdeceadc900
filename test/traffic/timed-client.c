/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes connections one after the other and times each by its own clock: how
 * long connect() took, and how long the connection was there. With --bytes it
 * sends, and waits until all is acknowledged. Then it takes what TCP_INFO says,
 * and ends the connection by RST, so that nothing is said of it afterwards.
 */
#include "lines.h"
#include "options.h"
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <sys/ioctl.h>

#define CONNECTIONS_MAX 10000
#define CHUNK 65536

struct sending {
	uint64_t bytes, buffer, pace;
};

struct timed {
	double connect_us, life_us;
	uint32_t min_rtt_us;
};

static struct timed timed[CONNECTIONS_MAX];
static uint64_t busy_us, receiver_limited_us, sndbuf_limited_us, retransmitted;

static double now_us(void)
{
	return now_s() * 1e6;
}

static void send_all(int fd, const struct sending *s)
{
	static char chunk[CHUNK];
	uint64_t bytes = s->bytes;
	int unacknowledged = 1;

	while (bytes && !stopping) {
		ssize_t n = write(fd, chunk, bytes < CHUNK ? bytes : CHUNK);

		if (n < 0 && errno != EINTR)
			die_errno("write");
		if (n > 0)
			bytes -= (uint64_t)n;
	}
	while (unacknowledged && !stopping) {
		if (ioctl(fd, SIOCOUTQ, &unacknowledged))
			die_errno("SIOCOUTQ");
		usleep(1000);
	}
}

static void take_info(int fd, struct timed *one)
{
	struct tcp_info info = { 0 };
	socklen_t length = sizeof(info);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length))
		die_errno("TCP_INFO");
	one->min_rtt_us = info.tcpi_min_rtt;
	busy_us += info.tcpi_busy_time;
	receiver_limited_us += info.tcpi_rwnd_limited;
	sndbuf_limited_us += info.tcpi_sndbuf_limited;
	retransmitted += info.tcpi_total_retrans;
}

static void connect_once(const struct endpoint *to, const struct sending *s, struct timed *one)
{
	const struct linger reset = { .l_onoff = 1, .l_linger = 0 };
	int fd = socket(endpoint_family(to), SOCK_STREAM | SOCK_CLOEXEC, 0);
	double start;

	if (fd < 0)
		die_errno("socket");
	set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY");
	if (s->buffer)
		set_option(fd, SOL_SOCKET, SO_SNDBUF, (int)s->buffer, "SO_SNDBUF");
	if (s->pace)
		set_option(fd, SOL_SOCKET, SO_MAX_PACING_RATE, (int)s->pace, "SO_MAX_PACING_RATE");
	start = now_us();
	if (connect(fd, (const void *)&to->address, to->length))
		die_errno("connect");
	one->connect_us = now_us() - start;
	send_all(fd, s);
	take_info(fd, one);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(fd);
	one->life_us = now_us() - start;
}

static void print_each(const char *name, uint64_t count, double (*of)(const struct timed *))
{
	printf(",\"%s\":[", name);
	for (uint64_t i = 0; i < count; i++)
		printf("%s%.3f", i ? "," : "", of(&timed[i]));
	putchar(']');
}

static double connect_us(const struct timed *t)
{
	return t->connect_us;
}

static double life_us(const struct timed *t)
{
	return t->life_us;
}

static double min_rtt_us(const struct timed *t)
{
	return t->min_rtt_us;
}

int main(int argc, char **argv)
{
	uint64_t port = 9, connections = 1, cpu = CPU_ANY, timeout = DEFAULT_TIMEOUT_S;
	struct sending s = { 0 };
	const char *address = "127.0.0.1";
	struct endpoint to;
	uint64_t done = 0;
	const struct setting settings[] = {
		TEXT("address", &address),
		NUMBER("port", &port, 1, 65535),
		NUMBER("connections", &connections, 1, CONNECTIONS_MAX),
		NUMBER("bytes", &s.bytes, 0, UINT32_MAX),
		NUMBER("send-buffer", &s.buffer, 1, INT32_MAX),
		NUMBER("pace", &s.pace, 1, INT32_MAX),
		NUMBER("cpu", &cpu, 0, CPU_MAX),
		NUMBER("timeout", &timeout, 1, TIMEOUT_MAX_S),
	};

	parse_settings(argc, argv, settings, SETTINGS_COUNT(settings));
	limit_life(timeout);
	pin_cpu(cpu);
	to = parse_endpoint(address, port, 0);
	while (done < connections && !stopping)
		connect_once(&to, &s, &timed[done++]);
	json_open("end");
	print_each("connectUs", done, connect_us);
	print_each("lifeUs", done, life_us);
	print_each("minRttUs", done, min_rtt_us);
	json_number("busyUs", busy_us);
	json_number("receiverLimitedUs", receiver_limited_us);
	json_number("sndbufLimitedUs", sndbuf_limited_us);
	json_number("retransmitted", retransmitted);
	json_flag("timedOut", timed_out);
	json_close();
	return exit_code();
}
