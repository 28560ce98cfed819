/*
 * start.h - where a request wants its stream to start, as a place in the log.
 */
#ifndef START_H
#define START_H

#include "fcgi/stream/stream.h"

/* How far it has come, for a request that is asked again.  All 0 at first. */
struct start_come {
	struct store_come active, place;
	bool is_active; /* it was seen that something is going on */
};

/*
 * Finds the place, and sets id, gap, asked, over and the ends of start; came_ms
 * is set already.  Returns STORE_OK, or the trouble of the store, which may
 * pass.
 */
enum store_result start_find(struct hub *, const struct request *,
    struct start_come *, struct stream_start *);

/*
 * The place for a stream that wants only what comes from now on.  The log is
 * asked once a turn, however many streams open in that turn.
 */
enum store_result start_now(struct hub *, struct store_id *);

#endif
