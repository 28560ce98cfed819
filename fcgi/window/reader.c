/*
 * reader.c - lines, fields, blocks of a text/event-stream.
 *
 * The other side of sse.c, and written without looking at it: from the
 * standard alone.
 */
#include <stdlib.h>
#include <string.h>

#include "fcgi/window/reader.h"

/* Larger than any event that is meant: a peer may not fill our memory. */
static const size_t block_max = 256 * 1024 * 1024;

static bool
text_add(struct reader_text *t, const char *s, size_t len)
{
	size_t size = t->size;
	char *p;

	if (len > block_max || t->len > block_max - len)
		return false;
	if (t->len + len + 1 > size) {
		size = (t->len + len + 1) * 2;
		if ((p = realloc(t->s, size)) == NULL)
			return false;
		t->s = p;
		t->size = size;
	}
	if (len > 0)
		memcpy(t->s + t->len, s, len);
	t->len += len;
	t->s[t->len] = '\0';
	return true;
}

static bool
text_set(struct reader_text *t, const char *s, size_t len)
{
	t->len = 0;
	return text_add(t, s, len);
}

void
reader_init(struct reader *r)
{
	memset(r, 0, sizeof(*r));
	r->retry_ms = -1;
}

void
reader_free(struct reader *r)
{
	free(r->block.s);
	free(r->id.s);
	free(r->last_id.s);
	reader_init(r);
}

bool
reader_set_id(struct reader *r, const char *id)
{
	return text_set(&r->last_id, id, strlen(id));
}

static void
end_block(struct reader *r)
{
	r->block.len = r->line = 0;
	r->data = r->ours = false;
}

void
reader_begin(struct reader *r)
{
	end_block(r);
	r->cr = r->begun = false;
	text_set(&r->id, r->last_id.s, r->last_id.len);
}

static bool
is(const char *name, const char *s, size_t len)
{
	return strlen(name) == len && memcmp(name, s, len) == 0;
}

/* Digits only; more than a day is as good as a day. */
static void
take_retry(struct reader *r, const char *s, size_t len)
{
	static const int64_t day_ms = 24 * 3600 * 1000;
	int64_t ms = 0;
	size_t i;

	for (i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return;
		if (ms < day_ms)
			ms = ms * 10 + s[i] - '0';
	}
	if (len > 0)
		r->retry_ms = ms < day_ms ? ms : day_ms;
}

static bool
take_field(struct reader *r, const char *line, size_t len)
{
	const char *colon = memchr(line, ':', len), *value = line + len;
	size_t name_len = len, value_len = 0;

	if (colon != NULL) {
		name_len = (size_t)(colon - line);
		value = colon + 1;
		value_len = len - name_len - 1;
		if (value_len > 0 && *value == ' ') {
			value++;
			value_len--;
		}
	}
	if (is("data", line, name_len))
		r->data = true;
	else if (is("event", line, name_len))
		r->ours = value_len >= 7 && memcmp(value, "stream-", 7) == 0;
	else if (is("retry", line, name_len))
		take_retry(r, value, value_len);
	else if (is("id", line, name_len) &&
		 memchr(value, '\0', value_len) == NULL)
		return text_set(&r->id, value, value_len);
	return true;
}

static enum reader_kind
kind(const struct reader *r)
{
	if (!r->data)
		return READER_NONE;
	return r->ours ? READER_OURS : READER_EVENT;
}

/* The block's last line is whole, its LF included. */
static bool
end_line(struct reader *r, reader_each *each, void *arg)
{
	const char *line = r->block.s + r->line;
	size_t len = r->block.len - r->line - 1;
	bool go_on;

	if (!r->begun && len >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0) {
		line += 3; /* a byte order mark is no part of the stream */
		len -= 3;
	}
	r->begun = true;
	if (len > 0 && !(line[0] == ':' && r->line == 0)) {
		r->line = r->block.len;
		return take_field(r, line, len);
	}
	if (len == 0 && !text_set(&r->last_id, r->id.s, r->id.len))
		return false;
	go_on = each(arg, r->block.s, r->block.len, kind(r));
	end_block(r);
	return go_on;
}

bool
reader_feed(
    struct reader *r, const char *s, size_t len, reader_each *each, void *arg)
{
	const char *end = s + len, *p;

	while (s < end) {
		if (r->cr && *s == '\n') {
			r->cr = false;
			s++;
			continue;
		}
		r->cr = false;
		for (p = s; p < end && *p != '\n' && *p != '\r'; p++)
			continue;
		if (!text_add(&r->block, s, (size_t)(p - s)))
			return false;
		if (p == end)
			return true;
		r->cr = *p == '\r';
		s = p + 1;
		if (!text_add(&r->block, "\n", 1) || !end_line(r, each, arg))
			return false;
	}
	return true;
}
