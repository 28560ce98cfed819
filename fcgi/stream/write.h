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

/* Does the stream stand between two events, with room in its socket? */
static inline bool
stream_is_between(const struct stream *s)
{
	return !s->blocked && s->offset == 0 && s->pad_left == 0 &&
	       s->record.left == 0;
}

/*
 * Writes n pieces of content, which are in iov[1] and after, len bytes in all
 * and at most record_room.  It puts the FastCGI header that they need into
 * iov[0].  Returns how many bytes of content went out.  If that is less than
 * len, the stream is blocked or has failed.
 */
size_t stream_put(
    struct hub *, struct stream *, struct iovec *, int n, size_t len);

/*
 * The same for a record that has its header already, and len bytes of content.
 */
size_t stream_put_record(
    struct hub *, struct stream *, const uint8_t *record, size_t len);

/*
 * Writes a text, in as many records as it takes.  Returns how many bytes went
 * out.  If that is less than len, the stream is blocked or has failed.
 */
size_t stream_put_text(
    struct hub *, struct stream *, const char *text, size_t len);

/*
 * Writes a text of our own, between two events.  True when it went out.  The
 * text is not kept: if only a part went out, the stream has failed.
 */
bool stream_put_control(
    struct hub *, struct stream *, const char *text, size_t len);

/*
 * Writes the last content of a stream, len bytes that begin RECORD_HEADER bytes
 * into buf, and the end of its request, for which there is room behind them.
 * True when all went out.  If nothing did, the stream is blocked; else it has
 * failed.
 */
bool stream_put_last(struct hub *, struct stream *, char *buf, size_t len);

/* The stream has everything: the poller need not tell of room any more. */
void stream_want_no_room(struct hub *, struct stream *);

/* --- answers that are no stream ------------------------------------------ */

/*
 * One write of bytes that fit into the empty buffer of a fresh socket.  False
 * when not all of them went out: the connection cannot be used any more.
 */
bool stream_say(int fd, const void *bytes, size_t len);

/*
 * The same for the whole rest of a response.  Its content, len bytes and at
 * most RECORD_MAX, begins RECORD_HEADER bytes into buf; behind it there is room
 * for RECORD_END_SIZE bytes.  It goes out as one record and the end of the
 * request, or, if framed is false, as it is.
 */
bool stream_say_last(
    int fd, bool framed, uint16_t request_id, char *buf, size_t len);

/*
 * Takes len bytes of a request, which were only looked at, out of the socket:
 * what comes then is something new.
 */
void stream_take(int fd, size_t len);

#endif
