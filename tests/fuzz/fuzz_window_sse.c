/*
 * fuzz_window_sse.c - a reader of the stream gets what the row has in it.
 *
 * Two events are made from the input, and then one that is always the same.
 * The reader must see three events, each with the data of its row, in valid
 * UTF-8.  Our own reader must pass on what was written, byte by byte.
 *
 * input	two rows, each: a byte of flags, lengths of type, uid and data
 *		(a byte each, data's times 4), then as many bytes as there are
 */
#include "fcgi/window/reader.h"
#include "fcgi/window/sse.h"
#include "tests/fuzz/eventstream.h"
#include "tests/fuzz/fuzz.h"

#define FFFD "\xef\xbf\xbd"

enum {
	NULL_TYPE = 1,
	NULL_UID = 2,
	NULL_DATA = 4,
	EVENTS = 3
};

struct meant {
	struct text type, data, id;
};

struct check {
	struct meant meant[EVENTS];
	size_t seen;
};

static void
want(const char *what, const struct text *got, const struct text *meant)
{
	if (text_is(got, meant->s, meant->len))
		return;
	fprintf(stderr, "%s is '%.*s', meant was '%.*s'\n", what, (int)got->len,
	    got->s, (int)meant->len, meant->s);
	abort();
}

static void
seen(void *arg, const struct text *type, const struct text *data,
    const struct text *id)
{
	struct check *c = arg;

	if (c->seen == EVENTS) {
		fprintf(stderr, "more events than were written\n");
		abort();
	}
	want("type", type, &c->meant[c->seen].type);
	want("data", data, &c->meant[c->seen].data);
	want("id", id, &c->meant[c->seen].id);
	c->seen++;
}

static struct text
meant_data(struct store_text data)
{
	struct text all = decode(data.s, data.len), out = {0};
	size_t i;

	text_add(&out, "", 0);
	for (i = 0; i < all.len; i++) {
		if (all.s[i] == '\n' && i > 0 && all.s[i - 1] == '\r')
			continue;
		text_add(&out, all.s[i] == '\r' ? "\n" : &all.s[i], 1);
	}
	free(all.s);
	return out;
}

static struct text
meant_type(struct store_text type)
{
	struct text all = decode(type.s, type.len), out = {0};
	size_t i;
	bool end = type.len == 10 && memcmp(type.s, "stream-end", 10) == 0;
	bool ours = !end && all.len >= 7 && memcmp(all.s, "stream-", 7) == 0;

	text_add(&out, "", 0);
	for (i = 0; i < all.len; i++)
		if (strchr("\r\n", all.s[i]) != NULL || (ours && i == 6))
			text_add(&out, FFFD, 3);
		else
			text_add(&out, &all.s[i], 1);
	if (out.len == 0)
		text_add(&out, "message", 7);
	free(all.s);
	return out;
}

/* The uid if a header can bring it back, else the number. */
static struct text
meant_id(struct store_text uid, const char *number)
{
	struct text out = {0};
	size_t i, digits = 0;
	bool ok = uid.len > 0 && uid.len <= 128;

	for (i = 0; ok && i < uid.len; i++) {
		digits += strchr("0123456789", uid.s[i]) != NULL;
		ok = (uint8_t)uid.s[i] > ' ' && (uint8_t)uid.s[i] < 0x7f;
	}
	if (ok && digits < uid.len &&
	    !(uid.len == 8 && strncmp(uid.s, "earliest", 8) == 0) &&
	    !(uid.len == 1 && uid.s[0] == '?'))
		text_add(&out, uid.s, uid.len);
	else
		text_add(&out, number, strlen(number));
	return out;
}

/* Takes bytes off the input, into a buffer of their size: ASan sees its end. */
static struct store_text
take(const uint8_t **in, size_t *left, size_t len, bool null)
{
	struct store_text t = {NULL, 0};
	char *copy;

	if (null)
		return t;
	if (len > *left)
		len = *left;
	copy = malloc(len + (len == 0));
	if (copy == NULL)
		abort();
	if (len > 0)
		memcpy(copy, *in, len);
	*in += len;
	*left -= len;
	return (struct store_text){copy, len};
}

static void
take_event(struct store_event *ev, const uint8_t **in, size_t *left)
{
	uint8_t head[4] = {0};
	size_t i;

	memset(ev, 0, sizeof(*ev));
	for (i = 0; i < 4 && *left > 0; i++, (*left)--)
		head[i] = *(*in)++;
	ev->event = take(in, left, head[1], head[0] & NULL_TYPE);
	ev->uid = take(in, left, head[2], head[0] & NULL_UID);
	ev->data = take(in, left, 4 * (size_t)head[3], head[0] & NULL_DATA);
}

static void
add_event(struct text *stream, const struct store_event *ev, const char *id)
{
	size_t size = sse_event_size(ev), len;
	char *buf = malloc(size);

	if (buf == NULL || size > 256 + 3 * ev->event.len + 7 * ev->data.len)
		abort();
	len = sse_event(buf, ev, id);
	if (len > size)
		abort();
	text_add(stream, buf, len);
	free(buf);
}

/* --- our own reader ------------------------------------------------------- */

struct passed {
	struct text text;
	size_t events;
};

static bool
pass(void *arg, const char *block, size_t len, enum reader_kind kind)
{
	struct passed *p = arg;

	must(kind == READER_EVENT);
	text_add(&p->text, block, len);
	p->events++;
	return true;
}

/* Pieces of so many bytes. */
static void
check_reader(const struct text *stream, size_t piece, const struct text *last)
{
	struct passed p = {0};
	struct reader r;
	size_t at, n;

	text_add(&p.text, "", 0);
	reader_init(&r);
	reader_begin(&r);
	for (at = 0; at < stream->len; at += n) {
		n = piece < stream->len - at ? piece : stream->len - at;
		must(reader_feed(&r, stream->s + at, n, pass, &p));
	}
	must(p.events == EVENTS);
	want("passed on", &p.text, stream);
	must(text_is(last, r.last_id.s, r.last_id.len));
	reader_free(&r);
	free(p.text.s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t left)
{
	static const char *const ids[EVENTS] = {"7", "8", "9"};
	struct store_event ev[EVENTS] = {0};
	struct check c = {0};
	struct text stream = {0}, decoded;
	struct source source = {0};
	size_t i;

	for (i = 0; i < EVENTS; i++) {
		if (i < EVENTS - 1)
			take_event(&ev[i], &in, &left);
		c.meant[i].type = meant_type(ev[i].event);
		c.meant[i].data = meant_data(ev[i].data);
		c.meant[i].id = meant_id(ev[i].uid, ids[i]);
		add_event(&stream, &ev[i], ids[i]);
	}
	decoded = decode(stream.s, stream.len);
	want("stream", &stream, &decoded);
	eventstream(stream.s, stream.len, &source, seen, &c);
	if (c.seen != EVENTS)
		abort();
	check_reader(&stream, 1, &c.meant[EVENTS - 1].id);
	check_reader(&stream, 1 + stream.len % 67, &c.meant[EVENTS - 1].id);
	for (i = 0; i < EVENTS; i++) {
		free((char *)ev[i].event.s);
		free((char *)ev[i].uid.s);
		free((char *)ev[i].data.s);
		free(c.meant[i].type.s);
		free(c.meant[i].data.s);
		free(c.meant[i].id.s);
	}
	free(source.last_id.s);
	free(source.retry.s);
	free(decoded.s);
	free(stream.s);
	return 0;
}
