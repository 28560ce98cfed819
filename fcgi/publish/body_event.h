/*
 * body_event.h - an event of a POST: its four members, and its check.
 *
 * Pure.  The check is stricter than the log is.  Whoever writes to the log
 * directly is trusted, and what cannot be said on a stream is replaced there
 * (sse.h).  A publisher can still be told, so here it is refused.
 */
#ifndef BODY_EVENT_H
#define BODY_EVENT_H

#include "store/store.h"

enum {
	EVENT_TEXTS = 4,	/* topic, event, data, uid, in this order */
	EVENT_TYPE_BYTES = 255, /* the most of its type */
	EVENT_UID_BYTES = 128
};

extern const char *const body_event_names[EVENT_TEXTS];

/* The number of the member of this name, or -1: there is none. */
int body_event_member(const char *name, size_t len);

/* The text of the i-th member. */
static inline struct store_text *
body_event_text(struct store_event *ev, int i)
{
	struct store_text *texts[EVENT_TEXTS] = {
	    &ev->topic, &ev->event, &ev->data, &ev->uid};

	return texts[i];
}

/* May it be published?  0, or 400 or 413 and what is wrong in one line. */
int body_event_check(
    const struct store_event *, size_t max_bytes, const char **why);

#endif
