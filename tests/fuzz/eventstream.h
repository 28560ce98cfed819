/*
 * eventstream.h - a reader of text/event-stream, for checking our writer.
 *
 * It was written step by step from the WHATWG texts (HTML 9.2.6, Encoding
 * 8.1.1 and 4) and without looking at fcgi/, so it cannot share an error with
 * the writer.
 */
#ifndef EVENTSTREAM_H
#define EVENTSTREAM_H

#include <stdbool.h>
#include <stddef.h>

/* A text that grows.  All zero is empty; free(s). */
struct text {
	char *s;
	size_t len, room;
};

void text_add(struct text *, const void *s, size_t len);
bool text_is(const struct text *, const void *s, size_t len);

/* The UTF-8 decoder: bytes to characters, written as UTF-8 again. */
struct text decode(const void *bytes, size_t len);

typedef void event_seen(void *arg, const struct text *type,
    const struct text *data, const struct text *id);

/* What an EventSource keeps from one connection to the next. */
struct source {
	struct text last_id; /* its last event ID string */
	struct text retry;   /* the digits of its last retry, or empty */
};

/*
 * Parses a whole stream; seen is called for each event it dispatches.  By the
 * letter of the standard each stream begins with an empty id; here, as in
 * browsers, it begins with the last one.  The caller frees the texts.
 */
void eventstream(
    const void *bytes, size_t len, struct source *, event_seen *, void *arg);

#endif
