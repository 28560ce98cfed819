/*
 * body.h - the body of a POST, as the events that it publishes.
 *
 *	application/x-www-form-urlencoded  one event: topic, event, data, uid
 *	application/json		   an object with these, or an array
 *	application/x-ndjson		   an object a line; empty lines are
 *none
 *
 * Pure.  What comes is within every limit and says nothing that a stream
 * could not, or it is refused whole, with one line that names the event or
 * the line at fault.
 */
#ifndef BODY_H
#define BODY_H

#include "store/store.h"

enum {
	BODY_TYPE_BYTES = 255, /* of an event's type */
	BODY_UID_BYTES = 128
};

struct body_limits {
	size_t max_events, max_event_bytes; /* of topic, type, data and uid */
	bool parser_only; /* read even plain JSON the long way: for tests */
};

/* All zero before; body_free takes it in any state. */
struct body {
	struct store_event *events; /* n of them, at least 1 */
	size_t n;
	size_t bytes; /* of their texts */
	size_t size;  /* events there is room for */
	void *json;   /* what their texts lie in, if not in the body */
	char why[256];
};

/*
 * Reads text, len bytes with room for one more behind them; it is written to
 * and must outlive the body.  Returns 0, or the HTTP status that refuses it
 * (400, 413, 415, 500) with why as a line of UTF-8 without controls.
 */
int body_read(struct body *, const char *content_type, char *text, size_t len,
    const struct body_limits *);
void body_free(struct body *);

#endif
