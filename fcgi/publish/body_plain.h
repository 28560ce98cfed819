/*
 * body_plain.h - a JSON object of strings, read in place.
 *
 * Nearly every event that is published is such an object, for example
 * {"topic":"a","data":"b"}.  It is read without a tree, a copy or an
 * allocation.  Everything else (an object as data, an unknown name, any
 * mistake) is left unchanged for jansson, which can also say what is wrong.
 */
#ifndef BODY_PLAIN_H
#define BODY_PLAIN_H

#include <stdbool.h>

#include "fcgi/publish/body_event.h"

/* The texts of one object; s is NULL for null, and for what is not there. */
struct plain {
	struct plain_text {
		char *s;
		size_t len;
		bool escaped;
	} texts[EVENT_TEXTS];
};

/*
 * Reads the object that begins at s, after white space.  Returns its end, or
 * NULL when it is not plain.  The text is not changed.
 */
char *body_plain_read(struct plain *, char *s, const char *end);

/* Is the text between two quotes, without its escapes, this word of ASCII? */
bool body_plain_is(const struct plain_text *, const char *word);

/* The first byte that is no white space of JSON, or end. */
char *body_plain_space(char *s, const char *end);

/* Makes an event of it.  Its texts stay in the text, which is changed. */
void body_plain_take(const struct plain *, struct store_event *);

#endif
