/*
 * reader.h - a text/event-stream, read as EventSource reads it.
 *
 * Pure: no socket, no clock (WHATWG HTML, section 9.2.6).  The reader passes
 * on whole blocks: an event with its blank line, or a comment between events.
 * A block that is cut short by the end of a connection is never passed on.  So
 * the blocks of one connection after another are a valid stream together.
 */
#ifndef READER_H
#define READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fcgi/base/bytes.h"

struct reader {
	struct bytes block;   /* as it came, but each line ends with LF */
	size_t line;	      /* where its last line begins */
	struct bytes id;      /* of this block, else of one before */
	struct bytes last_id; /* of the last whole block */
	int64_t retry_ms;     /* as the stream said, or -1 */
	bool cr, begun;	      /* a CR was last; past the first line */
	bool data, ours;      /* block has data; its type is stream-* */
};

/*
 * What a block is.  READER_OURS: an event stream-*, which a responder made; but
 * stream-end is a publisher's.
 */
enum reader_kind {
	READER_EVENT,
	READER_OURS,
	READER_NONE /* no data: a page would not see it */
};

/* Called for each block; returns false to stop reading after it. */
typedef bool reader_each(
    void *arg, const char *text, size_t len, enum reader_kind);

/* Sets all to zero, but retry_ms to -1. */
void reader_init(struct reader *);
void reader_free(struct reader *);

/* Sets last_id, as if the stream had said it.  False: no memory. */
bool reader_set_id(struct reader *, const char *id);

/* A new connection begins: forgets the block that the old one cut short. */
void reader_begin(struct reader *);

/* Reads on.  False when reader_each returned false, or without memory. */
bool reader_feed(
    struct reader *, const char *s, size_t len, reader_each *, void *arg);

#endif
