/*
 * fuzz_body.c - whatever is posted: refused in one line, or events that are
 * within every limit and can be said on a stream.
 *
 * input	f, j or n: a form, JSON or lines of it; then the body
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/body.h"
#include "fcgi/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define must(cond)                                               \
	do {                                                     \
		if (!(cond)) {                                   \
			fprintf(stderr, "must be: %s\n", #cond); \
			abort();                                 \
		}                                                \
	} while (0)

static const struct body_limits limits = {8, 600};

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

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
	struct body body = {0};
	size_t i, bytes = 0;
	char *text;
	int status;

	if (len == 0)
		return 0;
	text = malloc(len);
	must(text != NULL);
	memcpy(text, in + 1, len - 1);
	status = body_read(&body,
	    in[0] == 'f'   ? "application/x-www-form-urlencoded"
	    : in[0] == 'j' ? "application/json"
			   : "application/x-ndjson",
	    text, len - 1, &limits);
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
	body_free(&body);
	free(text);
	return 0;
}
