/*
 * body.c - the body of a POST, in each of its three forms.
 *
 * An unknown member is refused.  Otherwise a publisher who writes `topics`
 * instead of `topic` would publish to `main` and never learn why nobody gets
 * the events.
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
#include "fcgi/publish/body_raw.h"
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

/* Writes down what is wrong, and where.  Returns the status. */
static int __attribute__((format(printf, 3, 4)))
refuse_body(const struct reading *rd, int status, const char *fmt, ...)
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

/* Adds an event without any text.  NULL, and *status, if it cannot. */
static struct store_event *
new_event(struct reading *rd, int *status)
{
	struct body *b = rd->body;
	struct store_event *p;
	size_t size = b->size == 0 ? 1 : b->size * 2;

	if (b->n >= rd->limits->max_events) {
		*status =
		    refuse_body(rd, 413, "more than %zu events in a request",
			rd->limits->max_events);
		return NULL;
	}
	if (b->n == b->size) {
		if ((p = realloc(b->events, size * sizeof(*p))) == NULL) {
			*status = refuse_body(rd, 500, "no memory");
			return NULL;
		}
		b->events = p;
		b->size = size;
	}
	p = &b->events[b->n++];
	memset(p, 0, sizeof(*p));
	return p;
}

static int
refuse_member(const struct reading *rd, const char *name, size_t len)
{
	if (len > 40 || !utf8_clean(name, len))
		return refuse_body(rd, 400,
		    "a member that is not known: "
		    "topic, event, data and uid are");
	return refuse_body(rd, 400,
	    "'%.*s' is not known: topic, event, data and uid are", (int)len,
	    name);
}

static int
count_and_check(struct reading *rd, struct store_event *ev)
{
	const char *wrong;
	int status = body_event_check(ev, rd->limits->max_event_bytes, &wrong);

	rd->body->bytes +=
	    ev->topic.len + ev->event.len + ev->data.len + ev->uid.len;
	return status == 0 ? 0 : refuse_body(rd, status, "%s", wrong);
}

/* --- a form ------------------------------------------------------------- */

/* An empty field of a form counts as absent, but empty data is data. */
static int
read_form(struct reading *rd, char *text, size_t len)
{
	struct query q = {text, text + len};
	struct query_pair pair;
	struct store_text *to;
	int status = 0, i;
	struct store_event *ev = new_event(rd, &status);

	if (ev == NULL)
		return status;
	if (len == 0)
		return refuse_body(rd, 400, "an empty body: no event in it");
	while (query_next(&q, &pair)) {
		i = body_event_member(pair.name, pair.name_len);
		if (i == -1)
			return refuse_member(rd, pair.name, pair.name_len);
		to = body_event_text(ev, i);
		if (to->s != NULL)
			return refuse_body(
			    rd, 400, "%s is there twice", pair.name);
		*to = (struct store_text){pair.value, pair.value_len};
	}
	if (ev->topic.len == 0)
		ev->topic.s = NULL;
	if (ev->event.len == 0)
		ev->event.s = NULL;
	if (ev->uid.len == 0)
		ev->uid.s = NULL;
	return count_and_check(rd, ev);
}

/* --- plain JSON --------------------------------------------------------- */

static int
add_plain(struct reading *rd, const struct plain *p)
{
	int status = 0;
	struct store_event *ev = new_event(rd, &status);

	if (ev == NULL)
		return status;
	body_plain_take(p, ev);
	if (ev->event.len == 0)
		ev->event.s = NULL;
	return count_and_check(rd, ev);
}

/* Reads one plain object.  False: the text is not that, and unchanged. */
static bool
read_plain(struct reading *rd, char *text, size_t len, int *status)
{
	const char *end = text + len;
	struct plain p;
	char *s;

	if (rd->limits->parser_only ||
	    (s = body_plain_read(&p, text, end)) == NULL ||
	    body_plain_space(s, end) != end)
		return false;
	*status = add_plain(rd, &p);
	return true;
}

/*
 * Is the text an array of plain objects?  This is asked of the whole array
 * before its first event is taken, because taking changes the text, and jansson
 * needs it unchanged.  So each object is read twice.
 */
static bool
array_is_plain(char *s, const char *end)
{
	struct plain p;

	s = body_plain_space(s, end);
	if (s == end || *s != '[')
		return false;
	do {
		if ((s = body_plain_read(&p, s + 1, end)) == NULL)
			return false;
		s = body_plain_space(s, end);
	} while (s < end && *s == ',');
	return s < end && *s == ']' && body_plain_space(s + 1, end) == end;
}

static int
read_plain_array(struct reading *rd, char *s, const char *end)
{
	struct plain p;
	int status = 0;

	rd->unit = "event ";
	s = body_plain_space(s, end);
	while (status == 0 && *s != ']') {
		rd->place++;
		s = body_plain_read(&p, s + 1, end);
		status = add_plain(rd, &p);
		s = body_plain_space(s, end);
	}
	return status;
}

/* --- JSON --------------------------------------------------------------- */

/* A value of an object whose text is at raw. */
static int
take_value(struct reading *rd, const char *name, json_t *value,
    struct store_text raw, struct store_text *to)
{
	if (json_is_null(value))
		return 0;
	if (json_is_string(value)) {
		*to = (struct store_text){
		    json_string_value(value), json_string_length(value)};
		return 0;
	}
	if (strcmp(name, "data") != 0)
		return refuse_body(rd, 400, "%s is not a string", name);
	/* It is published as it was written, byte for byte. */
	*to = body_raw_member((char *)raw.s, raw.s + raw.len, name);
	return 0;
}

