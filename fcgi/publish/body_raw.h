/*
 * body_raw.h - JSON values that are passed on as they were written.
 *
 * Pure.  jansson says whether a body is JSON, but it reads numbers into those
 * of the machine: 19.99 comes out as 19.989999999999998, and 1e400 not at all.
 * So jansson is given a copy whose numbers are all 0, and a value that is
 * passed on is taken from the text itself.
 */
#ifndef BODY_RAW_H
#define BODY_RAW_H

#include <stddef.h>

#include "store/store.h"

/*
 * A copy of the text in which each number is 0 and as many blanks as it was
 * longer, so that all else stays at its place.  What is no number of JSON
 * stays as it is.  NULL without memory.
 */
char *body_raw_copy(const char *s, size_t len);

/* --- a text that is JSON, as jansson said, and has no NUL --------------- */

/* The end of the value that begins at s, after white space. */
char *body_raw_end(char *s, const char *end);

/* The text of the member of this name of the object at s.  It is there. */
struct store_text body_raw_member(char *s, const char *end, const char *name);

#endif
