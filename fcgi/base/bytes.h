/*
 * bytes.h - bytes that grow at one end and are used up at the other.
 *
 * Bytes are added at s + len and taken from s + at.  There is always a NUL
 * behind the last byte that bytes_add put, so text without a NUL of its own
 * can be read as a string.
 */
#ifndef BYTES_H
#define BYTES_H

#include <stddef.h>

enum {
	BYTES_KEEP = 1024 * 1024 /* an empty buffer over this is given back */
};

/* All zero is empty, with s NULL.  size is what was allocated. */
struct bytes {
	char *s;
	size_t at, len, size;
};

/*
 * Room for n bytes more at s + len, and for a NUL behind them: write there,
 * then add to len.  s may move.  -1 without memory, and nothing has changed.
 */
int bytes_room(struct bytes *, size_t n);

/* Adds len bytes.  -1 without memory, and nothing has changed. */
int bytes_add(struct bytes *, const void *s, size_t len);

/* The bytes before at are not needed any more: the others move to s. */
void bytes_trim(struct bytes *);

/* Gives the memory back: all zero again. */
void bytes_free(struct bytes *);

#endif
