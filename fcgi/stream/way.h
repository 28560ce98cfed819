/*
 * way.h - what a stream has more on a way that harms it.
 *
 * A client asks for it in the query (request/way.c): heartbeats that a page can
 * see, an end as soon as there was something to send, bytes that push others
 * out of a buffer.  The options of serve bound each.  All of it is sent between
 * two events, by what is here; events are sent by stream_advance as ever.
 */
#ifndef STREAM_WAY_H
#define STREAM_WAY_H

#include "fcgi/stream/hub.h"

/* The time between beats that this request gets; 0: it wants none. */
unsigned way_beat_s(const struct hub *, const struct request *);

/*
 * The stream is new, and its end by --max-age or its token is set: takes over
 * what the request asks for, and counts it.  lives_ms is as in stream_start.
 */
void way_open(
    struct hub *, struct stream *, const struct request *, uint64_t lives_ms);

/* Is a token that is good for so long told of in the first bytes? */
bool way_warns_at_once(uint64_t lives_ms);

/*
 * Was this poll sent all there is?  If the log has more than was read,
 * it is not, and is looked at again soon.
 */
bool way_is_done(struct hub *, struct stream *);

/*
 * The stream is as old as its client wants.  A poll that has something to send
 * goes on until it is sent, for --max-poll at most.
 */
bool way_goes_on(struct hub *, struct stream *);

/*
 * Sends the pad, or what is left of it.  True when all went out, or none is
 * wanted; else the stream is blocked or has failed.
 */
bool way_pad(struct hub *, struct stream *);

/*
 * Says that the stream lives, or that if it is time for its beat.  Nothing is
 * said while the stream stands inside an event.  It may fail.
 */
void way_say(struct hub *, struct stream *, const char *text, size_t len);
void way_beat(struct hub *, struct stream *);

/*
 * Tells the client, in time, that its token expires.  Returns the tick at which
 * to look at the stream: next, or an earlier one.  It may fail.
 */
uint32_t way_warn(struct hub *, struct stream *, uint32_t next);

#endif