/* Takes an object that jansson has read from the text raw. */
static int
read_object(struct reading *rd, json_t *object, struct store_text raw)
{
	struct store_event *ev;
	size_t known = 0;
	const char *name;
	json_t *value;
	int status = 0, i;

	if (!json_is_object(object))
		return refuse_body(rd, 400, "not a JSON object");
	if ((ev = new_event(rd, &status)) == NULL)
		return status;
	for (i = 0; i < EVENT_TEXTS && status == 0; i++) {
		value = json_object_get(object, body_event_names[i]);
		if (value == NULL)
			continue;
		known++;
		status = take_value(rd, body_event_names[i], value, raw,
		    body_event_text(ev, i));
	}
	if (status != 0)
		return status;
	if (known < json_object_size(object)) {
		/* clang-format off */
		json_object_foreach(object, name, value)
			if (body_event_member(name, strlen(name)) == -1)
				return refuse_member(rd, name, strlen(name));
		/* clang-format on */
	}
	if (ev->event.len == 0)
		ev->event.s = NULL;
	return count_and_check(rd, ev);
}

/* jansson's message quotes the body, so only the kind and the place are told.
 */
static int
refuse_json(const struct reading *rd, const json_error_t *error)
{
	switch (json_error_code(error)) {
	case json_error_duplicate_key:
		return refuse_body(rd, 400, "a member is there twice");
	case json_error_stack_overflow:
		return refuse_body(rd, 400, "JSON that is nested too deep");
	case json_error_out_of_memory:
		return refuse_body(rd, 500, "no memory");
	default:
		return refuse_body(
		    rd, 400, "not JSON, at byte %d of it", error->position);
	}
}

/*
 * Lets jansson read the text, but for its numbers.  NULL, and the status.
 *
 * jansson passes over a NUL after a number or a word.  It is no JSON, and what
 * is taken from the text itself would end there.
 */
static json_t *
load_json(const struct reading *rd, const char *text, size_t len, int *status)
{
	const char *nul = memchr(text, '\0', len);
	json_error_t error;
	json_t *root;
	char *copy;

	if (nul != NULL) {
		*status = refuse_body(rd, 400, "not JSON, at byte %zu of it",
		    (size_t)(nul - text) + 1);
		return NULL;
	}
	copy = body_raw_copy(text, len);
	if (copy == NULL) {
		*status = refuse_body(rd, 500, "no memory");
		return NULL;
	}
	root = json_loadb(copy, len, JSON_FLAGS, &error);
	free(copy);
	if (root == NULL)
		*status = refuse_json(rd, &error);
	return root;
}

static int
read_array(struct reading *rd, json_t *array, char *text, const char *end)
{
	struct store_text raw;
	json_t *value;
	int status = 0;
	size_t i;
	char *s = body_plain_space(text, end), *next;

	if (json_array_size(array) == 0)
		return refuse_body(rd, 400, "an empty array: no event in it");
	rd->unit = "event ";
	json_array_foreach(array, i, value)
	{
		rd->place = i + 1;
		/* s stands on the bracket, or on the comma between two. */
		next = body_raw_end(s + 1, end);
		raw = (struct store_text){s + 1, (size_t)(next - s - 1)};
		if ((status = read_object(rd, value, raw)) != 0)
			break;
		s = body_plain_space(next, end);
	}
	return status;
}

static int
read_json(struct reading *rd, char *text, size_t len)
{
	json_t *root;
	int status = 0;

	if (read_plain(rd, text, len, &status))
		return status;
	if (!rd->limits->parser_only && array_is_plain(text, text + len))
		return read_plain_array(rd, text, text + len);
	if ((root = load_json(rd, text, len, &status)) == NULL)
		return status;
	rd->body->json = root;
	return json_is_array(root)
		   ? read_array(rd, root, text, text + len)
		   : read_object(rd, root, (struct store_text){text, len});
}

/* The object of a line is added to an array, which keeps its texts alive. */
static int
read_ndjson_line(struct reading *rd, char *line, size_t len)
{
	json_t *object;
	int status = 0;

	if (read_plain(rd, line, len, &status))
		return status;
	if ((object = load_json(rd, line, len, &status)) == NULL)
		return status;
	if (rd->body->json == NULL && (rd->body->json = json_array()) == NULL) {
		json_decref(object);
		return refuse_body(rd, 500, "no memory");
	}
	if (json_array_append_new(rd->body->json, object) == -1)
		return refuse_body(rd, 500, "no memory");
	return read_object(rd, object, (struct store_text){line, len});
}

/*
 * Passes over a byte order mark.  JSON must not begin with one, but some
 * programs write it, and it means nothing (RFC 8259, section 8.1).
 */
static void
pass_mark(char **text, size_t *len)
{
	if (*len >= 3 && memcmp(*text, "\xef\xbb\xbf", 3) == 0) {
		*text += 3;
		*len -= 3;
	}
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
		pass_mark(&text, &len); /* of each file that was put in here */
		if (strspn(text, " \t\r") < len)
			status = read_ndjson_line(rd, text, len);
		if (lf == end)
			break;
	}
	rd->unit = status == 0 ? "" : rd->unit;
	if (status == 0 && rd->body->n == 0)
		return refuse_body(
		    rd, 400, "no line in the body: no event in it");
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
	if (is_type(content_type, "application/json")) {
		pass_mark(&text, &len);
		return read_json(&rd, text, len);
	}
	if (is_type(content_type, "application/x-ndjson"))
		return read_ndjson(&rd, text, len);
	return refuse_body(&rd, 415,
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
