/*
 * bytes.c - bytes that grow at one end and are used up at the other.
 *
 * The memory doubles when it is full, so a byte is copied a few times at the
 * most however many are added one by one.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/base/bytes.h"

enum {
	FIRST_BYTES = 64
};

int
bytes_room(struct bytes *b, size_t n)
{
	size_t size = b->size == 0 ? FIRST_BYTES : b->size;
	char *s;

	if (n > SIZE_MAX / 4 || b->len > SIZE_MAX / 4)
		return -1;
	while (size - b->len <= n)
		size *= 2;
	if (size == b->size)
		return 0;
	if ((s = realloc(b->s, size)) == NULL)
		return -1;
	b->s = s;
	b->size = size;
	return 0;
}

int
bytes_add(struct bytes *b, const void *s, size_t len)
{
	if (bytes_room(b, len) == -1)
		return -1;
	if (len > 0)
		memcpy(b->s + b->len, s, len);
	b->len += len;
	b->s[b->len] = '\0';
	return 0;
}

void
bytes_trim(struct bytes *b)
{
	if (b->at == b->len && b->size > BYTES_KEEP) {
		bytes_free(b);
		return;
	}
	if (b->at == 0)
		return;
	b->len -= b->at;
	memmove(b->s, b->s + b->at, b->len + 1); /* with its NUL */
	b->at = 0;
}

void
bytes_free(struct bytes *b)
{
	free(b->s);
	memset(b, 0, sizeof(*b));
}
