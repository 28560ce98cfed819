/*
 * join.h - where one event ends and the next begins in what is read.
 *
 *   JOIN_LINES	  each line is an event;
 *   JOIN_TEXT	  what comes within a time is one: the events, one behind the
 *		  other, are exactly what was written, line ends included.  A
 *		  character is not cut, and neither is CR LF;
 *   JOIN_CHUNKS  each line is an event, but chunks of JSON (base/chunk.h) that
 *		  come within a time are joined.
 *
 * The time begins with the first byte that is held back, and nothing is held
 * back for longer, but for a part of a character.
 */
#ifndef JOIN_H
#define JOIN_H

#include <stdbool.h>
#include <stdint.h>

#include "fcgi/base/bytes.h"
#include "fcgi/base/chunk.h"

enum join_how {
	JOIN_LINES,
	JOIN_TEXT,
	JOIN_CHUNKS
};

enum {
	JOIN_BYTES = 64 * 1024 /* an event is joined up to here */
};

struct join {
	enum join_how how;
	int64_t ms;
	const char *path; /* to the string in a chunk */
	/* Takes the data of an event.  The status of the command, 0 to go on */
	int (*put)(void *arg, const char *s, size_t len);
	void *arg;

	/* All zero at first. */
	int64_t due;	   /* when what is held back has to go; 0: nothing is */
	size_t looked;	   /* bytes of the text that have no line end */
	struct bytes held; /* a chunk to which others may be added */
	struct chunk chunk; /* where, in held */
};

/*
 * Takes all of the text that is not to be held back; all of it if nothing more
 * comes.  What is taken was given to put.  Returns the status.
 */
int join_take(struct join *, struct bytes *text, bool ended);

/* How long may one wait for more, in ms?  -1: nothing is held back. */
int join_wait(const struct join *);

void join_free(struct join *);

#endif
