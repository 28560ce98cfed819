/*
 * start.h - where a request wants its stream to start, as a place in the log.
 */
#ifndef START_H
#define START_H

#include "fcgi/stream/stream.h"

/*
 * Finds the place; sets id, gap and asked of start.  STORE_OK, or the
 * store's trouble, which may pass.
 */
enum store_result start_find(
    struct server *, const struct request *, struct stream_start *);

#endif
