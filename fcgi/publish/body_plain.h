/*
 * body_plain.h - a JSON object of strings, read where it lies.
 *
 * Nearly every event that is published is one: {"topic":"a","data":"b"}.  It
 * takes no tree, no copy and no allocation to read that.  Whatever is less
 * plain (an object as data, a name not known, anything wrong) is left as it
 * is for a whole JSON parser, which has the words for it.
 */
#ifndef BODY_PLAIN_H
#define BODY_PLAIN_H

#include <stdbool.h>

#include "store/store.h"

enum {
	PLAIN_TEXTS = 4 /* topic, event, data, uid */
};

/* The texts of one object; s is NULL for null, and for what is not there. */
struct plain {
	struct plain_text {
		char *s;
		size_t len;
		bool escaped;
	} texts[PLAIN_TEXTS];
};

/*
 * Reads the object that begins at s, after white space.  Returns where it
 * ends, or NULL when it is not plain.  Nothing is written to the text.
 */
char *plain_read(struct plain *, char *s, const char *end);

/* White space of JSON is passed over. */
char *plain_space(char *s, const char *end);

/* Makes an event of it, whose texts are in the text: it is written to. */
void plain_take(const struct plain *, struct store_event *);

#endif
