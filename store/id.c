/*
 * id.c - an event's id: compare, print, parse.
 *
 * Sixteen bytes hold the integers of SQLite (hi is 0) and the entry ids of
 * Redis (hi is the milliseconds, lo the sequence).  Their order is that of the
 * events in the log.
 */
#include <inttypes.h>
#include <stdio.h>

#include "store/engine.h"

const struct store store_dashed = {.dashed = true};

int
store_id_cmp(struct store_id a, struct store_id b)
{
	if (a.hi != b.hi)
		return a.hi < b.hi ? -1 : 1;
	if (a.lo != b.lo)
		return a.lo < b.lo ? -1 : 1;
	return 0;
}

struct store_id
store_id_before(struct store_id id)
{
	if (id.lo-- == 0)
		id.hi--;
	return id;
}

static size_t
print_number(char *buf, uint64_t n)
{
	char tmp[20];
	size_t len = 0, i;

	do {
		tmp[len++] = '0' + n % 10;
		n /= 10;
	} while (n != 0);
	for (i = 0; i < len; i++)
		buf[i] = tmp[len - 1 - i];
	return len;
}

size_t
store_id_print(
    const struct store *st, struct store_id id, char buf[STORE_ID_SIZE])
{
	size_t len = 0;

	if (st->dashed && id.hi != 0) {
		len = print_number(buf, id.hi);
		buf[len++] = '-';
	}
	len += print_number(buf + len, id.lo);
	buf[len] = '\0';
	return len;
}

/* Digits only, no sign, no overflow.  Returns the digits read, 0 if none. */
static size_t
parse_number(const char *s, size_t len, uint64_t *n)
{
	size_t i;

	*n = 0;
	for (i = 0; i < len && s[i] >= '0' && s[i] <= '9'; i++) {
		uint64_t digit = s[i] - '0';

		if (*n > (UINT64_MAX - digit) / 10)
			return 0;
		*n = *n * 10 + digit;
	}
	return i;
}

/*
 * A number alone is an id of SQLite, on either engine.  In a log that was
 * copied to Redis the event with that number is the entry 0-number, and its id
 * is printed as before the copy.
 */
bool
store_id_parse(
    const struct store *st, const char *s, size_t len, struct store_id *id)
{
	struct store_id got = {0, 0};
	size_t n = parse_number(s, len, &got.lo), m;

	if (n == 0)
		return false;
	if (n < len) {
		if (!st->dashed || s[n] != '-')
			return false;
		got.hi = got.lo;
		m = parse_number(s + n + 1, len - n - 1, &got.lo);
		if (m == 0 || n + 1 + m != len)
			return false;
	}
	*id = got;
	return true;
}
