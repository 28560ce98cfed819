/*
 * utf8.h - is this UTF-8?
 *
 * The answer is that of table 3-7 of Unicode and of the decoders in browsers:
 * no surrogates, nothing overlong, nothing above U+10FFFF.
 */
#ifndef UTF8_H
#define UTF8_H

#include <stdbool.h>
#include <stddef.h>

#define UTF8_BAD     "\xef\xbf\xbd" /* U+FFFD, in the place of bad bytes */
#define UTF8_BAD_LEN 3

/*
 * The length of the sequence at s, where len bytes are, at least one.  If *ok
 * becomes false it is no character.  Then the length is that of its maximal
 * subpart, which a decoder replaces by one U+FFFD.
 */
size_t utf8_next(const char *s, size_t len, bool *ok);

/* How many bytes at the beginning are ASCII, or up to seven fewer. */
size_t utf8_ascii(const char *s, size_t len);

/*
 * Writes text so that a terminal shows it and obeys none of it, and returns
 * the length.  A control character or a byte that is no UTF-8 becomes `\x1b',
 * and what is a control above ASCII or turns the direction of what follows
 * becomes `\u202e'.  A tab stays.  It ends where the next character has no
 * room; UTF8_VISIBLE * len bytes suffice.  No NUL is written.
 */
enum {
	UTF8_VISIBLE = 4
};
size_t utf8_visible(char *buf, size_t size, const char *s, size_t len);

/* Is all of it UTF-8 without control characters (C0, DEL and C1)? */
bool utf8_clean(const char *s, size_t len);

#endif
