/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all traffic programs share: a bounded life, numbers and addresses.
 * Include it first: it asks for GNU names.
 */
#ifndef TRAFFIC_COMMON_H
#define TRAFFIC_COMMON_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define KICK_MS 20    /* between two signals once the program is to end */
#define KICKS_MAX 500 /* 10 s of them, then the program ends without a result */
#define DEFAULT_TIMEOUT_S 300
#define TIMEOUT_MAX_S 86400
#define CPU_ANY UINT64_MAX
#define CPU_MAX 1023
#define EXIT_TIMED_OUT 3
#define EXIT_STUCK 4

static volatile sig_atomic_t stopping;
static volatile sig_atomic_t timed_out;
static volatile sig_atomic_t kicks;

static inline double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/*
 * A signal may arrive between the test of `stopping` and a blocking call, so
 * it comes again and again until the program has ended.
 */
static inline void on_stop(int sig)
{
	struct itimerval again = {
		.it_interval = { .tv_usec = KICK_MS * 1000 },
		.it_value = { .tv_usec = KICK_MS * 1000 },
	};

	if (stopping) {
		if (sig == SIGALRM && ++kicks > KICKS_MAX)
			_exit(EXIT_STUCK);
		return;
	}
	stopping = 1;
	timed_out = sig == SIGALRM;
	setitimer(ITIMER_REAL, &again, NULL);
}

/* Ends the program's loops after `seconds`, or at SIGTERM. Call it again in a child: timers do not survive fork. */
static inline void limit_life(uint64_t seconds)
{
	struct itimerval once = { .it_value = { .tv_sec = (time_t)seconds } };
	struct sigaction act = { .sa_handler = on_stop };
	const int signals[] = { SIGTERM, SIGINT, SIGALRM };

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &act, NULL);
	signal(SIGPIPE, SIG_IGN);
	setitimer(ITIMER_REAL, &once, NULL);
}

__attribute__((noreturn, format(printf, 1, 2))) static inline void die(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	fprintf(stderr, "%s: ", program_invocation_short_name);
	vfprintf(stderr, format, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(1);
}

/* Fails with the reason in errno. */
__attribute__((noreturn)) static inline void die_errno(const char *what)
{
	die("%s: %s", what, strerror(errno));
}

static inline uint64_t parse_number(const char *text, const char *what, uint64_t min, uint64_t max)
{
	char *end;
	uint64_t value;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || end == text || *end || *text == '-' || value < min || value > max)
		die("%s: %s is not a number from %llu to %llu", what, text, (unsigned long long)min,
		    (unsigned long long)max);
	return value;
}

/* A size, or a range of sizes: 100 or 100-2000. */
struct range {
	uint64_t min;
	uint64_t max;
};

static inline struct range parse_range(const char *text, const char *what, uint64_t min, uint64_t max)
{
	struct range range;
	char *copy = strdup(text);
	char *dash = copy ? strchr(copy, '-') : NULL;

	if (!copy)
		die_errno("strdup");
	if (dash)
		*dash = 0;
	range.min = parse_number(copy, what, min, max);
	range.max = dash ? parse_number(dash + 1, what, range.min, max) : range.min;
	free(copy);
	return range;
}

static inline uint64_t pick(struct range range)
{
	return range.min + (range.max > range.min ? (uint64_t)random() % (range.max - range.min + 1) : 0);
}

/* The place of `text` in a list of names that ends with NULL. */
static inline int parse_name(const char *text, const char *what, const char *const *names)
{
	for (int i = 0; names[i]; i++) {
		if (!strcmp(text, names[i]))
			return i;
	}
	fprintf(stderr, "%s: %s: %s is none of", program_invocation_short_name, what, text);
	for (int i = 0; names[i]; i++)
		fprintf(stderr, " %s", names[i]);
	fputc('\n', stderr);
	exit(1);
}

struct endpoint {
	struct sockaddr_storage address;
	socklen_t length;
};

static inline int endpoint_family(const struct endpoint *e)
{
	return e->address.ss_family;
}

static inline void endpoint_set_port(struct endpoint *e, uint64_t port)
{
	struct sockaddr_in *v4 = (void *)&e->address;
	struct sockaddr_in6 *v6 = (void *)&e->address;

	if (endpoint_family(e) == AF_INET)
		v4->sin_port = htons((uint16_t)port);
	else
		v6->sin6_port = htons((uint16_t)port);
}

static inline uint16_t endpoint_port(const struct endpoint *e)
{
	const struct sockaddr_in *v4 = (const void *)&e->address;
	const struct sockaddr_in6 *v6 = (const void *)&e->address;

	return ntohs(endpoint_family(e) == AF_INET ? v4->sin_port : v6->sin6_port);
}

/* An address in text, IPv4 or IPv6. With `mapped` an IPv4 address becomes ::ffff:a.b.c.d for an IPv6 socket. */
static inline struct endpoint parse_endpoint(const char *text, uint64_t port, int mapped)
{
	struct endpoint e = { 0 };
	struct sockaddr_in *v4 = (void *)&e.address;
	struct sockaddr_in6 *v6 = (void *)&e.address;
	char buffer[INET6_ADDRSTRLEN + 8];

	if (mapped) {
		snprintf(buffer, sizeof(buffer), "::ffff:%s", text);
		text = buffer;
	}
	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		e.length = sizeof(*v4);
	} else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		e.length = sizeof(*v6);
	} else {
		die("%s is not an address", text);
	}
	endpoint_set_port(&e, port);
	return e;
}

static inline uint16_t local_port(int fd)
{
	struct endpoint e = { .length = sizeof(e.address) };

	if (getsockname(fd, (void *)&e.address, &e.length))
		return 0;
	return endpoint_port(&e);
}

static inline void pin_cpu(uint64_t cpu)
{
	cpu_set_t set;

	if (cpu == CPU_ANY)
		return;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die_errno("sched_setaffinity");
}

/* As many descriptors as this process may have. */
static inline void raise_descriptors(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static inline void set_option(int fd, int level, int name, int value, const char *what)
{
	if (setsockopt(fd, level, name, &value, sizeof(value)))
		die_errno(what);
}

static inline void *shared_memory(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		die_errno("mmap");
	return memory;
}

/* The exit code of a program that has printed its result. */
static inline int exit_code(void)
{
	return timed_out ? EXIT_TIMED_OUT : 0;
}

#endif
