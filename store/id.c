/*
 * id.c - an event's id: compare, print, parse, and the check of a number.
 *
 * Sixteen bytes hold the integers of SQLite (hi is 0) and the entry ids of
 * Redis (hi is the milliseconds, lo the sequence).  Their order is that of the
 * events in the log.
 */
#include <string.h>

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

/* --- the check of a number ---------------------------------------------- */

/*
 * The letters without l and o, which look like digits, and the digits that look
 * like no letter.  The first character of a check is a letter, so no check can
 * be the sequence of an id of Redis.
 */
static const char alphabet[] = "abcdefghijkmnpqrstuvwxyz23456789";

enum {
	CHECK_LEN = 4,
	LETTERS = 24,
	CHARACTERS = 32
};

/* Each bit of n changes each bit of the result in half of all cases. */
static uint64_t
mix(uint64_t n)
{
	n = (n ^ (n >> 30)) * UINT64_C(0xbf58476d1ce4e5b9); /* splitmix64 */
	n = (n ^ (n >> 27)) * UINT64_C(0x94d049bb133111eb);
	return n ^ (n >> 31);
}

/*
 * A time that no clock shows counts as 0: a log on Redis keeps no such times,
 * and a copy there has to have the same checks.
 */
uint32_t
store_id_check(struct store_id id, int64_t time_ms)
{
	if (id.hi != 0 || time_ms == STORE_NO_TIME)
		return 0;
	if (time_ms < 0 || time_ms > STORE_TIME_MAX)
		time_ms = 0;
	return 1 + (uint32_t)(mix(mix((uint64_t)time_ms) + id.lo) %
			      (LETTERS * CHARACTERS * CHARACTERS * CHARACTERS));
}

static size_t
print_check(char *buf, uint32_t check)
{
	int i;

	*buf = '-';
	for (check--, i = CHECK_LEN; i > 1; check /= CHARACTERS)
		buf[i--] = alphabet[check % CHARACTERS];
	buf[1] = alphabet[check];
	return 1 + CHECK_LEN;
}

/* The whole text.  0: it is no check. */
static uint32_t
parse_check(const char *s, size_t len)
{
	uint32_t check = 0;
	const char *at;
	size_t i;

	if (len != CHECK_LEN)
		return 0;
	for (i = 0; i < len; i++) {
		at = memchr(alphabet, s[i], i == 0 ? LETTERS : CHARACTERS);
		if (at == NULL)
			return 0;
		check = check * CHARACTERS + (uint32_t)(at - alphabet);
	}
	return 1 + check;
}

static size_t
print_checked(const struct store *st, struct store_id id, int64_t time_ms,
    char buf[STORE_ID_SIZE])
{
	size_t len = store_id_print(st, id, buf);
	uint32_t check = store_id_check(id, time_ms);

	if (check != 0)
		len += print_check(buf + len, check);
	buf[len] = '\0';
	return len;
}

size_t
store_event_print_id(const struct store *st, const struct store_event *ev,
    char buf[STORE_ID_SIZE])
{
	return print_checked(st, ev->id, ev->time_ms, buf);
}

size_t
store_place_print(struct store *st, struct store_id id, char buf[STORE_ID_SIZE])
{
	int64_t time_ms = STORE_NO_TIME;

	st->ops->place(st, &id, &time_ms);
	return print_checked(st, id, time_ms, buf);
}

/* A number and its check.  One that begins with 0 is not as we print them. */
static bool
parse_checked(const char *s, size_t len, struct store_seek *seek)
{
	struct store_id id = {0, 0};
	size_t n = parse_number(s, len, &id.lo);

	if (n == 0 || *s == '0' || n == len || s[n] != '-')
		return false;
	seek->check = parse_check(s + n + 1, len - n - 1);
	if (seek->check != 0)
		seek->id = id;
	return seek->check != 0;
}

void
store_seek_named(
    const struct store *st, const char *s, size_t len, struct store_seek *seek)
{
	seek->named = true;
	seek->check = 0;
	seek->uid = (struct store_text){s, len};
	seek->from =
	    store_id_parse(st, s, len, &seek->id) || parse_checked(s, len, seek)
		? STORE_FROM_ID
		: STORE_FROM_UID;
}
