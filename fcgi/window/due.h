/*
 * due.h - what a stream is due, which means what it must get next.
 *
 * Pure.  What is due is given as pieces of runs.  A subscription to one topic
 * has one run, and what is due is one piece of it.  With several topics there
 * are several runs, which are merged by id.
 */
#ifndef DUE_H
#define DUE_H

#include <sys/uio.h>

#include "fcgi/window/topics.h"

enum {
	DUE_PIECES = 62 /* pieces of one write */
};

/* Runs that together have every event after some id. */
struct due {
	const struct run *run[REQUEST_TOPICS_MAX];
	size_t at[REQUEST_TOPICS_MAX]; /* index of the first event due */
	size_t n;
	bool from_log; /* they are a page, and not the window */
};

/* A place in the events: the last event begun, and how much of it was sent. */
struct due_place {
	struct store_id id;
	uint32_t offset; /* 0: all of it */
};

/* The id after which the events due are found. */
struct store_id due_after(struct due_place);

/*
 * Finds what comes after the place.  False: the event that was half sent is
 * missing.
 */
bool due_find(struct due *, struct due_place);

/*
 * Sets the pieces of what is due from the place on, at most DUE_PIECES of them
 * and max bytes.  Returns their number, and their bytes in *len.
 */
int due_pieces(const struct due *, struct due_place, struct iovec *, size_t max,
    size_t *len);

/* Bytes that are left of a half sent event, 0 if none is half sent. */
size_t due_rest(const struct due *, struct due_place);

/* Is nothing due after this place? */
bool due_all(const struct due *, struct due_place);

/*
 * The place after sent more bytes.  Adds the number of events that are complete
 * now to *events.
 */
struct due_place due_sent(
    const struct due *, struct due_place, size_t sent, uint64_t *events);

#endif
