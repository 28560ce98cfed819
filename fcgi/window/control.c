/*
 * control.c - what the responder itself says on a stream.
 */
#include <stdio.h>
#include <string.h>

#include "fcgi/window/control.h"

const char *
control_gap_word(enum gap_reason reason)
{
	static const char *const words[] = {
	    "none", "pruned", "unknown", "replaced", "too-large"};

	return words[reason];
}

size_t
control_json(char *buf, const char *s, size_t len)
{
	char *p = buf;
	size_t i;

	*p++ = '"';
	for (i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c == '"' || c == '\\') {
			*p++ = '\\';
			*p++ = (char)c;
		} else if (c < 0x20 || c == 0x7f)
			p += sprintf(p, "\\u%04x", c);
		else
			*p++ = (char)c;
	}
	*p++ = '"';
	return (size_t)(p - buf);
}

size_t
control_head(char *buf, const char *more)
{
	return (size_t)sprintf(buf,
	    "Status: 200 OK\r\n"
	    "Content-Type: text/event-stream\r\n"
	    "Cache-Control: no-store, no-transform\r\n"
	    "X-Accel-Buffering: no\r\n%s\r\n",
	    more != NULL ? more : "");
}

size_t
control_gap(char buf[CONTROL_GAP_SIZE], enum gap_reason reason,
    const char *asked, const char *id)
{
	char json[REQUEST_ID_BYTES * 6 + 2];
	size_t len = control_json(json, asked, strlen(asked));

	return (size_t)snprintf(buf, CONTROL_GAP_SIZE,
	    "event: stream-gap\nid: %s\n"
	    "data: {\"reason\":\"%s\",\"asked\":%.*s,\"id\":\"%s\"}\n\n",
	    id, control_gap_word(reason), (int)len, json, id);
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
    const struct request *rq, const char *log_id)
{
	char *p = buf;

	p += snprintf(p, size,
	    "retry: %u\nevent: stream-start\nid: %s\n"
	    "data: {\"id\":\"%s\",\"topics\":[",
	    retry_ms, id, id);
	p += put_topics(p, rq);
	p += snprintf(
	    p, size - (size_t)(p - buf), "],\"log\":\"%s\"}\n\n", log_id);
	return (size_t)(p - buf);
}

size_t
control_bye(char buf[CONTROL_BYE_SIZE], unsigned retry_ms)
{
	return (size_t)snprintf(
	    buf, CONTROL_BYE_SIZE, "retry: %u\n\n", retry_ms);
}
