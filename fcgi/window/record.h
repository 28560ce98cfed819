/*
 * record.h - FastCGI records going out (FastCGI 1.0, section 3.3).
 *
 * Pure.  What a stream sends is cut into FCGI_STDOUT records; a record that
 * the socket did not take whole is remembered by two numbers, and goes on
 * where it stopped with whatever bytes of the stream come next.
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
};

/* Writes the header of an FCGI_STDOUT record of len bytes. */
void record_header(uint8_t h[RECORD_HEADER], uint16_t id, uint16_t len);

/* Writes the end of a request: status 0, FCGI_REQUEST_COMPLETE. */
void record_end(uint8_t end[RECORD_END_SIZE], uint16_t id);

/* Is it a whole FCGI_ABORT_REQUEST, and nothing else? */
bool record_is_abort(const char *bytes, size_t len);

/* How much content the next frame can hold. */
size_t record_room(const struct record *);

/*
 * What goes before the next len bytes of content, at most record_room of
 * them: the header of a new record, what is left of a header that was cut, or
 * nothing within a record.  Returns the length of head.
 */
size_t record_frame(const struct record *, uint16_t id, size_t len,
    uint8_t head[RECORD_HEADER]);

/*
 * sent bytes of a frame of head_len and content_len went out.  Returns how
 * many of them were content.
 */
size_t record_sent(
    struct record *, size_t head_len, size_t content_len, size_t sent);

#endif
