/*
 * json_text.h - where the parts of a text that is JSON end.
 *
 * Pure.  What is passed on as it was written is taken from the text itself.
 * jansson has said before that it is JSON.  Each function returns how many
 * bytes from s on its part has, and none goes behind end.
 */
#ifndef JSON_TEXT_H
#define JSON_TEXT_H

#include <stddef.h>

/* White space; it may be none. */
size_t json_text_space(const char *s, const char *end);

/* A string with both its quotes; s is on the first of them. */
size_t json_text_string(const char *s, const char *end);

/* White space, and the value behind it. */
size_t json_text_value(const char *s, const char *end);

#endif
