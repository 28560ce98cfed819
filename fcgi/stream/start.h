/*
 * start.h - where a request wants its stream to start, as a place in the log.
 */
#ifndef START_H
#define START_H

#include "fcgi/stream/stream.h"

/*
 * Finds the place; sets id, gap and asked of start, which has came_ms already.
 * STORE_OK, or the store's trouble, which may pass.
 */
enum store_result start_find(
    struct hub *, const struct request *, struct stream_start *);

/*
 * The place where a stream starts that wants what comes from now on.  Asked
 * of the log once a turn, however many streams open in it.
 */
enum store_result start_now(struct hub *, struct store_id *);

#endif
