/*
 * utf8.c - is this UTF-8?
 *
 * A stream must be UTF-8 from beginning to end, but a TEXT in SQLite may have
 * any bytes.  So what is no character here never reaches a browser.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "fcgi/base/utf8.h"

size_t
utf8_next(const char *text, size_t len, bool *ok)
{
	const unsigned char *s = (const unsigned char *)text;
	unsigned char low = 0x80, high = 0xbf; /* of the byte that follows */
	size_t n, i;

	*ok = s[0] < 0x80;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 1;
	n = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	/* The second byte shows overlong forms, surrogates and > U+10FFFF. */
	if (s[0] == 0xe0)
		low = 0xa0;
	else if (s[0] == 0xed)
		high = 0x9f;
	else if (s[0] == 0xf0)
		low = 0x90;
	else if (s[0] == 0xf4)
		high = 0x8f;
	for (i = 1; i < n; i++) {
		if (i == len || s[i] < low || s[i] > high)
			return i;
		low = 0x80;
		high = 0xbf;
	}
	*ok = true;
	return n;
}

size_t
utf8_ascii(const char *s, size_t len)
{
	size_t i;
	uint64_t v;

	for (i = 0; len - i >= sizeof(v); i += sizeof(v)) {
		memcpy(&v, s + i, sizeof(v));
		if ((v & UINT64_C(0x8080808080808080)) != 0)
			break;
	}
	return i;
}

bool
utf8_clean(const char *s, size_t len)
{
	unsigned char c;
	bool ok = true;
	size_t n;

	for (; len > 0; s += n, len -= n) {
		n = utf8_next(s, len, &ok);
		c = (unsigned char)*s;
		if (!ok || c < 0x20 || c == 0x7f)
			return false;
		if (c == 0xc2 && (unsigned char)s[1] < 0xa0)
			return false;
	}
	return true;
}

/* The code point of a character, which is whole. */
static unsigned
scalar_of(const char *text, size_t n)
{
	const unsigned char *s = (const unsigned char *)text;
	unsigned c = n == 1 ? s[0] : s[0] & (0x7fU >> n);
	size_t i;

	for (i = 1; i < n; i++)
		c = c << 6 | (s[i] & 0x3f);
	return c;
}

/*
 * Would a terminal obey it?  Besides the controls these are the characters
 * that turn the direction of the text after them, and the two that end a line.
 */
static bool
is_obeyed(unsigned c)
{
	return (c < 0x20 && c != '\t') || (c >= 0x7f && c < 0xa0) ||
	       c == 0x61c || c == 0x200e || c == 0x200f ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

size_t
utf8_visible(char *buf, size_t size, const char *s, size_t len)
{
	char escaped[8];
	size_t at = 0, n, width;
	const char *from;
	bool ok;

	for (; len > 0; s += n, len -= n) {
		n = utf8_next(s, len, &ok);
		from = s;
		width = n;
		if (!ok)
			n = 1; /* each byte for itself */
		if (!ok || is_obeyed(scalar_of(s, n))) {
			width = (size_t)snprintf(escaped, sizeof(escaped),
			    n == 1 ? "\\x%02x" : "\\u%04x", scalar_of(s, n));
			from = escaped;
		}
		if (width > size - at)
			break;
		memcpy(buf + at, from, width);
		at += width;
	}
	return at;
}
