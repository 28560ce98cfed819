/*
 * query.h - application/x-www-form-urlencoded, as the URL standard parses it:
 * `+` is a blank, %41 is a byte, and a % that begins no such thing is itself.
 * A query string and the body of a form are both of this kind.
 */
#ifndef QUERY_H
#define QUERY_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Name and value, decoded.  Each has a NUL behind it, but may have one among
 * its bytes as well, and need not be UTF-8.
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
 * Decodes the next pair in place and takes it off; false at the end.  There
 * must be room for one byte at q->end.  `a` alone is `a=`, `&&` is nothing.
 */
bool query_next(struct query *q, struct query_pair *);

/* Is this the pair's name, a string? */
bool query_is(const struct query_pair *, const char *name);

#endif
