/*
 * handoff.h - what goes between the loop and the writer: requests one way,
 * their results in the same order the other.
 *
 * Both ends are this program on this machine, so numbers go as they lie in
 * memory.  A message begins with its own length.  Of the bytes on their way,
 * those from at up to len are still to go, or to be read.
 */
#ifndef HANDOFF_H
#define HANDOFF_H

#include "fcgi/base/bytes.h"
#include "fcgi/publish/body.h"

/* The length of the whole message that begins at s + at; 0: not all is here. */
size_t handoff_whole(const struct bytes *);

/* --- a request: what one publisher has ---------------------------------- */

struct handoff_request {
	uint32_t len, n;
	int64_t until_ms; /* of the monotonic clock: not to begin later */
};

/* The bytes of the message that body makes. */
size_t handoff_size(const struct body *);
/* -1 without memory, and nothing is put. */
int handoff_put(struct bytes *, const struct body *, int64_t until_ms);

/* The head of a whole message at s, and its n events, whose texts lie there. */
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

/* Of a batch: n ids after it, or why.  -1 without memory. */
int handoff_put_result(struct bytes *, const struct store_batch *);
/* The i-th id, and why (why_len bytes, no NUL) of a whole result at s. */
void handoff_result_head(const char *s, struct handoff_result *);
struct handoff_id handoff_result_id(const char *s, size_t i);
const char *handoff_why(const char *s);

#endif
