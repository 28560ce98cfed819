/*
 * query.c - application/x-www-form-urlencoded.
 *
 * Decoding never makes a text longer, so it is done in place.
 */
#include <string.h>

#include "fcgi/request/query.h"

/* Decodes s up to end in place and ends it with a NUL.  Returns its length. */
static size_t
decode_in_place(char *s, const char *end)
{
	const char *from = s;
	char *to = s;

	while (from < end) {
		if (*from == '%' && end - from > 2 && hex_digit(from[1]) >= 0 &&
		    hex_digit(from[2]) >= 0) {
			*to++ = (char)(hex_digit(from[1]) << 4 |
				       hex_digit(from[2]));
			from += 3;
			continue;
		}
		*to++ = *from == '+' ? ' ' : *from;
		from++;
	}
	*to = '\0';
	return to - s;
}

bool
query_next(struct query *q, struct query_pair *pair)
{
	char *end, *equals;

	while (q->at < q->end && *q->at == '&')
		q->at++;
	if (q->at >= q->end)
		return false;
	end = memchr(q->at, '&', q->end - q->at);
	if (end == NULL)
		end = q->end;
	equals = memchr(q->at, '=', end - q->at);
	if (equals == NULL)
		equals = end;
	pair->name = q->at;
	pair->value = equals < end ? equals + 1 : end;
	pair->value_len = decode_in_place(pair->value, end);
	pair->name_len = decode_in_place(pair->name, equals);
	q->at = end < q->end ? end + 1 : end;
	return true;
}

bool
query_is(const struct query_pair *pair, const char *name)
{
	size_t len = strlen(name);

	return pair->name_len == len && memcmp(pair->name, name, len) == 0;
}
