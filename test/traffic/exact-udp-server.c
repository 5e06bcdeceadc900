/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes datagrams and counts them as the calls returned them, and sends replies
 * when asked to. Ends at SIGTERM, after what lies in its buffer, and prints its totals.
 */
#include "udp-io.h"

#define NO_REPLY UINT64_MAX

struct service {
	struct udp_socket socket;
	int echo;	  /* replies as long as the datagram, and of its bytes */
	uint64_t reply;	  /* or replies of so many bytes */
	int connect_back; /* connects to the first who sends */
	int connected;
};

static void answer(struct service *s, ssize_t received)
{
	struct udp_socket *u = &s->socket;
	uint64_t size = s->echo ? (uint64_t)received : s->reply;

	if (s->connect_back && !s->connected) {
		if (connect(u->fd, (void *)&u->from.address, u->from.length))
			die_errno("connect");
		s->connected = 1;
	}
	if (s->echo || s->reply != NO_REPLY)
		send_datagrams(u, s->connected ? NULL : &u->from, size, 1);
}

/* Takes all that has come. */
static void take_all(struct service *s)
{
	for (;;) {
		ssize_t n = receive_datagrams(&s->socket, MSG_DONTWAIT);

		if (n < 0 && errno == EAGAIN)
			return;
		if (n >= 0)
			answer(s, n);
	}
}

int main(int argc, char **argv)
{
	struct service s = { .socket.room = 65536, .reply = NO_REPLY };
	uint64_t port = 0, timeout = DEFAULT_TIMEOUT_S, cpu = CPU_ANY;
	const char *address = "::";
	struct endpoint at;
	double start;
	const struct setting settings[] = {
		UDP_SETTINGS(s.socket),		 TEXT("address", &address),
		NUMBER("port", &port, 0, 65535), NUMBER("reply", &s.reply, 0, DATAGRAM_MAX),
		FLAG("echo", &s.echo),		 FLAG("connect-back", &s.connect_back),
		NUMBER("cpu", &cpu, 0, CPU_MAX), NUMBER("timeout", &timeout, 1, TIMEOUT_MAX_S),
	};

	parse_settings(argc, argv, settings, SETTINGS_COUNT(settings));
	if ((s.echo || s.reply != NO_REPLY || s.connect_back) && s.socket.receive != UDP_RECVFROM &&
	    s.socket.receive != UDP_RECVMSG)
		die("a reply wants --receive recvfrom or recvmsg: the others do not tell who sent");
	limit_life(timeout);
	pin_cpu(cpu);
	at = parse_endpoint(address, port, 0);
	open_udp(&s.socket, endpoint_family(&at));
	bind_udp(&s.socket, &at);
	fcntl(s.socket.fd, F_SETFL, O_NONBLOCK);
	json_open("ready");
	json_number("port", local_port(s.socket.fd));
	json_close();
	for (start = now_s(); !stopping;) {
		struct pollfd p = { .fd = s.socket.fd, .events = POLLIN };

		poll(&p, 1, -1);
		take_all(&s);
	}
	take_all(&s); /* the signal may have come before the first look */
	print_udp("end", &s.socket, now_s() - start);
	return exit_code();
}
