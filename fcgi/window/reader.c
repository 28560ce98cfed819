/*
 * reader.c - the lines, fields and blocks of a text/event-stream.
 *
 * sse.c writes what is read here.  This file was written from the standard
 * alone and not from sse.c, so that each tests the other.
 */
#include <string.h>

#include "fcgi/window/reader.h"
#include "fcgi/window/sse.h"

enum {
	/* More than any real event: a peer must not fill our memory. */
	BLOCK_MAX = 256 * 1024 * 1024
};

static bool
add_text(struct bytes *to, const char *s, size_t len)
{
	return len <= BLOCK_MAX && to->len <= BLOCK_MAX - len &&
	       bytes_add(to, s, len) == 0;
}

static bool
set_text(struct bytes *to, const char *s, size_t len)
{
	to->len = 0;
	return add_text(to, s, len);
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
	bytes_free(&r->block);
	bytes_free(&r->id);
	bytes_free(&r->last_id);
	reader_init(r);
}

bool
reader_set_id(struct reader *r, const char *id)
{
	return set_text(&r->last_id, id, strlen(id));
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
	set_text(&r->id, r->last_id.s, r->last_id.len);
}

static bool
name_is(const char *name, const char *s, size_t len)
{
	return strlen(name) == len && memcmp(name, s, len) == 0;
}

/* Digits only.  More than a day counts as a day. */
static void
read_retry(struct reader *r, const char *s, size_t len)
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
read_field(struct reader *r, const char *line, size_t len)
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
	if (name_is("data", line, name_len))
		r->data = true;
	else if (name_is("event", line, name_len))
		r->ours = sse_type_is_ours(value, value_len);
	else if (name_is("retry", line, name_len))
		read_retry(r, value, value_len);
	else if (name_is("id", line, name_len) &&
		 memchr(value, '\0', value_len) == NULL)
		return set_text(&r->id, value, value_len);
	return true;
}

static enum reader_kind
block_kind(const struct reader *r)
{
	if (!r->data)
		return READER_NONE;
	return r->ours ? READER_OURS : READER_EVENT;
}

/*
 * A byte order mark before the first line of a connection is no part of the
 * stream.  It is not passed on either: behind the blocks of the connection
 * before this one it would be a part of a field's name.
 */
static void
drop_mark(struct reader *r)
{
	struct bytes *b = &r->block;

	if (!r->begun && b->len >= 3 && memcmp(b->s, "\xef\xbb\xbf", 3) == 0) {
		b->len -= 3;
		memmove(b->s, b->s + 3, b->len + 1); /* with its NUL */
	}
	r->begun = true;
}

/* The last line of the block is whole, with its LF. */
static bool
end_line(struct reader *r, reader_each *each, void *arg)
{
	const char *line;
	size_t len;
	bool go_on;

	drop_mark(r);
	line = r->block.s + r->line;
	len = r->block.len - r->line - 1;
	if (len > 0 && !(line[0] == ':' && r->line == 0)) {
		r->line = r->block.len;
		return read_field(r, line, len);
	}
	if (len == 0 && !set_text(&r->last_id, r->id.s, r->id.len))
		return false;
	go_on = each(arg, r->block.s, r->block.len, block_kind(r));
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
		if (!add_text(&r->block, s, (size_t)(p - s)))
			return false;
		if (p == end)
			return true;
		r->cr = *p == '\r';
		s = p + 1;
		if (!add_text(&r->block, "\n", 1) || !end_line(r, each, arg))
			return false;
	}
	return true;
}
