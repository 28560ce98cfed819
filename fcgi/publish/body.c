/*
 * body.c - the body of a POST: its three forms, and one event of each.
 *
 * A member that is not known is refused: who writes `topics` would publish to
 * `main` and never learn why nobody heard.
 */
#include <jansson.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fcgi/publish/body.h"
#include "fcgi/publish/body_event.h"
#include "fcgi/publish/body_plain.h"
#include "fcgi/request/query.h"
#include "fcgi/base/utf8.h"

enum {
	JSON_FLAGS = JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY
};

/* One body, as it is read. */
struct reading {
	struct body *body;
	const struct body_limits *limits;
	const char *unit; /* what place counts: "line " or "event ", or "" */
	size_t place;
};

/* Says what is wrong, and where; returns the status for the caller to pass. */
static int __attribute__((format(printf, 3, 4)))
refuse(const struct reading *rd, int status, const char *fmt, ...)
{
	char *why = rd->body->why;
	size_t size = sizeof(rd->body->why);
	va_list ap;
	int n = 0;

	if (*rd->unit != '\0')
		n = snprintf(why, size, "%s%zu: ", rd->unit, rd->place);
	va_start(ap, fmt);
	vsnprintf(why + n, size - (size_t)n, fmt, ap);
	va_end(ap);
	return status;
}

/* Room for one event more, all of it absent.  NULL, and *status, if not. */
static struct store_event *
new_event(struct reading *rd, int *status)
{
	struct body *b = rd->body;
	struct store_event *p;
	size_t size = b->size == 0 ? 1 : b->size * 2;

	if (b->n >= rd->limits->max_events) {
		*status = refuse(rd, 413, "more than %zu events in a request",
		    rd->limits->max_events);
		return NULL;
	}
	if (b->n == b->size) {
		if ((p = realloc(b->events, size * sizeof(*p))) == NULL) {
			*status = refuse(rd, 500, "no memory");
			return NULL;
		}
		b->events = p;
		b->size = size;
	}
	p = &b->events[b->n++];
	memset(p, 0, sizeof(*p));
	return p;
}

/* The text of this name, or NULL: there is none. */
static struct store_text *
member(struct store_event *ev, const char *name, size_t len)
{
	static const char *const names[] = {"topic", "event", "data", "uid"};
	struct store_text *texts[] = {
	    &ev->topic, &ev->event, &ev->data, &ev->uid};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i]) == len && memcmp(names[i], name, len) == 0)
			return texts[i];
	return NULL;
}

static int
refuse_member(const struct reading *rd, const char *name, size_t len)
{
	if (len > 40 || !utf8_clean(name, len))
		return refuse(rd, 400,
		    "a member that is not known: "
		    "topic, event, data and uid are");
	return refuse(rd, 400,
	    "'%.*s' is not known: topic, event, data and uid are", (int)len,
	    name);
}

static int
check_event(struct reading *rd, struct store_event *ev)
{
	const char *wrong;
	int status = event_check(ev, rd->limits->max_event_bytes, &wrong);

	rd->body->bytes +=
	    ev->topic.len + ev->event.len + ev->data.len + ev->uid.len;
	return status == 0 ? 0 : refuse(rd, status, "%s", wrong);
}

/* --- a form ------------------------------------------------------------- */

/* A field that is left empty is none, but for data. */
static int
read_form(struct reading *rd, char *text, size_t len)
{
	struct query q = {text, text + len};
	struct query_pair pair;
	struct store_text *to;
	int status = 0;
	struct store_event *ev = new_event(rd, &status);

	if (ev == NULL)
		return status;
	if (len == 0)
		return refuse(rd, 400, "an empty body: no event in it");
	while (query_next(&q, &pair)) {
		to = member(ev, pair.name, pair.name_len);
		if (to == NULL)
			return refuse_member(rd, pair.name, pair.name_len);
		if (to->s != NULL)
			return refuse(rd, 400, "%s is there twice", pair.name);
		*to = (struct store_text){pair.value, pair.value_len};
	}
	if (ev->topic.len == 0)
		ev->topic.s = NULL;
	if (ev->event.len == 0)
		ev->event.s = NULL;
	if (ev->uid.len == 0)
		ev->uid.s = NULL;
	return check_event(rd, ev);
}

