/*
 * utf8.c - is this UTF-8?
 *
 * A stream must be UTF-8 from beginning to end, but a TEXT in SQLite may have
 * any bytes.  So what is no character here never reaches a browser.
 */
#include <stdint.h>
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
