/*
 * utf8.h - is this UTF-8?  Sequence by sequence, as table 3-7 of Unicode and
 * the decoders of browsers have it: no surrogates, nothing overlong, nothing
 * above U+10FFFF.
 */
#ifndef UTF8_H
#define UTF8_H

#include <stdbool.h>
#include <stddef.h>

#define UTF8_BAD     "\xef\xbf\xbd" /* U+FFFD, stands for what is not text */
#define UTF8_BAD_LEN 3

/*
 * The length of the sequence at s, which has len bytes, at least one.  With
 * *ok false it is no character, and the length is that of its maximal
 * subpart: what a decoder replaces by one U+FFFD.
 */
size_t utf8_next(const char *s, size_t len, bool *ok);

/* How many bytes at the beginning are ASCII, or somewhat fewer. */
size_t utf8_ascii(const char *s, size_t len);

/* All of it is UTF-8 without control characters (C0, DEL and C1). */
bool utf8_clean(const char *s, size_t len);

#endif
