/*
 * ceiling.h - the streams of the ceiling program, and the log they read.
 */
#ifndef CEILING_H
#define CEILING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	LOG_SIZE = 64 * 1024 * 1024, /* a power of two */
	LOG_EVENTS = 1 << 20,	     /* places remembered, for resuming */
	HEADER = 8,		     /* of a record */
	RECORD_MAX = 65535,
	FRAME_MAX = 16 * 1024, /* worth copying behind its header */
	STREAMS_MAX = 32768
};

struct stream {
	int fd;
	uint32_t slot;	/* in the list of all */
	uint64_t place; /* how far it was sent */
	uint16_t whole; /* content of a record that is out in part */
	uint16_t owed;	/* what of it is not out yet */
	uint8_t head;	/* bytes of its header that are not */
	bool asked;	/* its request has come */
	bool full;	/* waits for room */
};

struct ceiling {
	int ep, door, bell;
	char *log; /* mapped twice in a row: any run is one piece */
	uint64_t head, events;
	uint64_t *places; /* where an event begins, by number */
	struct stream *streams[STREAMS_MAX];
	uint32_t nstreams;
	char frame[HEADER + FRAME_MAX]; /* the run that most are due */
	uint64_t frame_place;
	size_t frame_len;
	char half[8192]; /* of a line from the bell */
	size_t half_len;
	uint64_t gather_ns, next_ns;
	bool due;
};

/* Has epoll tell of a descriptor; what is a stream or a mark of main's. */
void ceiling_watch(
    struct ceiling *, int op, int fd, uint32_t events, void *what);

/* An event that is published: it is due to all streams. */
void ceiling_add(struct ceiling *, const char *data, size_t len);

/* Sends what is due.  False when the stream is gone: close it. */
bool stream_send(struct ceiling *, struct stream *);

void stream_event(struct ceiling *, struct stream *, uint32_t events);
void stream_close(struct ceiling *, struct stream *);

/*
 * A POST: its events, and the answer.  False: close it, for it is done with
 * or gone.
 */
bool post_answer(struct ceiling *, struct stream *, const char *in, size_t len);

#endif
