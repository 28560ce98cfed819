/*
 * json.h - a text as a JSON value.
 */
#ifndef JSON_H
#define JSON_H

#include <jansson.h>

/* A path may have any bytes, but JSON must be UTF-8.  NULL becomes null. */
static inline json_t *
json_words(const char *s)
{
	json_t *j = s == NULL ? json_null() : json_string(s);

	return j != NULL ? j : json_string("(not UTF-8)");
}

#endif
