/*
 * write.h - every byte that goes out to a client.
 *
 * A write never waits.  One that fails does not end its stream: the stream is
 * marked as failed, and whoever wrote ends it (stream_end_failed).
 */
#ifndef STREAM_WRITE_H
#define STREAM_WRITE_H

#include <sys/uio.h>

#include "fcgi/stream/hub.h"

/* Does it stand between two events, with room in its socket? */
static inline bool
stream_is_between(const struct stream *s)
{
	return !s->blocked && s->offset == 0 && s->record.left == 0;
}

/*
 * Writes n pieces of content that stand from iov[1] on, within record_room,
 * with the frame they need in iov[0].  Returns how many bytes of content went
 * out: with fewer than len the stream is blocked, or has failed.
 */
size_t stream_put(
    struct hub *, struct stream *, struct iovec *, int n, size_t len);

/* The same for a record of len bytes of content that is framed already. */
size_t stream_put_record(
    struct hub *, struct stream *, const uint8_t *record, size_t len);

/*
 * Writes text of our own, between two events.  True when it is out.  The
 * text is not kept: if part of it went out the stream has failed.
 */
bool stream_put_control(
    struct hub *, struct stream *, const char *text, size_t len);

/* It has all there is: the poller need not tell of room any more. */
void stream_want_no_room(struct hub *, struct stream *);

/* --- answers that are no stream ------------------------------------------ */

/*
 * One write of bytes that are small enough for a fresh socket.  False when
 * not all of them went out: the connection is of no use then.
 */
bool stream_say(int fd, const void *bytes, size_t len);

/*
 * The same for the whole rest of a response: len bytes of content, at most
 * RECORD_MAX, that stand from buf + RECORD_HEADER on, with room for
 * RECORD_END_SIZE behind them.  They go out as one record and the end of the
 * request or, where framed is false, as they are.
 */
bool stream_say_last(
    int fd, bool framed, uint16_t request_id, char *buf, size_t len);

#endif
