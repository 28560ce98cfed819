/*
 * test_probe.c - a probe ticks like a stream, ends, and keeps its bounds.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/talk/peer/peer.h"

/* The headers of a stream. */
static void
want_stream(struct client *c)
{
	check(want_headers(c) == 200);
	check(strcmp(header(c, "Content-Type"), "text/event-stream") == 0);
	check(
	    strcmp(header(c, "Cache-Control"), "no-store, no-transform") == 0);
	check(strcmp(header(c, "X-Accel-Buffering"), "no") == 0);
}

/* Wants tick n of `of`. */
static const char *
want_tick(struct client *c, int64_t n, int64_t of)
{
	const struct event *e = want_next(c);

	if (strcmp(e->type, "stream-probe") != 0 ||
	    json_number(e->data, "$.n") != n ||
	    json_number(e->data, "$.of") != of)
		talk_fail("wanted tick %d of %d, got %s %s", (int)n, (int)of,
		    e->type, e->data);
	check(e->id == NULL);
	return text("%s", e->data);
}

static int64_t
probes(struct server *sv)
{
	struct client *c = get(sv, "/events/status", NULL);

	check(want_headers(c) == 200);
	while (!c->ended)
		check(hear(c, now_ms() + PATIENCE_MS));
	return json_number(text("%s", c->out.s + c->at), "$.probes");
}

static void
test_ticks_come_as_on_a_stream(void)
{
	struct client *c = get(serve(), "/events/probe?ticks=3&every=20", NULL);

	want_stream(c);
	want_tick(c, 1, 3);
	check(c->retry > 0);
	want_tick(c, 2, 3);
	want_tick(c, 3, 3);
	want_end(c);
}

/* Of a bare stream the request stays in the socket, and of a probe it is taken.
 */
static void
test_ticks_come_where_streams_are_bare(void)
{
	struct server *sv = serve_with("--start", "bare", NULL);
	struct client *c = get(sv, "/events/probe?ticks=3&every=20", NULL);

	want_stream(c);
	want_tick(c, 1, 3);
	want_tick(c, 2, 3);
	want_tick(c, 3, 3);
	want_end(c);
}

static void
test_ticks_are_sent_apart(void)
{
	struct client *c =
	    get(serve(), "/events/probe?ticks=4&every=200", NULL);
	int64_t sent, last = 0;
	int n;

	want_stream(c);
	for (n = 1; n <= 4; n++) {
		sent = json_number(want_tick(c, n, 4), "$.sent");
		/* The timer may be late, and the next tick early after it. */
		check(n == 1 || sent > last);
		last = sent;
	}
	want_end(c);
}

static void
test_first_tick_tells_what_arrived(void)
{
	struct client *c =
	    get(serve(), "/events/probe?ticks=2", "HTTP_AUTHORIZATION",
		"Bearer abc", "HTTP_LAST_EVENT_ID", "17", "SERVER_PROTOCOL",
		"HTTP/1.0", "SERVER_SOFTWARE", "lighttpd/1.4", NULL);
	const char *s;

	want_stream(c);
	s = want_tick(c, 1, 2);
	check(json_number(s, "$.echo.authorization") == 10);
	check(json_number(s, "$.echo.cookie") == 0);
	check(json_number(s, "$.echo.last_event_id") == 2);
	check(strcmp(json(s, "$.echo.protocol"), "HTTP/1.0") == 0);
	check(strcmp(json(s, "$.echo.software"), "lighttpd") == 0);
	check(json_number(s, "$.echo.heartbeat_ms") == 15000);
	check(json(want_tick(c, 2, 2), "$.echo") == NULL);
}

static void
test_ticks_are_filled_up(void)
{
	struct client *c =
	    get(serve(), "/events/probe?ticks=16&every=20&size=16384", NULL);
	int n;

	want_stream(c);
	for (n = 1; n <= 16; n++)
		want_tick(c, n, 16);
	want_end(c);
	check(c->out.len > 16 * 16384);
	check(c->out.len < 16 * 16384 + 1024);
}

