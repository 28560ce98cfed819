/*
 * control.c - what the responder itself says on a stream.
 *
 * Ids that were asked for, names of topics and the id of the log come from
 * outside, and from the store.  They may have any bytes and any length: no byte
 * of them leaves its field or its JSON string, and what is too long is cut.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "fcgi/base/utf8.h"
#include "fcgi/window/control.h"

const char *
control_gap_word(enum gap_reason reason)
{
	static const char *const words[] = {
	    "none", "pruned", "unknown", "replaced", "too-large", "folded"};

	return words[reason];
}

/* Is it a character that a text shows, and no control (C0, DEL, C1)? */
static bool
is_shown(const char *s, size_t n)
{
	unsigned char c = (unsigned char)*s;

	return c >= 0x20 && c != 0x7f &&
	       !(n == 2 && c == 0xc2 && (unsigned char)s[1] < 0xa0);
}

/*
 * One character of a JSON string.  What is no UTF-8 becomes U+FFFD.  Returns
 * the bytes that it took of s; it wrote at most six for each.
 */
static size_t
put_json(char **to, const char *s, size_t len)
{
	bool ok;
	size_t n = utf8_next(s, len, &ok);

	if (!ok) {
		memcpy(*to, UTF8_BAD, UTF8_BAD_LEN);
		*to += UTF8_BAD_LEN;
	} else if (!is_shown(s, n)) {
		*to += sprintf(*to, "\\u%04x", (unsigned char)s[n - 1]);
	} else {
		if (*s == '"' || *s == '\\')
			*(*to)++ = '\\';
		memcpy(*to, s, n);
		*to += n;
	}
	return n;
}

size_t
control_json(char *buf, const char *s, size_t len)
{
	char *p = buf;
	size_t n;

	*p++ = '"';
	for (; len > 0; s += n, len -= n)
		n = put_json(&p, s, len);
	*p++ = '"';
	return (size_t)(p - buf);
}

/* At most max bytes of s, but no half of a character. */
static size_t
cut_text(const char *s, size_t max)
{
	size_t len = strlen(s);

	if (len <= max)
		return len;
	for (len = max; len > 0 && ((unsigned char)s[len] & 0xc0) == 0x80;)
		len--;
	return len;
}

/*
 * An id for a field and for JSON.  The store prints ids of digits, dashes and
 * letters; nothing else of an id could end the field or the string.
 */
static void
copy_id(char to[STORE_ID_SIZE], const char *id)
{
	size_t len = strspn(id, "0123456789abcdefghijklmnopqrstuvwxyz"
				"ABCDEFGHIJKLMNOPQRSTUVWXYZ-._~:");

	snprintf(to, STORE_ID_SIZE, "%.*s",
	    (int)(len < STORE_ID_SIZE ? len : STORE_ID_SIZE - 1), id);
}

size_t
control_head(char *buf, const char *more)
{
	return (size_t)sprintf(buf,
	    "Status: 200 OK\r\n"
	    "Content-Type: text/event-stream\r\n"
	    "Cache-Control: no-store, no-transform\r\n"
	    "X-Content-Type-Options: nosniff\r\n"
	    "X-Accel-Buffering: no\r\n%s\r\n",
	    more != NULL ? more : "");
}

size_t
control_gap(char buf[CONTROL_GAP_SIZE], enum gap_reason reason,
    const char *asked, const char *id)
{
	char json[REQUEST_ID_BYTES * 6 + 2], to[STORE_ID_SIZE];
	size_t len =
	    control_json(json, asked, cut_text(asked, REQUEST_ID_BYTES));

	copy_id(to, id);
	return (size_t)snprintf(buf, CONTROL_GAP_SIZE,
	    "event: stream-gap\nid: %s\n"
	    "data: {\"reason\":\"%s\",\"asked\":%.*s,\"id\":\"%s\"}\n\n",
	    to, control_gap_word(reason), (int)len, json, to);
}

static size_t
put_topics(char *buf, const struct request *rq)
{
	char name[REQUEST_TOPIC_BYTES + 1], *p = buf;
	size_t i;

	for (i = 0; i < rq->ntopics; i++) {
		const struct request_topic *t = &rq->topics[i];

		memcpy(name, t->name, t->len);
		name[t->len] = '*';
		if (i > 0)
			*p++ = ',';
		p += control_json(p, name, t->len + t->prefix);
	}
	return (size_t)(p - buf);
}

size_t
control_start(char *buf, size_t size, unsigned retry_ms, const char *id,
    const struct request *rq, const char *log_id, unsigned beat_s,
    int64_t now_ms)
{
	char *p = buf, to[STORE_ID_SIZE];

	copy_id(to, id);
	p += snprintf(p, size,
	    "retry: %u\nevent: stream-start\nid: %s\n"
	    "data: {\"id\":\"%s\",\"topics\":[",
	    retry_ms, to, to);
	p += put_topics(p, rq);
	p = stpcpy(p, "],\"log\":");
	p += control_json(p, log_id, cut_text(log_id, CONTROL_LOG_BYTES));
	if (beat_s > 0)
		p += sprintf(
		    p, ",\"time\":%" PRId64 ",\"beat\":%u", now_ms, beat_s);
	p = stpcpy(p, "}\n\n");
	return (size_t)(p - buf);
}

size_t
control_beat(char buf[CONTROL_BEAT_SIZE], int64_t now_ms, const char *id)
{
	char to[STORE_ID_SIZE];

	copy_id(to, id);
	return (size_t)snprintf(buf, CONTROL_BEAT_SIZE,
	    "event: stream-beat\ndata: {\"time\":%" PRId64
	    ",\"id\":\"%s\"}\n\n",
	    now_ms, to);
}

size_t
control_expire(char buf[CONTROL_EXPIRE_SIZE], unsigned seconds)
{
	return (size_t)snprintf(buf, CONTROL_EXPIRE_SIZE,
	    "event: stream-expire\ndata: {\"seconds\":%u}\n\n", seconds);
}

size_t
control_place(char *buf, struct store_text id, bool too_large)
{
	return (size_t)sprintf(buf, "%sid: %.*s\n\n",
	    too_large ? ": an event over the limit\n" : "", (int)id.len, id.s);
}

size_t
control_retry(char buf[CONTROL_BYE_SIZE], unsigned retry_ms)
{
	return (size_t)snprintf(
	    buf, CONTROL_BYE_SIZE, "retry: %u\n\n", retry_ms);
}

size_t
control_bye(char buf[CONTROL_BYE_SIZE], unsigned retry_ms, const char *reason)
{
	return (size_t)snprintf(buf, CONTROL_BYE_SIZE,
	    "retry: %u\nevent: stream-retry\n"
	    "data: {\"retry\":%u,\"reason\":\"%s\"}\n\n",
	    retry_ms, retry_ms, reason);
}
