/*
 * bytes.c - a buffer that grows.  A NUL that is not counted stands behind its
 * bytes, so that they can be read as text.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/talk/peer/peer.h"

void
put(struct bytes *b, const void *s, size_t len)
{
	if (b->len + len + 1 > b->size) {
		size_t size = (b->len + len + 1) * 2;
		char *grown = realloc(b->s, size);

		if (grown == NULL)
			abort();
		b->s = grown;
		b->size = size;
	}
	if (len > 0)
		memcpy(b->s + b->len, s, len);
	b->len += len;
	b->s[b->len] = '\0';
}

void
put_text(struct bytes *b, const char *s)
{
	put(b, s, strlen(s));
}

void
bytes_cut(struct bytes *b, size_t len)
{
	if (len == 0)
		return;
	memmove(b->s, b->s + len, b->len - len + 1);
	b->len -= len;
}

void
bytes_free(struct bytes *b)
{
	free(b->s);
	*b = (struct bytes){0};
}
