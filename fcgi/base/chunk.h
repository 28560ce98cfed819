/*
 * chunk.h - the text that grows in the chunks of a stream of JSON.
 *
 * A model's answer comes as many JSON values that differ in one string, the
 * piece of text that is new.  Two such chunks are joined into one that has
 * both pieces.  All other bytes stay as they were written, so a client cannot
 * tell it from a chunk with a longer piece.
 */
#ifndef CHUNK_H
#define CHUNK_H

#include <stdbool.h>
#include <stddef.h>

#include "fcgi/base/bytes.h"

/* Where that string stands: n bytes from at, between its quotes. */
struct chunk {
	size_t at, n;
};

/*
 * Finds the string at a path such as `delta' or `choices.0.delta.content' in
 * a JSON value.  A part of the path is the name of a member, as it is written
 * there, or the number of an element of an array, from 0.  False: the text is
 * not JSON, or something else is there, or nothing.
 */
bool chunk_find(struct chunk *, const char *s, size_t len, const char *path);

/* Are the two values equal, byte for byte, but for these strings? */
bool chunk_alike(const struct chunk *, const char *s, size_t len,
    const struct chunk *other, const char *t, size_t tlen);

/*
 * Adds the string of the other one, which is alike, to that of the chunk in
 * text, from text->at to text->len.  -1 without memory: nothing has changed.
 */
int chunk_join(struct chunk *, struct bytes *text, const struct chunk *other,
    const char *t, size_t tlen);

#endif
