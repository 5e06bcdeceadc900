/* SPDX-License-Identifier: Apache-2.0 */
/* Command line arguments by a table: --name value, or --name alone for a flag. */
#ifndef TRAFFIC_OPTIONS_H
#define TRAFFIC_OPTIONS_H

#include "common.h"

enum kind { KIND_FLAG, KIND_NUMBER, KIND_RANGE, KIND_TEXT, KIND_NAME };

struct setting {
	const char *name;
	enum kind kind;
	void *to;
	uint64_t min, max;
	const char *const *names; /* KIND_NAME: the allowed ones; `to` gets the place */
};

#define FLAG(name, to) { name, KIND_FLAG, to, 0, 0, NULL }
#define NUMBER(name, to, min, max) { name, KIND_NUMBER, to, min, max, NULL }
#define RANGE(name, to, min, max) { name, KIND_RANGE, to, min, max, NULL }
#define TEXT(name, to) { name, KIND_TEXT, to, 0, 0, NULL }
#define NAME(name, to, names) { name, KIND_NAME, to, 0, 0, names }

static inline void print_usage(const struct setting *settings, size_t count)
{
	printf("usage: %s", program_invocation_short_name);
	for (size_t i = 0; i < count; i++) {
		const struct setting *s = &settings[i];

		printf(" [--%s", s->name);
		if (s->kind == KIND_NUMBER)
			printf(" N");
		else if (s->kind == KIND_RANGE)
			printf(" N[-N]");
		else if (s->kind == KIND_TEXT)
			printf(" TEXT");
		for (int n = 0; s->kind == KIND_NAME && s->names[n]; n++)
			printf("%s%s", n ? "|" : " ", s->names[n]);
		putchar(']');
	}
	putchar('\n');
}

static inline void set_value(const struct setting *s, const char *text)
{
	switch (s->kind) {
	case KIND_FLAG:
		*(int *)s->to = 1;
		break;
	case KIND_NUMBER:
		*(uint64_t *)s->to = parse_number(text, s->name, s->min, s->max);
		break;
	case KIND_RANGE:
		*(struct range *)s->to = parse_range(text, s->name, s->min, s->max);
		break;
	case KIND_TEXT:
		*(const char **)s->to = text;
		break;
	case KIND_NAME:
		*(int *)s->to = parse_name(text, s->name, s->names);
		break;
	}
}

static inline const struct setting *find_setting(const struct setting *settings, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(settings[i].name, name))
			return &settings[i];
	}
	return NULL;
}

static inline void parse_settings(int argc, char **argv, const struct setting *settings, size_t count)
{
	for (int i = 1; i < argc; i++) {
		const struct setting *s;

		if (!strcmp(argv[i], "--help")) {
			print_usage(settings, count);
			exit(0);
		}
		s = strncmp(argv[i], "--", 2) ? NULL : find_setting(settings, count, argv[i] + 2);
		if (!s)
			die("%s is not an option; see --help", argv[i]);
		if (s->kind != KIND_FLAG && ++i == argc)
			die("--%s wants a value", s->name);
		set_value(s, argv[i]);
	}
}

#define SETTINGS_COUNT(settings) (sizeof(settings) / sizeof((settings)[0]))

#endif
