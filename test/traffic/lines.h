/* SPDX-License-Identifier: Apache-2.0 */
/* How a traffic program talks: results are JSON objects, one a line; commands are lines of stdin. */
#ifndef TRAFFIC_LINES_H
#define TRAFFIC_LINES_H

#include "common.h"

static inline void json_open(const char *event)
{
	printf("{\"event\":\"%s\"", event);
}

static inline void json_number(const char *name, uint64_t value)
{
	printf(",\"%s\":%llu", name, (unsigned long long)value);
}

static inline void json_decimal(const char *name, double value)
{
	printf(",\"%s\":%.6f", name, value);
}

static inline void json_flag(const char *name, int value)
{
	printf(",\"%s\":%s", name, value ? "true" : "false");
}

static inline void json_close(void)
{
	puts("}");
	fflush(stdout);
}

/* The next line of stdin without its end; 0 at the end of it. Not stdio: a signal must end the wait. */
static inline int next_line(char *line, size_t room)
{
	size_t length = 0;

	while (!stopping && length < room - 1) {
		ssize_t n = read(STDIN_FILENO, line + length, 1);

		if (n == 0 || (n < 0 && errno != EINTR))
			return 0;
		if (n < 0)
			continue;
		if (line[length] == '\n') {
			line[length] = 0;
			return 1;
		}
		length++;
	}
	return 0;
}

#endif
