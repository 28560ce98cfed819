/*
 * handoff.c - requests and results between the loop and the writer, as bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "fcgi/publish/body_event.h"
#include "fcgi/publish/handoff.h"

static const uint32_t absent = UINT32_MAX;

/* Appends bytes; the caller has made room for them. */
static void
put_in(struct bytes *p, const void *s, size_t len)
{
	if (len > 0)
		memcpy(p->s + p->len, s, len);
	p->len += len;
}

size_t
handoff_whole(const struct bytes *p)
{
	uint32_t len;

	if (p->len - p->at < sizeof(len))
		return 0;
	memcpy(&len, p->s + p->at, sizeof(len));
	return p->len - p->at >= len ? len : 0;
}

/* --- a request ---------------------------------------------------------- */

size_t
handoff_size(const struct body *b)
{
	return sizeof(struct handoff_request) +
	       b->n * EVENT_TEXTS * sizeof(uint32_t) + b->bytes;
}

int
handoff_put(struct bytes *p, const struct body *b, int64_t until_ms)
{
	struct handoff_request head = {
	    (uint32_t)handoff_size(b), (uint32_t)b->n, until_ms};
	const struct store_text *text;
	uint32_t len;
	size_t i;
	int j;

	if (bytes_room(p, head.len) == -1)
		return -1;
	put_in(p, &head, sizeof(head));
	for (i = 0; i < b->n; i++)
		for (j = 0; j < EVENT_TEXTS; j++) {
			text = body_event_text(&b->events[i], j);
			len = text->s == NULL ? absent : (uint32_t)text->len;
			put_in(p, &len, sizeof(len));
		}
	for (i = 0; i < b->n; i++)
		for (j = 0; j < EVENT_TEXTS; j++) {
			text = body_event_text(&b->events[i], j);
			put_in(p, text->s, text->len);
		}
	return 0;
}

void
handoff_head(const char *s, struct handoff_request *head)
{
	memcpy(head, s, sizeof(*head));
}

/* Takes the next length, and as many bytes. */
static struct store_text
take_text(const char **lengths, const char **bytes)
{
	struct store_text t = {NULL, 0};
	uint32_t len;

	memcpy(&len, *lengths, sizeof(len));
	*lengths += sizeof(len);
	if (len == absent)
		return t;
	t = (struct store_text){*bytes, len};
	*bytes += len;
	return t;
}

void
handoff_events(const char *s, struct store_event *events)
{
	struct handoff_request head;
	const char *lengths = s + sizeof(head), *bytes;
	uint32_t i;

	handoff_head(s, &head);
	bytes = lengths + (size_t)head.n * EVENT_TEXTS * sizeof(uint32_t);
	for (i = 0; i < head.n; i++) {
		memset(&events[i], 0, sizeof(events[i]));
		events[i].topic = take_text(&lengths, &bytes);
		events[i].event = take_text(&lengths, &bytes);
		events[i].data = take_text(&lengths, &bytes);
		events[i].uid = take_text(&lengths, &bytes);
	}
}

/* --- a result ----------------------------------------------------------- */

int
handoff_put_result(struct bytes *p, const struct store_batch *b)
{
	struct handoff_result head = {.result = b->result};
	struct handoff_id id;
	size_t i;

	if (b->result == STORE_OK)
		head.n = (uint32_t)b->n;
	else
		head.why_len = (uint32_t)strlen(b->why);
	head.len =
	    (uint32_t)(sizeof(head) + head.n * sizeof(id) + head.why_len);
	if (bytes_room(p, head.len) == -1)
		return -1;
	put_in(p, &head, sizeof(head));
	for (i = 0; i < head.n; i++) {
		id =
		    (struct handoff_id){b->events[i].id, b->events[i].repeated};
		put_in(p, &id, sizeof(id));
	}
	put_in(p, b->why, head.why_len);
	return 0;
}

void
handoff_result_head(const char *s, struct handoff_result *head)
{
	memcpy(head, s, sizeof(*head));
}

struct handoff_id
handoff_result_id(const char *s, size_t i)
{
	struct handoff_id id;

	memcpy(&id, s + sizeof(struct handoff_result) + i * sizeof(id),
	    sizeof(id));
	return id;
}

const char *
handoff_why(const char *s)
{
	return s + sizeof(struct handoff_result);
}
