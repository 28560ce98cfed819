/*
 * base64.c - base64url without padding, as in JOSE (RFC 7515, section 2).
 */
#include "fcgi/base/base64.h"

static int
sextet(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '-' ? 62 : c == '_' ? 63 : -1;
}

ssize_t
base64url_decode(uint8_t *to, const char *s, size_t len)
{
	uint32_t bits = 0;
	ssize_t n = 0;
	int have = 0, v;

	if (len % 4 == 1)
		return -1;
	for (; len > 0; len--) {
		if ((v = sextet(*s++)) == -1)
			return -1;
		bits = (bits << 6 | (uint32_t)v) & 0xffff;
		have += 6;
		if (have >= 8) {
			have -= 8;
			to[n++] = (uint8_t)(bits >> have);
		}
	}
	return (bits & ((1U << have) - 1)) == 0 ? n : -1;
}

size_t
base64url_encode(char *to, const uint8_t *bytes, size_t len)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijkl"
				      "mnopqrstuvwxyz0123456789-_";
	uint32_t bits = 0;
	int have = 0;
	char *p = to;

	for (; len > 0; len--) {
		bits = bits << 8 | *bytes++;
		for (have += 8; have >= 6; have -= 6)
			*p++ = letters[bits >> (have - 6) & 63];
	}
	if (have > 0)
		*p++ = letters[bits << (6 - have) & 63];
	*p = '\0';
	return (size_t)(p - to);
}