/* --- plain JSON --------------------------------------------------------- */

static int
add_plain(struct reading *rd, const struct plain *p)
{
	int status = 0;
	struct store_event *ev = new_event(rd, &status);

	if (ev == NULL)
		return status;
	plain_take(p, ev);
	if (ev->event.len == 0)
		ev->event.s = NULL;
	return check_event(rd, ev);
}

/* Only that, and all of it?  False: it is for the parser, and untouched. */
static bool
read_plain(struct reading *rd, char *text, size_t len, int *status)
{
	const char *end = text + len;
	struct plain p;
	char *s;

	if (rd->limits->parser_only ||
	    (s = plain_read(&p, text, end)) == NULL ||
	    plain_space(s, end) != end)
		return false;
	*status = add_plain(rd, &p);
	return true;
}

/*
 * An array of such objects.  Each is read twice, for the parser would have to
 * begin with the first: is all of it plain?  Then it is taken.
 */
static bool
array_is_plain(char *s, const char *end)
{
	struct plain p;

	s = plain_space(s, end);
	if (s == end || *s != '[')
		return false;
	do {
		if ((s = plain_read(&p, s + 1, end)) == NULL)
			return false;
		s = plain_space(s, end);
	} while (s < end && *s == ',');
	return s < end && *s == ']' && plain_space(s + 1, end) == end;
}

static int
read_plain_array(struct reading *rd, char *s, const char *end)
{
	struct plain p;
	int status = 0;

	rd->unit = "event ";
	s = plain_space(s, end);
	while (status == 0 && *s != ']') {
		rd->place++;
		s = plain_read(&p, s + 1, end);
		status = add_plain(rd, &p);
		s = plain_space(s, end);
	}
	return status;
}

/* --- JSON --------------------------------------------------------------- */

/*
 * Data that is no string is published as its JSON text.  That is kept where
 * the value was, so that it lives as long.
 */
static int
take_value(struct reading *rd, json_t *object, const char *name, json_t *value,
    struct store_text *to)
{
	json_t *as_text;
	char *dump;

	if (json_is_null(value))
		return 0;
	if (!json_is_string(value)) {
		if (strcmp(name, "data") != 0)
			return refuse(rd, 400, "%s is not a string", name);
		dump = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
		as_text = dump == NULL ? NULL : json_string_nocheck(dump);
		free(dump);
		if (as_text == NULL ||
		    json_object_set_new_nocheck(object, "data", as_text) == -1)
			return refuse(rd, 500, "no memory");
		value = as_text;
	}
	*to = (struct store_text){
	    json_string_value(value), json_string_length(value)};
	return 0;
}

static int
read_object(struct reading *rd, json_t *object)
{
	static const char *const names[] = {"topic", "event", "data", "uid"};
	struct store_event *ev;
	size_t i, known = 0;
	const char *name;
	json_t *value;
	int status = 0;

	if (!json_is_object(object))
		return refuse(rd, 400, "not a JSON object");
	if ((ev = new_event(rd, &status)) == NULL)
		return status;
	for (i = 0; i < 4 && status == 0; i++) {
		if ((value = json_object_get(object, names[i])) == NULL)
			continue;
		known++;
		status = take_value(rd, object, names[i], value,
		    member(ev, names[i], strlen(names[i])));
	}
	if (status != 0)
		return status;
	if (known < json_object_size(object))
		json_object_foreach(
		    object, name, value) if (member(ev, name, strlen(name)) ==
					     NULL) return refuse_member(rd,
		    name, strlen(name));
	if (ev->event.len == 0)
		ev->event.s = NULL;
	return check_event(rd, ev);
}

