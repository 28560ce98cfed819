/*
 * stream.h - one open response: a socket, a topic set and the id it reached.
 *
 * There is one way to deliver, stream_advance: send what comes after my id.
 * Live events, resuming, a slow reader that woke up and plain CGI are all of
 * them it.  Nothing is queued for a stream.
 */
#ifndef STREAM_H
#define STREAM_H

#include "fcgi/window/control.h"
#include "fcgi/window/record.h"
#include "fcgi/serve/server.h"

struct stream {
	struct conn conn;
	struct sub *sub;
	struct caller *caller; /* whose it is, or NULL */
	struct stream *todo;   /* the next that is out of step */
	struct store_id id;    /* the newest event begun; with offset 0: sent */
	uint32_t offset;       /* bytes of it that are out, 0 when all are */
	uint32_t index;	       /* in sub */
	uint32_t written;      /* tick of the last bytes out */
	uint32_t ends;	       /* tick at which it has to end; 0: never */
	struct record record;
	uint16_t request_id;
	uint8_t gap;	    /* enum gap_reason to be told, id was asked */
	bool framed : 1;    /* FastCGI; plain CGI otherwise */
	bool blocked : 1;   /* the socket took no more */
	bool wants_out : 1; /* and the poller tells of room */
	bool by_token : 1;  /* `ends` is when its token does */
	bool queued : 1;    /* stands in the list of those out of step */
	bool keep_conn : 1; /* the web server wants to use it again */
};

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
	uint64_t lives_ms;     /* until its token ends; 0: for ever */
};

/*
 * Opens a stream and sends its first bytes; the descriptor is its own from
 * here on, whatever happens.  A stream that could not be opened is closed.
 */
void stream_open(struct server *, const struct stream_start *);

/* Ends a stream in any state: the one destructor.  Freed by the sweep. */
void stream_end(struct server *, struct stream *, enum end_reason);
void stream_free(struct stream *);

/* The responder closes: ends it, or lets it end after the event it is in. */
void stream_finish(struct server *, struct stream *);

enum advance {
	ADVANCE_LEVEL, /* has all there is */
	ADVANCE_MORE,  /* its share of the turn is used up */
	ADVANCE_WAIT,  /* the log cannot be read right now */
	ADVANCE_STUCK  /* blocked, or over */
};

/* Sends what comes after its id, up to the write budget. */
enum advance stream_advance(struct server *, struct stream *);

/* Something happened on its descriptor. */
void stream_event(struct server *, struct stream *, uint32_t epoll_events);

/* Its tick on the wheel has come. */
void stream_look(struct server *, struct stream *);

/*
 * The headers of a stream, and of whatever has to fare like one, with
 * more lines (or NULL).  Returns their length, at most STREAM_HEAD_SIZE.
 */
enum {
	STREAM_HEAD_SIZE = 1024
};
size_t stream_head(char *buf, const char *more);

/*
 * One write of bytes that are small enough for a fresh socket.  False when
 * not all of them went out: the connection is of no use then.
 */
bool stream_say(int fd, const void *bytes, size_t len);

#endif
