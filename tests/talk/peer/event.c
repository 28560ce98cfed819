/*
 * event.c - reads text/event-stream as a browser does (WHATWG HTML 9.2.6),
 * and checks what must be in the events that the program makes itself, such
 * as stream-start and stream-gap.
 *
 * It is stricter than the standard in one thing: a line ends with LF alone.
 * The program never writes a CR, so a CR would be the data of a row, and the
 * data of a row must not be able to end a line.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/talk/peer/peer.h"
#include "tests/talk/peer/within.h"

enum {
	F_TYPE,
	F_ID,
	F_DATA
};

/* The next line without its LF; its length, or -1 when there is none more. */
static long
next_line(struct client *c, int64_t deadline)
{
	size_t n = 0;
	const char *s;

	for (;;) {
		if (!client_peek(c, n + 1, deadline))
			return -1;
		s = c->out.s + c->at;
		if (s[n] == '\r')
			talk_fail("a CR in the stream: %s",
			    shown(s, c->out.len - c->at));
		if (s[n] == '\n')
			return (long)n;
		n++;
	}
}

static void
take_retry(struct client *c, const char *s, size_t len)
{
	if (len == 0 || len > 9 || strspn(s, "0123456789") < len)
		talk_fail("retry is not a number: %s", shown(s, len));
	c->retry = atoll(s);
}

static void
field_set(struct bytes *b, const char *s, size_t len)
{
	b->len = 0;
	put(b, s, len);
}

static void
take_field(struct client *c, const char *line, size_t len)
{
	const char *colon = memchr(line, ':', len), *value;
	size_t n = colon ? (size_t)(colon - line) : len, left;

	value = colon ? colon + 1 : line + len;
	left = len - (size_t)(value - line);
	if (left > 0 && *value == ' ')
		value++, left--;
	if (n == 5 && memcmp(line, "event", n) == 0) {
		field_set(&c->field[F_TYPE], value, left);
	} else if (n == 4 && memcmp(line, "data", n) == 0) {
		put(&c->field[F_DATA], value, left);
		put_text(&c->field[F_DATA], "\n");
		c->has_data = true;
	} else if (n == 2 && memcmp(line, "id", n) == 0) {
		if (memchr(value, '\0', left) != NULL)
			talk_fail("an id with a NUL in it");
		field_set(&c->field[F_ID], value, left);
		c->has_id = true;
	} else if (n == 5 && memcmp(line, "retry", n) == 0) {
		take_retry(c, value, left);
	} else {
		talk_fail("a field of no known name: %s", shown(line, len));
	}
}

static void
event_reset(struct client *c)
{
	for (int i = F_TYPE; i <= F_DATA; i++)
		field_set(&c->field[i], "", 0);
	c->has_id = c->has_data = false;
}

/* True when a line ended an event. */
static bool
take_line(struct client *c, size_t len)
{
	const char *line = c->out.s + c->at;

	if (len == 0) {
		if (c->has_id)
			field_set(
			    &c->last_id, c->field[F_ID].s, c->field[F_ID].len);
		if (c->has_data)
			return true;
		event_reset(c);
	} else if (*line == ':') {
		c->comments++;
	} else {
		take_field(c, line, len);
	}
	return false;
}

static const struct event *
event_of(struct client *c)
{
	static struct event e;
	struct bytes *data = &c->field[F_DATA];

	data->s[--data->len] = '\0'; /* the LF of its last line */
	e.type = c->field[F_TYPE].len > 0 ? c->field[F_TYPE].s : "message";
	e.told = c->has_id ? c->field[F_ID].s : NULL;
	e.id = c->has_id ? plain_id(e.told) : NULL;
	e.data = data->s;
	e.len = data->len;
	return &e;
}

const struct event *
next_or_end(struct client *c)
{
	int64_t deadline = now_ms() + PATIENCE_MS;
	long len;
	bool whole;

	event_reset(c);
	do {
		if ((len = next_line(c, deadline)) < 0)
			return NULL;
		whole = take_line(c, (size_t)len);
		client_seen(c, (size_t)len + 1);
	} while (!whole);
	return event_of(c);
}

const struct event *
want_next(struct client *c)
{
	const struct event *e = next_or_end(c);

	if (e == NULL)
		talk_fail("wanted an event; came %s", client_came(c));
	return e;
}

void
want_event(struct client *c, const char *id, const char *type, const char *data)
{
	const struct event *e = next_or_end(c);
	char *wanted = text("id %s, type %s, data %s", id ? id : "(any)",
	    type ? type : "(any)", shown(data, strlen(data)));
	const char *has;

	if (e == NULL)
		talk_fail(
		    "wanted an event, %s; came %s", wanted, client_came(c));
	has = e->id ? e->id : "(none)";
	if ((id != NULL && strcmp(has, id) != 0) ||
	    (type != NULL && strcmp(e->type, type) != 0) ||
	    e->len != strlen(data) || memcmp(e->data, data, e->len) != 0)
		talk_fail("wanted an event, %s; came id %s, type %s, data %s",
		    wanted, has, e->type, shown(e->data, e->len));
}