/* The parser's words quote what came: only where is said, and what kind. */
static int
refuse_json(const struct reading *rd, const json_error_t *error)
{
	switch (json_error_code(error)) {
	case json_error_duplicate_key:
		return refuse(rd, 400, "a member is there twice");
	case json_error_stack_overflow:
		return refuse(rd, 400, "JSON that is nested too deep");
	case json_error_out_of_memory:
		return refuse(rd, 500, "no memory");
	default:
		return refuse(
		    rd, 400, "not JSON, at byte %d of it", error->position);
	}
}

static int
read_json(struct reading *rd, char *text, size_t len)
{
	json_error_t error;
	json_t *root, *value;
	int status = 0;
	size_t i;

	if (read_plain(rd, text, len, &status))
		return status;
	if (!rd->limits->parser_only && array_is_plain(text, text + len))
		return read_plain_array(rd, text, text + len);
	root = json_loadb(text, len, JSON_FLAGS, &error);
	if (root == NULL)
		return refuse_json(rd, &error);
	rd->body->json = root;
	if (!json_is_array(root))
		return read_object(rd, root);
	if (json_array_size(root) == 0)
		return refuse(rd, 400, "an empty array: no event in it");
	rd->unit = "event ";
	json_array_foreach(root, i, value)
	{
		rd->place = i + 1;
		if ((status = read_object(rd, value)) != 0)
			break;
	}
	return status;
}

/* A line's object joins those that came before, which keeps its texts. */
static int
read_line(struct reading *rd, char *line, size_t len)
{
	json_error_t error;
	json_t *object;
	int status;

	if (read_plain(rd, line, len, &status))
		return status;
	object = json_loadb(line, len, JSON_FLAGS, &error);
	if (object == NULL)
		return refuse_json(rd, &error);
	if (rd->body->json == NULL && (rd->body->json = json_array()) == NULL) {
		json_decref(object);
		return refuse(rd, 500, "no memory");
	}
	if (json_array_append_new(rd->body->json, object) == -1)
		return refuse(rd, 500, "no memory");
	return read_object(rd, object);
}

static int
read_ndjson(struct reading *rd, char *text, size_t len)
{
	char *end = text + len, *lf;
	int status = 0;

	rd->unit = "line ";
	for (; text < end && status == 0; text = lf + 1) {
		rd->place++;
		lf = memchr(text, '\n', (size_t)(end - text));
		if (lf == NULL)
			lf = end;
		len = (size_t)(lf - text);
		if (strspn(text, " \t\r") < len)
			status = read_line(rd, text, len);
		if (lf == end)
			break;
	}
	rd->unit = status == 0 ? "" : rd->unit;
	if (status == 0 && rd->body->n == 0)
		return refuse(rd, 400, "no line in the body: no event in it");
	return status;
}

/* --- the body ----------------------------------------------------------- */

/* Is it this type, whatever parameters follow it? */
static bool
is_type(const char *content_type, const char *type)
{
	size_t len = strlen(type);

	return content_type != NULL &&
	       strncasecmp(content_type, type, len) == 0 &&
	       strchr("; \t", content_type[len]) != NULL;
}

int
body_read(struct body *body, const char *content_type, char *text, size_t len,
    const struct body_limits *limits)
{
	struct reading rd = {.body = body, .limits = limits, .unit = ""};

	text[len] = '\0';
	if (is_type(content_type, "application/x-www-form-urlencoded"))
		return read_form(&rd, text, len);
	if (is_type(content_type, "application/json"))
		return read_json(&rd, text, len);
	if (is_type(content_type, "application/x-ndjson"))
		return read_ndjson(&rd, text, len);
	return refuse(&rd, 415,
	    "the body has to be a form, application/json or "
	    "application/x-ndjson");
}

void
body_free(struct body *body)
{
	free(body->events);
	json_decref(body->json);
	memset(body, 0, sizeof(*body));
}
