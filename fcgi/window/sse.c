/*
 * sse.c - an event as text/event-stream.
 *
 * Every event is encoded here once, however many streams it goes to, and
 * nothing else between the log and the window looks at its bytes.  Most text
 * is ASCII without line ends, so eight bytes at a time are tested and copied,
 * and only the rest is copied character by character.
 *
 * What must stay true: no byte of a row gets out of its field.  A field ends
 * at CR or LF, so a CR or LF of the row is never copied.
 */
#include <stdint.h>
#include <string.h>

#include "fcgi/window/sse.h"
#include "fcgi/base/utf8.h"

enum {
	UID_MAX = 128, /* bytes of an uid on the wire */
	LINE_MAX = 7   /* "\ndata: ": what one byte can become */
};

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

#define OURS	 "stream-" /* event types that only we may send */
#define OURS_LEN (sizeof(OURS) - 1)

static uint64_t
load_eight(const char *s)
{
	uint64_t w;

	memcpy(&w, s, sizeof(w));
	return w;
}

/*
 * Not zero if one of the eight bytes is not plain, and sometimes when all are.
 * Not plain is below 0x0e (NUL, CR and LF are there) or above 0x7f.
 */
static uint64_t
any_unplain(uint64_t w)
{
	return (((w - EACH(0x0e)) & ~w) | w) & EACH(0x80);
}

static bool
is_plain(char c)
{
	return (unsigned char)c >= 0x0e && (unsigned char)c < 0x80;
}

/* Copies bytes while they are plain; returns how many. */
static size_t
copy_plain(char *buf, const char *s, size_t len)
{
	size_t i = 0;
	uint64_t w;

	for (; len - i >= sizeof(w); i += sizeof(w)) {
		w = load_eight(s + i);
		if (any_unplain(w))
			break;
		memcpy(buf + i, &w, sizeof(w));
	}
	for (; i < len && is_plain(s[i]); i++)
		buf[i] = s[i];
	return i;
}

static char *
put_bytes(char *buf, const char *s, size_t len)
{
	memcpy(buf, s, len);
	return buf + len;
}

/* Writes one character of s, or U+FFFD for bad bytes.  Returns bytes read. */
static size_t
put_char(char **buf, const char *s, size_t len)
{
	bool ok;
	size_t n = utf8_next(s, len, &ok);

	if (ok)
		*buf = put_bytes(*buf, s, n);
	else
		*buf = put_bytes(*buf, UTF8_BAD, UTF8_BAD_LEN);
	return n;
}

static char *
put_data(char *buf, const char *s, size_t len)
{
	size_t n;

	buf = put_bytes(buf, "data: ", 6);
	for (;;) {
		n = copy_plain(buf, s, len);
		buf += n;
		if (n == len)
			break;
		s += n;
		len -= n;
		if (*s == '\n' || *s == '\r') {
			n = len > 1 && s[0] == '\r' && s[1] == '\n' ? 2 : 1;
			buf = put_bytes(buf, "\ndata: ", LINE_MAX);
		} else
			n = put_char(&buf, s, len);
		s += n;
		len -= n;
	}
	*buf++ = '\n';
	return buf;
}

bool
sse_type_is_ours(const char *s, size_t len)
{
	static const char end[] = STORE_END_TYPE;

	if (len < OURS_LEN || memcmp(s, OURS, OURS_LEN) != 0)
		return false;
	return len != sizeof(end) - 1 || memcmp(s, end, len) != 0;
}

/* The type of an event.  A type that only we may use is changed: see sse.h. */
static char *
put_type(char *buf, const char *s, size_t len)
{
	if (sse_type_is_ours(s, len)) {
		buf = put_bytes(buf, OURS, OURS_LEN - 1);
		buf = put_bytes(buf, UTF8_BAD, UTF8_BAD_LEN);
		s += OURS_LEN;
		len -= OURS_LEN;
	}
	return buf + sse_utf8(buf, s, len, true);
}

struct store_text
sse_id(const struct store_event *ev, const char *id)
{
	return sse_uid_ok(ev->uid) ? ev->uid
				   : (struct store_text){id, strlen(id)};
}

/* A block from its type on. */
static char *
put_block(char *p, struct store_text event, struct store_text data)
{
	if (event.s != NULL && event.len > 0) {
		p = put_bytes(p, "event: ", 7);
		p = put_type(p, event.s, event.len);
		*p++ = '\n';
	}
	if (data.s != NULL)
		p = put_data(p, data.s, data.len);
	else
		p = put_bytes(p, "data: \n", 7);
	*p++ = '\n';
	return p;
}

size_t
sse_event(char *buf, const struct store_event *ev, const char *id)
{
	struct store_text name = sse_id(ev, id);
	char *p = buf;

	p = put_bytes(p, "id: ", 4);
	p = put_bytes(p, name.s, name.len);
	*p++ = '\n';
	return put_block(p, ev->event, ev->data) - buf;
}

size_t
sse_last(char *buf, struct store_text event, struct store_text data)
{
	return put_block(buf, event, data) - buf;
}

/* The most bytes that data can become, without the first "data: ". */
static size_t
data_size(const char *s, size_t len)
{
	size_t size = len, i = 0, end;

	while (i < len) {
		if (len - i >= sizeof(uint64_t)) {
			end = i + sizeof(uint64_t);
			if (!any_unplain(load_eight(s + i))) {
				i = end;
				continue;
			}
		} else
			end = len;
		for (; i < end; i++) {
			if (s[i] == '\n' || s[i] == '\r')
				size += LINE_MAX - 1;
			else if ((unsigned char)s[i] >= 0x80)
				size += UTF8_BAD_LEN - 1;
		}
	}
	return size;
}

size_t
sse_event_size(const struct store_event *ev)
{
	size_t size = sizeof("id: \nevent: \ndata: \n\n");

	size += UID_MAX > STORE_ID_SIZE ? UID_MAX : STORE_ID_SIZE;
	if (ev->event.s != NULL)
		size += UTF8_BAD_LEN * ev->event.len;
	if (ev->data.s != NULL)
		size += data_size(ev->data.s, ev->data.len);
	return size;
}

bool
sse_uid_ok(struct store_text uid)
{
	bool digits = true;
	size_t i;

	if (uid.s == NULL || uid.len == 0 || uid.len > UID_MAX)
		return false;
	for (i = 0; i < uid.len; i++) {
		if (uid.s[i] < 0x21 || uid.s[i] > 0x7e)
			return false;
		if (uid.s[i] < '0' || uid.s[i] > '9')
			digits = false;
	}
	if (digits || (uid.len == 1 && uid.s[0] == '?'))
		return false;
	return uid.len != 8 || memcmp(uid.s, "earliest", 8) != 0;
}

size_t
sse_utf8(char *buf, const char *s, size_t len, bool line)
{
	char *p = buf;
	size_t n;

	for (;;) {
		n = copy_plain(p, s, len);
		p += n;
		if (n == len)
			return p - buf;
		s += n;
		len -= n;
		if (line && (*s == '\r' || *s == '\n' || *s == '\0')) {
			p = put_bytes(p, UTF8_BAD, UTF8_BAD_LEN);
			n = 1;
		} else
			n = put_char(&p, s, len);
		s += n;
		len -= n;
	}
}
