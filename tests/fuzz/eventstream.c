/*
 * eventstream.c - a reader of text/event-stream, written from the standard.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/eventstream.h"

void
text_add(struct text *t, const void *s, size_t len)
{
	if (t->len + len + 1 > t->room) {
		t->room = 2 * (t->len + len) + 64;
		t->s = realloc(t->s, t->room);
	}
	if (t->s == NULL)
		abort();
	if (len > 0)
		memcpy(t->s + t->len, s, len);
	t->len += len;
	t->s[t->len] = '\0';
}

bool
text_is(const struct text *t, const void *s, size_t len)
{
	return t->len == len && (len == 0 || memcmp(t->s, s, len) == 0);
}

static void
add_code_point(struct text *t, uint32_t c)
{
	unsigned char b[4];

	if (c < 0x80) {
		b[0] = (unsigned char)c;
		text_add(t, b, 1);
	} else if (c < 0x800) {
		b[0] = (unsigned char)(0xc0 + (c >> 6));
		b[1] = (unsigned char)(0x80 + (c & 0x3f));
		text_add(t, b, 2);
	} else if (c < 0x10000) {
		b[0] = (unsigned char)(0xe0 + (c >> 12));
		b[1] = (unsigned char)(0x80 + (c >> 6 & 0x3f));
		b[2] = (unsigned char)(0x80 + (c & 0x3f));
		text_add(t, b, 3);
	} else {
		b[0] = (unsigned char)(0xf0 + (c >> 18));
		b[1] = (unsigned char)(0x80 + (c >> 12 & 0x3f));
		b[2] = (unsigned char)(0x80 + (c >> 6 & 0x3f));
		b[3] = (unsigned char)(0x80 + (c & 0x3f));
		text_add(t, b, 4);
	}
}

/* Encoding, 8.1.1 "UTF-8 decoder": its variables and its steps. */
struct decoder {
	uint32_t code_point;
	int seen, needed;
	unsigned lower, upper;
};

static void
first_byte(struct decoder *d, struct text *out, unsigned byte)
{
	if (byte <= 0x7f)
		add_code_point(out, byte);
	else if (byte >= 0xc2 && byte <= 0xdf) {
		d->needed = 1;
		d->code_point = byte & 0x1f;
	} else if (byte >= 0xe0 && byte <= 0xef) {
		if (byte == 0xe0)
			d->lower = 0xa0;
		if (byte == 0xed)
			d->upper = 0x9f;
		d->needed = 2;
		d->code_point = byte & 0xf;
	} else if (byte >= 0xf0 && byte <= 0xf4) {
		if (byte == 0xf0)
			d->lower = 0x90;
		if (byte == 0xf4)
			d->upper = 0x8f;
		d->needed = 3;
		d->code_point = byte & 0x7;
	} else
		add_code_point(out, 0xfffd);
}

struct text
decode(const void *bytes, size_t len)
{
	const struct decoder start = {0, 0, 0, 0x80, 0xbf};
	struct decoder d = start;
	struct text out = {0};
	const unsigned char *p = bytes;
	size_t i;

	text_add(&out, "", 0);
	for (i = 0; i < len; i++) {
		if (d.needed == 0) {
			first_byte(&d, &out, p[i]);
			continue;
		}
		if (p[i] < d.lower || p[i] > d.upper) {
			d = start;
			add_code_point(&out, 0xfffd);
			i--; /* "restore byte to ioQueue" */
			continue;
		}
		d.lower = 0x80;
		d.upper = 0xbf;
		d.code_point = d.code_point << 6 | (p[i] & 0x3f);
		if (++d.seen == d.needed) {
			add_code_point(&out, d.code_point);
			d = start;
		}
	}
	if (d.needed != 0)
		add_code_point(&out, 0xfffd);
	return out;
}

struct reader {
	struct text type, data, id;
	struct source *source;
	event_seen *seen;
	void *arg;
};

static void
set(struct text *t, const char *s, size_t len)
{
	t->len = 0;
	text_add(t, s, len);
}

static void
dispatch(struct reader *r)
{
	set(&r->source->last_id, r->id.s, r->id.len);
	if (r->data.len > 0) {
		r->data.len--; /* the last LF */
		if (r->type.len == 0)
			set(&r->type, "message", 7);
		r->seen(r->arg, &r->type, &r->data, &r->source->last_id);
	}
	set(&r->data, "", 0);
	set(&r->type, "", 0);
}

static void
field(struct reader *r, const char *name, size_t name_len, const char *value,
    size_t len)
{
	if (name_len == 5 && memcmp(name, "event", 5) == 0)
		set(&r->type, value, len);
	else if (name_len == 4 && memcmp(name, "data", 4) == 0) {
		text_add(&r->data, value, len);
		text_add(&r->data, "\n", 1);
	} else if (name_len == 2 && memcmp(name, "id", 2) == 0) {
		if (len == 0 || memchr(value, '\0', len) == NULL)
			set(&r->id, value, len);
	} else if (name_len == 5 && memcmp(name, "retry", 5) == 0) {
		if (len > 0 && strspn(value, "0123456789") >= len)
			set(&r->source->retry, value, len);
	}
}

static void
line(struct reader *r, const char *s, size_t len)
{
	const char *colon, *value;

	if (len == 0) {
		dispatch(r);
		return;
	}
	colon = memchr(s, ':', len);
	if (colon == s)
		return;
	if (colon == NULL) {
		field(r, s, len, "", 0);
		return;
	}
	value = colon + 1;
	if (value < s + len && *value == ' ')
		value++;
	field(r, s, (size_t)(colon - s), value, (size_t)(s + len - value));
}

void
eventstream(const void *bytes, size_t len, struct source *source,
    event_seen *seen, void *arg)
{
	struct text all = decode(bytes, len);
	struct reader r = {.source = source, .seen = seen, .arg = arg};
	size_t start = 0, i;

	if (all.len >= 3 && memcmp(all.s, "\xef\xbb\xbf", 3) == 0)
		start = 3;
	set(&r.type, "", 0);
	set(&r.data, "", 0);
	set(&r.id, source->last_id.s, source->last_id.len);
	/* A last line that does not end is not a line. */
	for (i = start; i < all.len; i++) {
		if (all.s[i] != '\r' && all.s[i] != '\n')
			continue;
		line(&r, all.s + start, i - start);
		if (all.s[i] == '\r' && i + 1 < all.len && all.s[i + 1] == '\n')
			i++;
		start = i + 1;
	}
	free(r.type.s);
	free(r.data.s);
	free(r.id.s);
	free(all.s);
}
