/*
 * body_plain.c - a JSON object of strings, read in place.
 *
 * Whatever is taken here is JSON (RFC 8259), and jansson would read the same
 * from it: test_body.c and the fuzzer compare both.  A text is never longer
 * without its escapes than with them, so it can stay in place.
 *
 * Why not jansson alone: of a batch of 500 events with some 80 bytes of data,
 * an event takes 0.25 to 0.8 us here and 2.7 to 4.4 us in jansson; with 1 KB of
 * data 0.5 to 0.85 and 12 to 19 us.  In a POST of 100 an event takes 3 us
 * altogether.
 */
#include <stdint.h>
#include <string.h>

#include "fcgi/base/json_text.h"
#include "fcgi/base/utf8.h"
#include "fcgi/publish/body_plain.h"
#include "fcgi/request/query.h"

char *
body_plain_space(char *s, const char *end)
{
	return s + json_text_space(s, end);
}

/* --- strings ------------------------------------------------------------ */

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Is any of these eight a quote, a backslash, a control or not ASCII? */
static bool
any_special(const char *s)
{
	uint64_t v, quote, slash;

	memcpy(&v, s, sizeof(v));
	quote = v ^ EACH('"');
	slash = v ^ EACH('\\');
	return (((v - EACH(0x20)) | (quote - EACH(1)) | (slash - EACH(1)) | v) &
		   EACH(0x80)) != 0;
}

/* The four digits of a \u.  -1: they are not. */
static int32_t
utf16_unit(const char *s, const char *end)
{
	int32_t u = 0;
	int i, h;

	if (end - s < 4)
		return -1;
	for (i = 0; i < 4; i++) {
		if ((h = hex_digit(s[i])) == -1)
			return -1;
		u = u << 4 | h;
	}
	return u;
}

/*
 * The character of an escape, s standing on its backslash; *len becomes how
 * long it is.  -1: it is none.
 */
static int32_t
escape(const char *s, const char *end, size_t *len)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *at;
	int32_t u, low;

	if (end - s < 2)
		return -1;
	*len = 2;
	if (s[1] != 'u') {
		at = s[1] == '\0' ? NULL : strchr(from, s[1]);
		return at == NULL ? -1 : to[at - from];
	}
	*len = 6;
	u = utf16_unit(s + 2, end);
	if (u < 0xd800 || u > 0xdfff)
		return u;
	*len = 12;
	if (u > 0xdbff || end - s < 12 || s[6] != '\\' || s[7] != 'u')
		return -1;
	low = utf16_unit(s + 8, end);
	return low < 0xdc00 || low > 0xdfff
		   ? -1
		   : 0x10000 + ((u - 0xd800) << 10) + (low - 0xdc00);
}

/* The string after its first quote; returns where it ends, or NULL. */
static char *
read_string(struct plain_text *t, char *s, const char *end)
{
	size_t n;
	bool ok;

	*t = (struct plain_text){.s = s};
	for (;; s += n) {
		while (end - s >= 8 && !any_special(s))
			s += 8;
		if (s == end || (unsigned char)*s < 0x20)
			return NULL;
		n = 1;
		if (*s == '"') {
			t->len = (size_t)(s - t->s);
			return s + 1;
		}
		if (*s == '\\') {
			t->escaped = true;
			if (escape(s, end, &n) == -1)
				return NULL;
		} else if ((unsigned char)*s >= 0x80) {
			n = utf8_next(s, (size_t)(end - s), &ok);
			if (!ok)
				return NULL;
		}
	}
}

bool
body_plain_is(const struct plain_text *t, const char *word)
{
	const char *s = t->s, *end = t->s + t->len;
	size_t n;
	int32_t c;

	for (; s < end && *word != '\0'; s += n, word++) {
		n = 1;
		c = *s == '\\' ? escape(s, end, &n) : *s;
		if (c != *word)
			return false;
	}
	return s == end && *word == '\0';
}

static char *
put_utf8(char *p, int32_t c)
{
	if (c < 0x80) {
		*p++ = (char)c;
		return p;
	}
	if (c < 0x800) {
		*p++ = (char)(0xc0 | c >> 6);
	} else if (c < 0x10000) {
		*p++ = (char)(0xe0 | c >> 12);
		*p++ = (char)(0x80 | (c >> 6 & 0x3f));
	} else {
		*p++ = (char)(0xf0 | c >> 18);
		*p++ = (char)(0x80 | (c >> 12 & 0x3f));
		*p++ = (char)(0x80 | (c >> 6 & 0x3f));
	}
	*p++ = (char)(0x80 | (c & 0x3f));
	return p;
}

/* In place; it was read before, so its escapes are good. */
static struct store_text
unescape(const struct plain_text *t)
{
	char *s = t->s, *p = t->s, *end = t->s + t->len, *slash;
	size_t n = 1;

	if (!t->escaped)
		return (struct store_text){t->s, t->len};
	while ((slash = memchr(s, '\\', (size_t)(end - s))) != NULL) {
		memmove(p, s, (size_t)(slash - s));
		p += slash - s;
		p = put_utf8(p, escape(slash, end, &n));
		s = slash + n;
	}
	memmove(p, s, (size_t)(end - s));
	p += end - s;
	return (struct store_text){t->s, (size_t)(p - t->s)};
}

/* --- objects ------------------------------------------------------------ */

/* "name": "value" or null.  Each name once. */
static char *
read_member(struct plain *p, unsigned *seen, char *s, const char *end)
{
	struct plain_text name;
	int i;

	if (s == end || *s != '"' ||
	    (s = read_string(&name, s + 1, end)) == NULL)
		return NULL;
	i = name.escaped ? -1 : body_event_member(name.s, name.len);
	s = body_plain_space(s, end);
	if (i == -1 || (*seen & 1u << i) != 0 || s == end || *s != ':')
		return NULL;
	*seen |= 1u << i;
	s = body_plain_space(s + 1, end);
	if (end - s >= 4 && memcmp(s, "null", 4) == 0)
		return s + 4;
	if (s == end || *s != '"')
		return NULL;
	return read_string(&p->texts[i], s + 1, end);
}

char *
body_plain_read(struct plain *p, char *s, const char *end)
{
	unsigned seen = 0;

	memset(p, 0, sizeof(*p));
	s = body_plain_space(s, end);
	if (s == end || *s != '{')
		return NULL;
	s = body_plain_space(s + 1, end);
	if (s < end && *s == '}')
		return s + 1;
	while ((s = read_member(p, &seen, s, end)) != NULL) {
		s = body_plain_space(s, end);
		if (s == end)
			return NULL;
		if (*s == '}')
			return s + 1;
		if (*s != ',')
			return NULL;
		s = body_plain_space(s + 1, end);
	}
	return NULL;
}

void
body_plain_take(const struct plain *p, struct store_event *ev)
{
	int i;

	for (i = 0; i < EVENT_TEXTS; i++)
		if (p->texts[i].s != NULL)
			*body_event_text(ev, i) = unescape(&p->texts[i]);
}
