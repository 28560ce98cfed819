/*
 * post.c - a POST to the ceiling program.
 *
 * It understands the body that tests/bench/post.c makes, and no other: the
 * text between "data":" and the next quote is an event.  The answer has the
 * ids in it, as largesse's has, and goes out at once.  Nothing is written to a
 * disk.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include "tests/bench/ceiling/ceiling.h"

enum {
	IDS = 1000,
	END = 16 /* END_REQUEST and its header */
};

/* Returns how many there were. */
static size_t
take_events(struct ceiling *c, const char *in, size_t len)
{
	static const char name[] = "\"data\":\"";
	const char *end = in + len, *s = in, *quote;
	size_t n = 0;

	while ((s = memmem(s, (size_t)(end - s), name, sizeof(name) - 1)) !=
	       NULL) {
		s += sizeof(name) - 1;
		quote = memchr(s, '"', (size_t)(end - s));
		if (quote == NULL || n == IDS)
			break;
		ceiling_add(c, s, (size_t)(quote - s));
		n++;
		s = quote;
	}
	return n;
}

bool
post_answer(struct ceiling *c, struct stream *s, const char *in, size_t len)
{
	static const char end[END] = {1, 3, 0, 1, 0, 8};
	char out[HEADER + 128 + IDS * 24 + END], *p = out + HEADER;
	bool keep = len > 2 * HEADER && (in[HEADER + 2] & 1) != 0;
	size_t n = take_events(c, in, len), i, content;

	if (len == 0)
		return false;
	p += sprintf(p, "Status: 201 Created\r\n"
			"Content-Type: application/json\r\n\r\n{\"ids\":[");
	for (i = 0; i < n; i++)
		p += sprintf(p, "%s\"%llu\"", i > 0 ? "," : "",
		    (unsigned long long)(c->events - n + i + 1));
	p += sprintf(p, "]}\n");
	content = (size_t)(p - out) - HEADER;
	memcpy(out,
	    (char[HEADER]){1, 6, 0, 1, (char)(content >> 8), (char)content},
	    HEADER);
	memcpy(p, end, END);
	len = HEADER + content + END;
	return send(s->fd, out, len, MSG_NOSIGNAL) == (ssize_t)len && keep;
}
