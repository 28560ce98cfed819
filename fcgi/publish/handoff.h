/*
 * handoff.h - what goes between the loop and the writer: requests one way, and
 * their results in the same order the other way.
 *
 * Both ends are this program on this machine, so numbers are sent as they are
 * in memory.  A message begins with its own length.  Of the bytes in a buffer,
 * those from at up to len still have to be sent or read.
 */
#ifndef HANDOFF_H
#define HANDOFF_H

#include "fcgi/base/bytes.h"
#include "fcgi/publish/body.h"

/*
 * The length of the message that begins at s + at; 0: it is not all here yet.
 */
size_t handoff_whole(const struct bytes *);

/* --- a request: the events of one POST ---------------------------------- */

struct handoff_request {
	uint32_t len, n;
	int64_t until_ms; /* monotonic clock: do not begin later */
};

/* How many bytes the message for this body has. */
size_t handoff_size(const struct body *);
/* Adds the message.  0, or -1 without memory: then nothing is added. */
int handoff_put(struct bytes *, const struct body *, int64_t until_ms);

/*
 * Reads the head of a whole message at s, and its n events.  The texts of the
 * events stay where they are in s.
 */
void handoff_head(const char *s, struct handoff_request *);
void handoff_events(const char *s, struct store_event *events);

/* --- a result ----------------------------------------------------------- */

struct handoff_result {
	uint32_t len, n;
	uint32_t result; /* enum store_result */
	uint32_t why_len;
};

struct handoff_id {
	struct store_id id;
	uint64_t repeated;
};

/*
 * Adds the result of a batch: n ids, or why nothing was written.  0, or -1
 * without memory.
 */
int handoff_put_result(struct bytes *, const struct store_batch *);
/* Read a whole result at s: head, i-th id, why (why_len bytes, no NUL). */
void handoff_result_head(const char *s, struct handoff_result *);
struct handoff_id handoff_result_id(const char *s, size_t i);
const char *handoff_why(const char *s);

#endif
