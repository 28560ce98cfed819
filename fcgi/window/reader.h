/*
 * reader.h - a text/event-stream, read as EventSource reads it.
 *
 * Pure: no socket, no clock (WHATWG HTML, section 9.2.6).  What comes out are
 * whole blocks: an event with its blank line, or a comment that stands alone.
 * A block that a connection's end cuts short never comes out, so what was
 * passed on remains a stream when the next connection goes on with it.
 */
#ifndef READER_H
#define READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct reader_text {
	char *s; /* len bytes, then a NUL; NULL at first */
	size_t len, size;
};

struct reader {
	struct reader_text block;   /* as it came, but each line ends with LF */
	size_t line;		    /* where its last line begins */
	struct reader_text id;	    /* of this block, else of one before */
	struct reader_text last_id; /* of the last whole block */
	int64_t retry_ms;	    /* as told, or -1 */
	bool cr, begun;		    /* a CR was last; past the first line */
	bool data, ours;	    /* block has data; its type is stream-* */
};

/* What a block is: a stream-* event is the responder's own. */
enum reader_kind {
	READER_EVENT,
	READER_OURS,
	READER_NONE /* no data: nothing that a page would see */
};

/* Called for each block; returns false to stop reading after it. */
typedef bool reader_each(
    void *arg, const char *text, size_t len, enum reader_kind);

/* All zero but retry_ms. */
void reader_init(struct reader *);
void reader_free(struct reader *);

/* The id to begin after, as if it had been read.  False: no memory. */
bool reader_set_id(struct reader *, const char *id);

/* Another connection: what was left of the old one's last block is void. */
void reader_begin(struct reader *);

/* Reads on.  False when reader_each said so or memory ran out. */
bool reader_feed(
    struct reader *, const char *s, size_t len, reader_each *, void *arg);

#endif
