/*
 * record.h - FastCGI records going out (FastCGI 1.0, section 3.3).
 *
 * Pure.  What a stream sends is cut into FCGI_STDOUT records.  When a socket
 * takes only a part of a record, struct record keeps how much of it is left.
 * The record then goes on with the next bytes of the stream, so nobody has to
 * keep a copy of the part that was not sent.
 */
#ifndef RECORD_H
#define RECORD_H

#include <sys/uio.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	RECORD_HEADER = 8,
	RECORD_MAX = 65528,  /* content of one record; a multiple of 8 */
	RECORD_END_SIZE = 24 /* an empty FCGI_STDOUT and FCGI_END_REQUEST */
};

/* A record begun and not finished.  All zero between records. */
struct record {
	uint16_t left;	     /* bytes of its content still to come */
	uint16_t whole;	     /* length that its header says */
	uint8_t header_left; /* bytes of its header still to come */
} __attribute__((packed));   /* each stream has one, and no byte to spare */

/* Writes the header of an FCGI_STDOUT record of len bytes. */
void record_header(uint8_t h[RECORD_HEADER], uint16_t id, uint16_t len);

/* Writes the end of a request: status 0, FCGI_REQUEST_COMPLETE. */
void record_end(uint8_t end[RECORD_END_SIZE], uint16_t id);

/* Is it a whole FCGI_ABORT_REQUEST, and nothing else? */
bool record_is_abort(const char *bytes, size_t len);

/* How much content the next frame can hold. */
size_t record_room(const struct record *);

/*
 * Writes to head what goes before the next len bytes of content, which are at
 * most record_room: the header of a new record, the rest of a header that was
 * cut, or nothing inside a record.  Returns the length of head.
 */
size_t record_frame(const struct record *, uint16_t id, size_t len,
    uint8_t head[RECORD_HEADER]);

/*
 * Of a head of head_len and content_len bytes, sent bytes went out.  Returns
 * how many of those were content.
 */
size_t record_sent(
    struct record *, size_t head_len, size_t content_len, size_t sent);

#endif
