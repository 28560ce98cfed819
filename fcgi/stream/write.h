/*
 * write.h - a stream's writes, for stream.c and advance.c alone.
 */
#ifndef STREAM_WRITE_H
#define STREAM_WRITE_H

#include <sys/uio.h>

#include "fcgi/stream/stream.h"

/* Does it stand between two events, with room in its socket? */
static inline bool
stream_is_between(const struct stream *s)
{
	return !s->blocked && s->offset == 0 && s->record.left == 0;
}

/*
 * Writes n pieces of content that stand from iov[1] on, within record_room,
 * with the frame they need in iov[0].  Returns how many bytes of content went
 * out: with fewer than len the stream is blocked, or over.
 */
size_t stream_put(
    struct server *, struct stream *, struct iovec *, int n, size_t len);

/*
 * Of a write of head_len and len bytes so many were taken, or -1 with errno.
 * Returns how much content went out, as stream_put.
 */
size_t stream_wrote(struct server *, struct stream *, ssize_t wrote,
    size_t head_len, size_t len);

/*
 * Writes text of our own, between two events.  True when it is out.  The
 * text is not kept: if part of it went out the stream has to end.
 */
bool stream_put_control(
    struct server *, struct stream *, const char *text, size_t len);

/* It has all there is: the poller need not tell of room any more. */
void stream_want_no_room(struct server *, struct stream *);

#endif
