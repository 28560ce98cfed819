/*
 * watch.h - /status as a stream, for a page that shows it.
 *
 *	GET /events/status, with Accept: text/event-stream
 *
 *	event: stream-status
 *	data: {the JSON of /status}
 *
 * One such event comes each second.  It is no row of the log, and nothing is
 * kept for a client that does not read: its watch ends.  Whoever may see
 * /status may watch it.  The text is made once for all who watch, so that many
 * cost no more than one, and there are only so many of them.  Each ends at some
 * age, and its client comes back: so nobody can keep all places for ever.
 */
#ifndef WATCH_H
#define WATCH_H

#include "fcgi/request/peer.h"
#include "fcgi/stream/hub.h"

enum {
	WATCHES_MAX = 16, /* at once, of a process */
	WATCH_MS = 1000,
	WATCH_AGE_MS = 600 * 1000 /* then it ends */
};

/* The age at which a watch ends, with this --max-age, which may be 0: none. */
static inline uint64_t
watch_age_ms(uint64_t max_age_ms)
{
	return max_age_ms > 0 && max_age_ms < WATCH_AGE_MS ? max_age_ms
							   : WATCH_AGE_MS;
}

/* All open watches. */
struct watches {
	struct hub *hub;
	struct watch *first;
	uint32_t opened;  /* so far */
	uv_timer_t timer; /* closed with the loop */
};

void watches_open(struct watches *, struct hub *);
void watches_end(struct watches *);

/* Does this request for /status ask for a stream?  A CGI program has none. */
bool watch_wanted(
    const struct peer *, const struct request *, char *const *env);

/* Opens a watch on the peer's descriptor, or tells it to come back. */
enum answered watch_open(struct watches *, const struct peer *);

void watch_event(struct watches *, struct conn *, uint32_t epoll_events);
void watch_free(struct conn *);

#endif
