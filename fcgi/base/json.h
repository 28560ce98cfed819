/*
 * json.h - text as JSON has it.
 */
#ifndef JSON_H
#define JSON_H

#include <jansson.h>

/* A path may be of any bytes, JSON is of UTF-8; NULL is null. */
static inline json_t *
json_words(const char *s)
{
	json_t *j = s == NULL ? json_null() : json_string(s);

	return j != NULL ? j : json_string("(not UTF-8)");
}

#endif
