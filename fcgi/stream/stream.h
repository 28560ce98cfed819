/*
 * stream.h - one open response, from its first byte to its end.
 *
 * There is one way to deliver, stream_advance (advance.h): send what comes
 * after the stream's id.  Live events, resuming, a slow reader that reads again
 * and plain CGI: all of them use it.
 */
#ifndef STREAM_H
#define STREAM_H

#include "fcgi/stream/hub.h"

/* What is needed to open a stream. */
struct stream_start {
	int fd;
	uint16_t request_id;
	bool framed, keep_conn, unread; /* as struct peer has them */
	struct store_id id;		/* the place it starts from */
	uint64_t cuts;	     /* of the log, when that was found (store_cuts) */
	enum gap_reason gap; /* a gap to tell at once, or GAP_NONE */
	const char *asked;   /* the id that was asked for, if there is a gap */
	bool over;     /* there is nothing for it: what ended it is past */
	bool has_ends; /* the next is known; false: one is a prefix */
	struct store_id ends[REQUEST_TOPICS_MAX]; /* of topics, or {0, 0} */
	const struct request *request;
	const char *headers;   /* more header lines, or NULL */
	struct caller *caller; /* who opens it; the stream gives it back */
	int64_t came_ms;       /* since 1970: when the request was whole */
	uint64_t lives_ms;     /* until its token expires; 0: it never does */
};

/*
 * Opens a stream and sends its first bytes.  From here on the descriptor
 * belongs to the stream: if the stream cannot be opened, the descriptor is
 * closed.
 */
void stream_open(struct hub *, const struct stream_start *);

/*
 * Ends a stream in any state; nothing else ends one.  It is freed when the turn
 * ends.
 */
void stream_end(struct hub *, struct stream *, enum end_reason);

/*
 * Ends a stream that stands between two events, after these last bytes, which
 * are as stream_put_last has them.  Without room for them it is blocked, and is
 * level again when there is: ask again then.
 */
void stream_end_last(
    struct hub *, struct stream *, enum end_reason, char *buf, size_t len);

/* The same for a poll, which is told when to come back. */
void stream_end_poll(struct hub *, struct stream *);

/* Takes a stream that is over out of its subscription, and frees it. */
void stream_free(struct hub *, struct stream *);

/* Ends a stream whose last write failed.  True if it did. */
bool stream_end_failed(struct hub *, struct stream *);

/* Calls the function for each open stream; the function may end the stream. */
void stream_each(struct hub *, void (*)(void *arg, struct stream *), void *arg);

/*
 * The responder closes: ends the stream, or lets it end after the event that is
 * half sent.
 */
void stream_finish(struct hub *, struct stream *);

/* Something happened on the descriptor of the stream. */
void stream_event(struct hub *, struct stream *, uint32_t epoll_events);

/*
 * The wheel has reached the tick of the stream: ends it, sends a heartbeat, or
 * only sets the next tick.
 */
void stream_look(struct hub *, struct stream *);

/*
 * The stream has everything there is.  Forgets whose it is, if that was known
 * only because the log had to be read for it.
 */
void stream_is_level(struct hub *, struct stream *);

#endif
