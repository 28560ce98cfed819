/*
 * engine.c - what both engines do in the same way.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "store/engine.h"

void
store_set_why(struct store *st, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(st->why, sizeof(st->why), fmt, ap);
	va_end(ap);
	st->newer = false;
}

void
store_set_newer(struct store *st)
{
	st->newer = true;
}

bool
store_is_newer(const struct store *st)
{
	return st->newer;
}

bool
store_warn(struct store *st, const char *fmt, ...)
{
	va_list ap;

	if (st->warning[0] != '\0' && !st->warning_told)
		return false;
	va_start(ap, fmt);
	vsnprintf(st->warning, sizeof(st->warning), fmt, ap);
	va_end(ap);
	st->warning_told = false;
	return true;
}

void
store_set_bad(struct store *st)
{
	if (st->bad_since_ms == 0)
		st->bad_since_ms = clock_steady_ms();
}

void
store_set_broken(struct store *st)
{
	store_set_bad(st);
	st->broken_ms = clock_steady_ms();
}

void
store_set_seen(struct store *st)
{
	st->seen_ms = clock_steady_ms();
	if (st->bad_since_ms != 0 &&
	    st->seen_ms - st->broken_ms >= STORE_QUIET_MS)
		st->bad_since_ms = 0;
}

void
store_set_result(
    const struct store *st, struct store_batch *b, enum store_result r)
{
	b->result = r;
	b->why[0] = '\0';
	if (r != STORE_OK)
		snprintf(b->why, sizeof(b->why), "%s", st->why);
}

bool
store_is_end(const struct store_event *ev)
{
	static const char type[] = STORE_END_TYPE;

	return ev->event.s != NULL && ev->event.len == sizeof(type) - 1 &&
	       memcmp(ev->event.s, type, sizeof(type) - 1) == 0;
}

bool
store_topic_match(
    const struct store_topic *want, size_t n, const char *topic, size_t len)
{
	size_t i;

	if (n == 0)
		return true;
	for (i = 0; i < n; i++)
		if ((want[i].prefix ? len >= want[i].len
				    : len == want[i].len) &&
		    memcmp(topic, want[i].name, want[i].len) == 0)
			return true;
	return false;
}