/* The id in the JSON of an event of ours, which is its id: without its check.
 */
static const char *
plain_json(const struct event *e)
{
	const char *id = json(e->data, "$.id"), *at;
	char *s = text("%s", e->data);

	if (e->told == NULL || id == NULL || strcmp(e->told, id) != 0)
		talk_fail("%s has id %s, its JSON %s", e->type,
		    e->told ? e->told : "(none)", id ? id : "(none)");
	at = strstr(s, text("\"id\":\"%s\"", id));
	if (at == NULL)
		return s;
	return text("%.*s\"id\":\"%s%s", (int)(at - s), s, e->id,
	    at + strlen("\"id\":\"") + strlen(id));
}

static const char *
take_gap(const struct event *e)
{
	if (json(e->data, "$.reason") == NULL ||
	    json(e->data, "$.asked") == NULL || json(e->data, "$.id") == NULL)
		talk_fail(
		    "stream-gap without reason, asked and id: %s", e->data);
	return plain_json(e);
}

const char *
want_start(struct client *c)
{
	const struct event *e;

	if (want_headers(c) != 200)
		talk_fail(
		    "wanted a stream; came %s", shown(c->head.s, c->head.len));
	e = want_next(c);
	if (strcmp(e->type, "stream-gap") == 0) {
		c->gap = text("%s", take_gap(e));
		e = want_next(c);
	}
	if (strcmp(e->type, "stream-start") != 0)
		talk_fail("wanted stream-start; came %s: %s", e->type, e->data);
	c->start = text("%s", plain_json(e));
	if (c->retry < 0)
		talk_fail("stream-start came without retry before it");
	return text("%s", e->id);
}

struct client *
stream(struct server *sv, const char *uri)
{
	struct client *c = get(sv, uri, NULL);

	want_start(c);
	return c;
}

struct client *
come_back(struct server *sv, const char *uri, const char *id)
{
	int64_t deadline = now_ms() + PATIENCE_MS;

	for (;;) {
		struct client *c = get(sv, uri, "HTTP_LAST_EVENT_ID", id, NULL);

		while (!c->ended && strstr(c->out.s, "stream-start") == NULL)
			if (!hear(c, deadline))
				break;
		if (strstr(c->out.s, "stream-start") != NULL) {
			want_start(c);
			return c;
		}
		check(want_headers(c) == 200);
		want_farewell(c);
		talk_nap(deadline, "for a stream");
	}
}

struct client *
get_in_the_end(struct server *sv, const char *id)
{
	return come_back(sv, "/events", id);
}

const char *
want_gap(struct client *c)
{
	const char *gap = c->gap;
	const struct event *e;

	c->gap = NULL;
	if (gap != NULL)
		return gap;
	e = want_next(c);
	if (strcmp(e->type, "stream-gap") != 0)
		talk_fail("wanted stream-gap; came %s: %s", e->type,
		    shown(e->data, e->len));
	return take_gap(e);
}

int64_t
want_warning(struct client *c)
{
	const struct event *e = want_next(c);

	if (strcmp(e->type, "stream-expire") != 0)
		talk_fail("wanted stream-expire; came %s", e->type);
	check(e->id == NULL);
	return json_number(e->data, "$.seconds");
}

int64_t
want_farewell(struct client *c)
{
	const struct event *e;

	c->retry = -1;
	e = want_next(c);
	if (strcmp(e->type, "stream-retry") != 0)
		talk_fail("wanted stream-retry; came %s: %s", e->type,
		    shown(e->data, e->len));
	if (e->id != NULL)
		talk_fail("stream-retry has an id: %s", e->id);
	c->reason = json(e->data, "$.reason");
	check(c->reason != NULL);
	check(json_number(e->data, "$.retry") == c->retry);
	want_end(c);
	return c->retry;
}

void
want_sent_away(struct server *sv, const char *id)
{
	struct client *c =
	    id == NULL ? get(sv, "/events", NULL)
		       : get(sv, "/events", "HTTP_LAST_EVENT_ID", id, NULL);

	check(want_headers(c) == 200);
	want_farewell(c);
}

void
want_data(struct client *c, const char *s, size_t len)
{
	const struct event *e = want_next(c);

	if (e->len != len || memcmp(e->data, s, len) != 0)
		talk_fail("wanted data %s; came %s", shown(s, len),
		    shown(e->data, e->len));
}