static void
test_leaving_ends_it(void)
{
	struct server *sv = serve();
	struct client *c = get(sv, "/events/probe?ticks=2&every=300000", NULL);

	want_stream(c);
	want_tick(c, 1, 2);
	check(probes(sv) == 1);
	leave(c);
	until(probes(sv) == 0);
}

/* 256 KiB is more than the socket takes while nobody reads. */
static void
test_one_that_does_not_read_is_ended(void)
{
	struct server *sv = serve();
	struct client *c =
	    get(sv, "/events/probe?ticks=16&every=200&size=16384", NULL);

	/* The question how many there are may be answered before it. */
	until(probes(sv) == 1);
	until(probes(sv) == 0);
	want_closed(c);
	check(!c->ended);
}

static void
test_too_many_are_told_to_come_back(void)
{
	struct server *sv = serve();
	struct client *c[16], *one, *more;
	int i;

	for (i = 0; i < 16; i++) {
		c[i] = get(sv, "/events/probe?ticks=2&every=300000", NULL);
		want_stream(c[i]);
		want_tick(c[i], 1, 2);
	}
	one = get(sv, "/events/probe?ticks=2&every=300000", NULL);
	check(want_headers(one) == 200);
	want_farewell(one);
	/* There is still room for eight short ones, and then for none. */
	for (i = 0; i < 8; i++) {
		more = get(sv, "/events/probe?ticks=2&every=15000", NULL);
		want_stream(more);
		want_tick(more, 1, 2);
	}
	more = get(sv, "/events/probe?ticks=2&every=20", NULL);
	check(want_headers(more) == 200);
	want_farewell(more);
	check(probes(sv) == 24);
	leave(c[0]);
	until(probes(sv) == 23);
	more = get(sv, "/events/probe?ticks=2&every=20", NULL);
	want_stream(more);
	want_tick(more, 1, 2);
	want_tick(more, 2, 2);
	want_end(more);
}

static void
test_beyond_bounds_is_refused(void)
{
	struct server *sv = serve();

	want_refusal(get(sv, "/events/probe?ticks=41", NULL), 400);
	want_refusal(get(sv, "/events/probe?every=1", NULL), 400);
	want_refusal(get(sv, "/events/probe?size=1000000", NULL), 400);
	want_refusal(ask(sv, "POST", "/events/probe", "", NULL), 405);
}

static void
test_head_has_the_headers_and_no_tick(void)
{
	struct client *c = ask(serve(), "HEAD", "/events/probe", NULL, NULL);

	check(want_headers(c) == 200);
	check(strcmp(header(c, "Content-Type"), "text/event-stream") == 0);
	want_end(c);
}

/* A stream goes on beside a probe, and the program may end during a probe. */
static void
test_streams_do_not_notice(void)
{
	struct server *sv = serve();
	struct client *s = get(sv, "/events", NULL);
	struct client *c = get(sv, "/events/probe?ticks=2&every=10000", NULL);

	want_start(s);
	want_stream(c);
	want_tick(c, 1, 2);
	append(sv, "main", "x");
	want_event(s, "1", NULL, "x");
	stop(sv);
	want_closed(c);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_ticks_come_as_on_a_stream),
	    TALK(test_ticks_come_where_streams_are_bare),
	    TALK(test_ticks_are_sent_apart),
	    TALK(test_first_tick_tells_what_arrived),
	    TALK(test_ticks_are_filled_up),
	    TALK(test_leaving_ends_it),
	    TALK(test_one_that_does_not_read_is_ended),
	    TALK(test_too_many_are_told_to_come_back),
	    TALK(test_beyond_bounds_is_refused),
	    TALK(test_head_has_the_headers_and_no_tick),
	    TALK(test_streams_do_not_notice),
	};

	return talk_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
