/*
 * option.c - the value of one option: read, checked, put in its place.
 *
 * A value is taken whole or not at all.  `10x`, `-1` and a number that does
 * not fit are refused, and the message says what would be right; none of them
 * is cut to fit.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/base/age.h"
#include "fcgi/base/option.h"

enum {
	DIGITS_SIZE = 64
};

static void *
option_place(const struct option *o, void *conf)
{
	return (char *)conf + o->offset;
}

/* Digits of a base and nothing else: no sign, no overflow. */
static bool
read_digits(const char *s, int base, uint64_t *n)
{
	char *end;
	unsigned long long v;

	if (*s < '0' || *s > '9')
		return false;
	errno = 0;
	v = strtoull(s, &end, base);
	if (*end != '\0' || errno != 0)
		return false;
	*n = v;
	return true;
}

/* K, M or G as a power of two; 0 for anything else. */
static unsigned
suffix_shift(char c)
{
	switch (c) {
	case 'k':
	case 'K':
		return 10;
	case 'm':
	case 'M':
		return 20;
	case 'g':
	case 'G':
		return 30;
	default:
		return 0;
	}
}

bool
option_bytes(const char *s, uint64_t *n)
{
	char digits[DIGITS_SIZE];
	size_t len = strlen(s);
	unsigned shift;
	uint64_t v;

	if (len == 0 || len >= sizeof(digits))
		return false;
	shift = suffix_shift(s[len - 1]);
	memcpy(digits, s, len + 1);
	if (shift != 0)
		digits[len - 1] = '\0';
	if (!read_digits(digits, 10, &v) || v > UINT64_MAX >> shift)
		return false;
	*n = v << shift;
	return true;
}

static bool
read_value(enum option_kind kind, const char *s, uint64_t *n)
{
	int64_t ms;

	switch (kind) {
	case OPTION_UNSIGNED:
		return read_digits(s, 10, n);
	case OPTION_OCTAL:
		return read_digits(s, 8, n);
	case OPTION_BYTES:
		return option_bytes(s, n);
	case OPTION_AGE:
		if (!age_read(s, &ms))
			return false;
		*n = (uint64_t)ms;
		return true;
	default:
		return false;
	}
}

/* What a number of this kind looks like, for a message. */
static const char *
value_looks(enum option_kind kind)
{
	switch (kind) {
	case OPTION_OCTAL:
		return "an octal mode such as 0660";
	case OPTION_BYTES:
		return "bytes such as 64, 256K, 16M or 1G";
	case OPTION_AGE:
		return "a time such as 15 (seconds), 500ms, 10m, 2h or 7d";
	default:
		return "a whole number";
	}
}

static bool
set_number(const struct option *o, const char *value, uint64_t *to, char *why,
    size_t size)
{
	const char *unit = o->kind == OPTION_AGE ? " ms" : "";
	uint64_t n, bound;

	if (!read_value(o->kind, value, &n)) {
		snprintf(
		    why, size, "'%s' is not %s", value, value_looks(o->kind));
		return false;
	}
	if (n >= o->min && (o->max == 0 || n <= o->max)) {
		*to = n;
		return true;
	}
	bound = n < o->min ? o->min : o->max;
	snprintf(why, size,
	    o->kind == OPTION_OCTAL ? "'%s' is %s %04" PRIo64 "%s"
				    : "'%s' is %s %" PRIu64 "%s",
	    value, n < o->min ? "less than" : "more than", bound, unit);
	return false;
}

/* A flag has a value only in the environment. */
static bool
set_flag(const char *value, bool *to, char *why, size_t size)
{
	static const char *const words[][2] = {
	    {"0", "1"}, {"no", "yes"}, {"false", "true"}, {"off", "on"}};
	size_t i;
	int b;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		for (b = 0; b < 2; b++)
			if (strcmp(value, words[i][b]) == 0) {
				*to = b == 1;
				return true;
			}
	snprintf(why, size, "'%s' is neither yes nor no", value);
	return false;
}

static bool
list_add(struct option_list *l, const char *s, size_t len)
{
	char **v = realloc(l->v, (l->n + 1) * sizeof(*v));

	if (v == NULL)
		return false;
	l->v = v;
	if ((v[l->n] = strndup(s, len)) == NULL)
		return false;
	l->n++;
	return true;
}

static bool
set_list(struct option_list *l, const char *value, bool blanks, char *why,
    size_t size)
{
	bool ok = blanks || list_add(l, value, strlen(value));
	size_t len;

	for (; blanks && ok && *value != '\0'; value += len) {
		value += strspn(value, " \t");
		len = strcspn(value, " \t");
		ok = len == 0 || list_add(l, value, len);
	}
	if (!ok)
		snprintf(why, size, "no memory");
	return ok;
}

bool
option_set(const struct option *o, const char *value, bool blanks, void *conf,
    char *why, size_t size)
{
	switch (o->kind) {
	case OPTION_STRING:
		*(const char **)option_place(o, conf) = value;
		return true;
	case OPTION_LIST:
		return set_list(
		    option_place(o, conf), value, blanks, why, size);
	case OPTION_FLAG:
		return set_flag(value, option_place(o, conf), why, size);
	default:
		return set_number(o, value, option_place(o, conf), why, size);
	}
}

/* We wrote the default: if it is not a value, that is a bug. */
void
option_clear(const struct option *o, void *conf)
{
	char why[256];

	switch (o->kind) {
	case OPTION_STRING:
		*(const char **)option_place(o, conf) = NULL;
		break;
	case OPTION_LIST:
		*(struct option_list *)option_place(o, conf) =
		    (struct option_list){0};
		break;
	case OPTION_FLAG:
		*(bool *)option_place(o, conf) = false;
		break;
	default:
		*(uint64_t *)option_place(o, conf) = o->absent;
	}
	if (o->initial != NULL &&
	    !option_set(o, o->initial, true, conf, why, sizeof(why)))
		abort();
}

void
option_free(const struct option *o, void *conf)
{
	struct option_list *l;

	if (o->kind != OPTION_LIST)
		return;
	l = option_place(o, conf);
	while (l->n > 0)
		free(l->v[--l->n]);
	free(l->v);
	l->v = NULL;
}

char *
option_variable(const struct option *o, char *buf, size_t size)
{
	char *p;

	snprintf(buf, size, "LARGESSE_%s", o->name);
	for (p = buf; *p != '\0'; p++)
		if (*p == '-')
			*p = '_';
		else if (*p >= 'a' && *p <= 'z')
			*p = (char)(*p - 'a' + 'A');
	return buf;
}
