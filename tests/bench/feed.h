/*
 * feed.h - one stream as a client of the measurements reads it.
 *
 * It gets the bytes as they come from the socket, and finds the events in them.
 * The data of an event is `@n=SEQ t=NANOSECONDS xxx...$`: its number,
 * CLOCK_MONOTONIC when it was published, and a last character that shows that
 * it is whole.
 */
#ifndef FEED_H
#define FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	FEED_PLACE = 40 /* bytes of an id, with its NUL */
};

enum feed_state {
	FEED_HEAD, /* status line and headers */
	FEED_SIZE, /* length of a chunk */
	FEED_BODY,
	FEED_CRLF, /* after a chunk */
	FEED_OVER  /* last chunk or byte seen, or not HTTP */
};

/* All zero at first; feed_free gives back what it holds. */
struct feed {
	uint64_t n, t;	  /* of the event that is being read */
	uint64_t id;	  /* the last numeric id */
	uint64_t left;	  /* bytes of this chunk or body still to come */
	char *carry;	  /* a line, or the headers, read in part */
	uint32_t carried; /* bytes of it */
	uint32_t room;	  /* it can take */
	uint16_t status;  /* of HTTP, 0 until the headers are whole */
	uint8_t state;	  /* enum feed_state */
	bool chunked, has_n, has_id, own; /* own: a `stream-...` event */
	bool sized;			  /* it has a Content-Length */
	bool gap;			  /* the event is `stream-gap` */
	bool has_place;			  /* an id came in this event */
	bool live;			  /* some event came, ours or not */
	bool bye;			  /* the event is `stream-retry` */
	bool started;			  /* an event came that is no bye */
	bool away;	   /* turned away: a bye came before anything else */
	uint32_t retry_ms; /* as the server said, or 0 */
	uint32_t after_ms; /* Retry-After of this answer, or 0 */
	char place[FEED_PLACE];	     /* what the next Last-Event-ID is */
	char next_place[FEED_PLACE]; /* when the event is whole */
};

/* What was wrong, summed over all feeds. */
struct feed_faults {
	uint64_t torn;	  /* an event's data without its end */
	uint64_t ids;	  /* ids missing or not growing */
	uint64_t gaps;	  /* `stream-gap` said */
	uint64_t strange; /* neither ours nor the publisher's */
};

typedef void feed_event(void *arg, uint64_t n, uint64_t t);

/* Reads len bytes; calls back for every event that became whole. */
void feed_bytes(struct feed *, const char *buf, size_t len,
    struct feed_faults *, feed_event *, void *arg);
void feed_free(struct feed *);

/* The answer began with this status, and HTTP/2 has its head and its pieces. */
void feed_status(struct feed *, uint16_t status);

/* Another connection: what was read in part is forgotten, the place is not. */
void feed_again(struct feed *);

#endif
