/*
 * body.h - the body of a POST, as the events that it publishes.
 *
 *	application/x-www-form-urlencoded  one event: topic, event, data, uid
 *	application/json		   an object with these, or an array
 *	application/x-ndjson		   one object a line, or an empty line
 *
 * Pure.  The events are within every limit and say only what a stream can
 * say.  Otherwise the whole body is refused, with one line that names the
 * event or the line at fault.
 */
#ifndef BODY_H
#define BODY_H

#include "store/store.h"

struct body_limits {
	size_t max_events, max_event_bytes; /* of topic, type, data and uid */
	bool parser_only;		    /* all JSON by jansson, for tests */
};

/* All zero at first.  body_free may be called at any time. */
struct body {
	struct store_event *events; /* n of them, at least 1 */
	size_t n;
	size_t bytes; /* of their texts */
	size_t size;  /* events there is room for */
	void *json;   /* keeps the texts that are not in the body itself */
	char why[256];
};

/*
 * Reads text, len bytes with room for one more behind them.  The text is
 * changed and must live as long as the body.  Returns 0, or the HTTP status of
 * a refusal (400, 413, 415, 500); then why is a line of UTF-8 without controls.
 */
int body_read(struct body *, const char *content_type, char *text, size_t len,
    const struct body_limits *);
void body_free(struct body *);

#endif
