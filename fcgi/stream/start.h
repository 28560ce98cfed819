/*
 * start.h - where a request wants its stream to start, as a place in the log.
 */
#ifndef START_H
#define START_H

#include "fcgi/stream/stream.h"

/*
 * Finds the place, and sets id, gap and asked of start; came_ms is set already.
 * Returns STORE_OK, or the trouble of the store, which may pass.
 */
enum store_result start_find(struct hub *, const struct request *,
    struct store_come *, struct stream_start *);

/*
 * The place for a stream that wants only what comes from now on.  The log is
 * asked once a turn, however many streams open in that turn.
 */
enum store_result start_now(struct hub *, struct store_id *);

#endif
