/*
 * fuzz_publish_body.c - a body that is posted is refused in one line, or it
 * becomes events that keep every limit and can be sent on a stream.  JSON that
 * is read in place gives the same events as JSON that the library parses.
 *
 * input	one letter: f for a form, j for JSON, n for JSON in lines; then
 *		the body
 */
#include "fcgi/publish/body.h"
#include "fcgi/base/utf8.h"
#include "tests/fuzz/fuzz.h"

static const struct body_limits limits = {8, 600, false}, slow = {8, 600, true};

static void
check_uid(struct store_text t)
{
	size_t i, digits = 0;

	must(t.len >= 1 && t.len <= 128);
	for (i = 0; i < t.len; i++) {
		must(t.s[i] > ' ' && t.s[i] < 0x7f);
		digits += t.s[i] >= '0' && t.s[i] <= '9';
	}
	must(digits < t.len);
}

static void
check_event(const struct store_event *ev)
{
	bool ok = true;
	size_t i;

	must(ev->topic.s == NULL ||
	     (ev->topic.len >= 1 && ev->topic.len <= 255 &&
		 memchr(ev->topic.s, '*', ev->topic.len) == NULL &&
		 utf8_clean(ev->topic.s, ev->topic.len)));
	must(ev->event.s == NULL ||
	     (ev->event.len >= 1 && ev->event.len <= 255 &&
		 utf8_clean(ev->event.s, ev->event.len)));
	if (ev->uid.s != NULL)
		check_uid(ev->uid);
	for (i = 0; i < ev->data.len && ok;)
		i += utf8_next(ev->data.s + i, ev->data.len - i, &ok);
	must(ok);
	must(ev->topic.len + ev->event.len + ev->uid.len + ev->data.len <= 600);
}

static bool
same(struct store_text a, struct store_text b)
{
	return (a.s == NULL) == (b.s == NULL) && a.len == b.len &&
	       (a.len == 0 || memcmp(a.s, b.s, a.len) == 0);
}

/* The parser of the library must come to the same result. */
static void
check_parser(const char *type, const uint8_t *in, size_t len,
    const struct body *body, int status)
{
	const struct store_event *a, *b;
	struct body other = {0};
	char *text = malloc(len + 1);
	size_t i;

	must(text != NULL);
	memcpy(text, in, len);
	must(body_read(&other, type, text, len, &slow) == status);
	if (status != 0)
		must(strcmp(other.why, body->why) == 0);
	else
		must(other.n == body->n && other.bytes == body->bytes);
	for (i = 0; status == 0 && i < body->n; i++) {
		a = &body->events[i];
		b = &other.events[i];
		must(same(a->topic, b->topic) && same(a->event, b->event) &&
		     same(a->data, b->data) && same(a->uid, b->uid));
	}
	body_free(&other);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
	struct body body = {0};
	size_t i, bytes = 0;
	const char *type;
	char *text;
	int status;

	if (len == 0)
		return 0;
	type = in[0] == 'f'   ? "application/x-www-form-urlencoded"
	       : in[0] == 'j' ? "application/json"
			      : "application/x-ndjson";
	text = malloc(len);
	must(text != NULL);
	memcpy(text, in + 1, len - 1);
	status = body_read(&body, type, text, len - 1, &limits);
	if (status == 0) {
		must(body.n >= 1 && body.n <= 8);
		for (i = 0; i < body.n; i++) {
			check_event(&body.events[i]);
			bytes += body.events[i].topic.len +
				 body.events[i].event.len +
				 body.events[i].data.len +
				 body.events[i].uid.len;
		}
		must(bytes == body.bytes);
	} else {
		must(status == 400 || status == 413);
		must(body.why[0] != '\0');
		must(utf8_clean(body.why, strlen(body.why)));
	}
	check_parser(type, in + 1, len - 1, &body, status);
	body_free(&body);
	free(text);
	return 0;
}
