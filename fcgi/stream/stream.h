/*
 * stream.h - one open response, from its first byte to its end.
 *
 * There is one way to deliver, stream_advance (advance.h): send what comes
 * after the stream's id.  Live events, resuming, a slow reader that woke up
 * and plain CGI are all of them it.
 */
#ifndef STREAM_H
#define STREAM_H

#include "fcgi/stream/hub.h"

/* What a new stream is made of. */
struct stream_start {
	int fd;
	uint16_t request_id;
	bool framed, keep_conn;
	struct store_id id;  /* the place it starts from */
	enum gap_reason gap; /* to be told at once */
	const char *asked;   /* what was asked for, with a gap */
	const struct request *request;
	const char *headers;   /* more header lines, or NULL */
	struct caller *caller; /* whose it is, the stream's own from here on */
	int64_t came_ms;       /* since 1970: when the request was whole */
	uint64_t lives_ms;     /* until its token ends; 0: for ever */
};

/*
 * Opens a stream and sends its first bytes; the descriptor is its own from
 * here on, whatever happens.  A stream that could not be opened is closed.
 */
void stream_open(struct hub *, const struct stream_start *);

/*
 * Ends a stream in any state: the one destructor.  It is freed when the turn
 * ends.
 */
void stream_end(struct hub *, struct stream *, enum end_reason);

/* Leaves its subscription and frees it; it is over. */
void stream_free(struct hub *, struct stream *);

/* Ends a stream whose last write failed.  True if it did. */
bool stream_end_failed(struct hub *, struct stream *);

/* Calls for each stream that is open; it may end it. */
void stream_each(struct hub *, void (*)(void *arg, struct stream *), void *arg);

/* The responder closes: ends it, or lets it end after the event it is in. */
void stream_finish(struct hub *, struct stream *);

/* Something happened on its descriptor. */
void stream_event(struct hub *, struct stream *, uint32_t epoll_events);

/* Its tick on the wheel has come. */
void stream_look(struct hub *, struct stream *);

#endif
