/*
 * due.h - what a stream is due, as pieces of runs.
 *
 * Pure.  A subscription to one topic has one run, and all that is due lies
 * in one piece of it; several topics are several runs, merged by id.
 */
#ifndef DUE_H
#define DUE_H

#include <sys/uio.h>

#include "fcgi/window/topics.h"

enum {
	DUE_PIECES = 62
}; /* of one write */

/* The runs that together have all after some id. */
struct due {
	const struct run *run[REQUEST_TOPICS_MAX];
	size_t at[REQUEST_TOPICS_MAX]; /* index of the first event due */
	size_t n;
};

/* A place within the events: the event begun, and how much of it is out. */
struct due_place {
	struct store_id id;
	uint32_t offset; /* 0: all of it */
};

/* The id after which the events due are found. */
struct store_id due_after(struct due_place);

/* Finds what comes after the place.  False: its half event is not there. */
bool due_find(struct due *, struct due_place);

/*
 * Sets pieces, at most DUE_PIECES and max bytes, of what is due from the
 * place on.  Returns their number, and their bytes in *len.
 */
int due_pieces(const struct due *, struct due_place, struct iovec *, size_t max,
    size_t *len);

/* Bytes left of the event that is half out, 0 if none is. */
size_t due_rest(const struct due *, struct due_place);

/* Is nothing due after this place? */
bool due_all(const struct due *, struct due_place);

/* The place after sent bytes more. */
struct due_place due_sent(
    const struct due *, struct due_place, size_t sent, uint64_t *events);

#endif
