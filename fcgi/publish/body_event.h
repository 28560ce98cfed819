/*
 * body_event.h - may this be published over HTTP?
 *
 * Pure.  Stricter than the log: whoever writes to that is trusted, and what
 * cannot be said on a stream is mended there (sse.h).  Here it is refused, as
 * the publisher can still be told.
 */
#ifndef BODY_EVENT_H
#define BODY_EVENT_H

#include "store/store.h"

/* 0, or the HTTP status (400, 413) and what is wrong in one constant line. */
int event_check(const struct store_event *, size_t max_bytes, const char **why);

#endif
