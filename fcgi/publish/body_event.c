/*
 * body_event.c - an event of a POST: its four members, and its check.
 */
#include <string.h>

#include "fcgi/publish/body_event.h"
#include "fcgi/request/request.h"
#include "fcgi/window/sse.h"
#include "fcgi/base/utf8.h"

const char *const body_event_names[EVENT_TEXTS] = {
    "topic", "event", "data", "uid"};

int
body_event_member(const char *name, size_t len)
{
	int i;

	for (i = 0; i < EVENT_TEXTS; i++)
		if (strlen(body_event_names[i]) == len &&
		    memcmp(body_event_names[i], name, len) == 0)
			return i;
	return -1;
}

static const char *
topic_wrong(struct store_text t)
{
	if (t.len == 0)
		return "topic: empty name";
	if (memchr(t.s, '*', t.len) != NULL)
		return "topic: `*` is for readers, an event has one topic";
	if (!utf8_clean(t.s, t.len))
		return "topic: not UTF-8, or a control character in it";
	return NULL;
}

/* Of our own types a publisher has one: that which ends a topic. */
static const char *
type_wrong(struct store_text t)
{
	if (!utf8_clean(t.s, t.len))
		return "event: not UTF-8, or a control character in it";
	if (sse_type_is_ours(t.s, t.len))
		return "event: of the types that begin with stream- only "
		       "stream-end can be published";
	return NULL;
}

/* A uid comes back as Last-Event-ID and must not look like another id. */
static const char *
uid_wrong(struct store_text t)
{
	size_t i, digits = 0;

	for (i = 0; i < t.len; i++) {
		if (t.s[i] < '!' || t.s[i] > '~')
			return "uid: not of ASCII's visible characters";
		digits += t.s[i] >= '0' && t.s[i] <= '9';
	}
	if (t.len == 0)
		return "uid: empty";
	if (digits == t.len)
		return "uid: all digits, as the log's own ids are";
	if ((t.len == 8 && memcmp(t.s, "earliest", 8) == 0) ||
	    (t.len == 1 && *t.s == '?'))
		return "uid: a word that means something as an id";
	return NULL;
}

static const char *
data_wrong(struct store_text t)
{
	size_t i = utf8_ascii(t.s, t.len);
	bool ok = true;

	while (i < t.len && ok)
		i += utf8_next(t.s + i, t.len - i, &ok);
	return ok ? NULL : "data: not UTF-8";
}

int
body_event_check(
    const struct store_event *ev, size_t max_bytes, const char **why)
{
	size_t len = ev->topic.len + ev->event.len + ev->data.len + ev->uid.len;

	*why =
	    ev->topic.len > REQUEST_TOPIC_BYTES ? "topic: longer than 255 bytes"
	    : ev->event.len > EVENT_TYPE_BYTES	? "event: longer than 255 bytes"
	    : ev->uid.len > EVENT_UID_BYTES	? "uid: longer than 128 bytes"
	    : len > max_bytes ? "an event over the limit of its size"
			      : NULL;
	if (*why != NULL)
		return 413;
	if (ev->topic.s != NULL)
		*why = topic_wrong(ev->topic);
	if (*why == NULL && ev->event.s != NULL)
		*why = type_wrong(ev->event);
	if (*why == NULL && ev->uid.s != NULL)
		*why = uid_wrong(ev->uid);
	if (*why == NULL && ev->data.s != NULL)
		*why = data_wrong(ev->data);
	return *why == NULL ? 0 : 400;
}
