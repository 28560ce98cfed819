/*
 * end.h - topics that have ended, and the proper end of their streams.
 *
 * A topic has ended while its newest event says so (STORE_END_TYPE).  A topic
 * that has listeners knows it from each event that comes.  For others the log
 * is asked, so topics that have ended cost nothing here.
 */
#ifndef STREAM_END_H
#define STREAM_END_H

#include "fcgi/stream/stream.h"

/*
 * Sets the ends of start: where the topics of a request have ended.  If one of
 * them is a prefix, the stream never ends and nothing is asked.  STORE_OK, or
 * the trouble of the store, which may pass.
 */
enum store_result end_find(
    struct hub *, const struct request *, struct stream_start *);

/* Have all of them ended, at this place or before it? */
bool end_is_past(
    const struct request *, const struct stream_start *, struct store_id);

/*
 * Is something going on in one of the topics: has it an event, and has it not
 * ended?  The ends were found before.  As store_seek; sets *active.
 */
enum store_result end_find_active(struct hub *, const struct request *,
    const struct stream_start *, struct store_come *, bool *active);

/*
 * The stream has everything there is.  If its topics have ended, it gets its
 * last block and ends.  False: it is not known whether they have; ask again.
 */
bool end_level(struct hub *, struct stream *);

#endif
