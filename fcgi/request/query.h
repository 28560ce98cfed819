/*
 * query.h - application/x-www-form-urlencoded, as the URL standard parses it:
 * `+` is a blank, %41 is a byte, any other % is a %.  A query string and the
 * body of a form are written so.
 */
#ifndef QUERY_H
#define QUERY_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Name and value, decoded.  A NUL follows each, but there may also be a NUL
 * among the bytes, and the bytes need not be UTF-8.
 */
struct query_pair {
	char *name, *value;
	size_t name_len, value_len;
};

/* What is still to be read. */
struct query {
	char *at, *end;
};

/*
 * Decodes the next pair in place and goes on behind it.  False at the end.
 * There must be room for one byte at q->end.  `a` alone is read as `a=`, and
 * `&&` has no pair in it.
 */
bool query_next(struct query *q, struct query_pair *);

/* Does the pair have this name, a string? */
bool query_is(const struct query_pair *, const char *name);

/* The value of a hexadecimal digit, upper case or lower; -1 for any other
 * character. */
static inline int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

#endif
