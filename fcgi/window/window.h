/*
 * window.h - the newest events in memory, encoded once for all streams.
 *
 * Each topic that is listened to has its part, a run; an event is in the run
 * of its topic and of every prefix that matches it.  Beyond the limit the
 * oldest event goes, whosever it is, and the floor of its run rises: a stream
 * below the floor reads the log instead.
 */
#ifndef WINDOW_H
#define WINDOW_H

#include "fcgi/window/topics.h"

struct window {
	struct topic **queue; /* whose event came when, oldest first; a ring */
	uint32_t first, count, cap; /* cap is a power of two */
	uint64_t max_bytes;	    /* of events and of what keeps them */
	uint64_t max_event_bytes;
};

int window_open(struct window *, uint64_t max_bytes, uint64_t max_event_bytes);
void window_close(struct window *);

/* Adds the event to those who listen to it, and makes them due. */
void window_add(struct window *, struct topics *, const struct store *,
    const struct store_event *);

/*
 * Forgets everything: all runs begin anew after this place.
 */
void window_forget(struct window *, struct topics *, struct store_id place);

/*
 * The most bytes that window_encode can write for this event.  One that is
 * larger than max is told as a stream-gap in its place.
 */
size_t window_encode_size(const struct store_event *, uint64_t max);

/* Encodes an event for the wire; buf holds that many bytes. */
size_t window_encode(
    char *buf, const struct store *, const struct store_event *, uint64_t max);

#endif
