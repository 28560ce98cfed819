/*
 * test_end.c - topics that end: the end reaches the page, the stream ends
 * properly, and who comes back is told that there is nothing more.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/talk/peer/peer.h"

static int64_t
end_topic(struct server *sv, const char *topic, const char *why)
{
	return append_event(sv, topic, "stream-end", why, NULL);
}

/* 204, and nothing with it. */
static void
want_over(struct client *c)
{
	check(want_headers(c) == 204);
	want_end(c);
}

static struct client *
from(struct server *sv, const char *uri, const char *id)
{
	return get(sv, uri, "HTTP_LAST_EVENT_ID", id, NULL);
}

static void
test_a_stream_ends_with_its_topic(void)
{
	struct server *sv = serve();
	struct client *c = stream(sv, "/events?topic=run/7");
	char *id;

	append(sv, "run/7", "one");
	want_event(c, NULL, "message", "one");
	end_topic(sv, "run/7", "done");
	want_event(c, NULL, "stream-end", "done");
	want_end(c);
	id = text("%s", c->last_id.s);
	want_over(from(sv, "/events?topic=run/7", id));
	want_over(get(sv, "/events?topic=run/7", NULL));
}

/* A page that was reloaded gets what was there, and then the end. */
static void
test_an_ended_topic_is_replayed(void)
{
	struct server *sv = serve();
	struct client *c;

	append(sv, "run/7", "one");
	append(sv, "run/8", "other");
	append(sv, "run/7", "two");
	end_topic(sv, "run/7", "failed");
	append(sv, "run/8", "more");
	c = stream(sv, "/events?topic=run/7&lastEventId=earliest");
	want_event(c, NULL, "message", "one");
	want_event(c, NULL, "message", "two");
	want_event(c, NULL, "stream-end", "failed");
	want_end(c);
	want_over(from(sv, "/events?topic=run/7", c->last_id.s));
	c = stream(sv, "/events?topic=run/7&last=1");
	want_event(c, NULL, "stream-end", "failed");
	want_end(c);
	want_nothing_more(stream(sv, "/events?topic=run/8"), sv, "run/8");
}

static void
test_a_later_event_opens_the_topic_again(void)
{
	struct server *sv = serve();
	struct client *c = stream(sv, "/events?topic=a"), *d;
	char *id;

	end_topic(sv, "a", "1");
	want_event(c, NULL, "stream-end", "1");
	want_end(c);
	id = text("%s", c->last_id.s);
	append(sv, "a", "again");
	c = from(sv, "/events?topic=a", id);
	want_start(c);
	want_event(c, NULL, "message", "again");
	d = stream(sv, "/events?topic=a&lastEventId=earliest");
	want_event(d, NULL, "stream-end", "1");
	want_event(d, NULL, "message", "again");
	end_topic(sv, "a", "2");
	want_event(d, NULL, "stream-end", "2");
	want_end(d);
	want_event(c, NULL, "stream-end", "2");
	want_end(c);
}

/* The stream of two topics ends with the second, whichever that is. */
static void
test_all_topics_have_to_end(void)
{
	struct server *sv = serve();
	const char *uri = "/events?topic=a&topic=b";
	struct client *c = stream(sv, uri), *d;

	end_topic(sv, "b", "1");
	want_event(c, NULL, "stream-end", "1");
	append(sv, "a", "x");
	want_event(c, NULL, "message", "x");
	d = stream(sv, uri);
	end_topic(sv, "a", "2");
	want_event(c, NULL, "stream-end", "2");
	want_end(c);
	want_event(d, NULL, "stream-end", "2");
	want_end(d);
	want_over(get(sv, uri, NULL));
	want_nothing_more(stream(sv, "/events?topic=a&topic=c"), sv, "c");
}

static void
test_a_prefix_never_ends(void)
{
	struct server *sv = serve();
	struct client *c = stream(sv, "/events?topic=run/*");
	struct client *d = stream(sv, "/events?topic=run/7&topic=run/*");

	append(sv, "run/7", "x");
	end_topic(sv, "run/7", "done");
	want_event(c, NULL, "message", "x");
	want_event(c, NULL, "stream-end", "done");
	want_event(d, NULL, "message", "x");
	want_event(d, NULL, "stream-end", "done");
	append(sv, "run/8", "y");
	want_event(c, NULL, "message", "y");
	want_event(d, NULL, "message", "y");
	want_nothing_more(d, sv, "run/9");
}

/* After a gap the client is told of the gap, and then the stream ends. */
static void
test_a_gap_before_the_end(void)
{
	struct server *sv = serve();
	struct client *c;

	append(sv, "a", "x");
	end_topic(sv, "a", "done");
	c = from(sv, "/events?topic=a", "none-such");
	want_start(c);
	check(strstr(want_gap(c), "unknown") != NULL);
	want_end(c);
	want_over(from(sv, "/events?topic=a", c->last_id.s));
}

static void
test_ours_are_still_not_theirs(void)
{
	struct server *sv = serve();
	struct client *c = stream(sv, "/events");

	append_event(sv, "main", "stream-endx", "1", NULL);
	append_event(sv, "main", "stream-en", "2", NULL);
	append_event(sv, "main", "stream-gap", "3", NULL);
	want_event(c, NULL, "stream\357\277\275endx", "1");
	want_event(c, NULL, "stream\357\277\275en", "2");
	want_event(c, NULL, "stream\357\277\275gap", "3");
	want_nothing_more(c, sv, "main");
}

/* A command at a terminal ends with the topic, too. */
static void
test_tail_ends(void)
{
	struct server *sv = serve();
	struct ran ran;

	append(sv, "a", "x");
	append(sv, "b", "y");
	end_topic(sv, "a", "done");
	ran = run_with(sv, NULL, "tail", sv->db, "--topic", "a",
	    "--last-event-id", "earliest", NULL);
	check(ran.status == 0);
	check(strstr(ran.out, "data: x\n") != NULL);
	check(strstr(ran.out, "event: stream-end\ndata: done\n") != NULL);
	ran = run_with(sv, NULL, "tail", sv->db, "--topic", "a", NULL);
	check(ran.status == 0 && strcmp(ran.out, "") == 0);
}

/* --- nothing but what was published --------------------------------------- */

/* The rest of a bare stream, from its first block on. */
static void
want_bare(struct client *c)
{
	check(want_headers(c) == 200);
	check(strcmp(header(c, "Content-Type"), "text/event-stream") == 0);
}

/* A place on the wire, with its check, and the empty line. */
static void
want_place(struct client *c, const char *number)
{
	size_t n;

	want(c, "id: ");
	want(c, number);
	n = check_len(c->out.s + c->at, c->out.len - c->at);
	c->at += n;
	want(c, "\n\n");
}

static const char *
first_number(const struct server *sv)
{
	struct logged *all;
	size_t n;

	all = log_all((struct server *)(uintptr_t)sv, &n);
	check(n > 0);
	return plain_id(all[0].id);
}

static void
test_bare_has_no_event_of_ours(void)
{
	struct server *sv = serve();
	struct client *c;
	const char *first;

	append(sv, "a", "x");
	first = first_number(sv);
	c = get(sv, "/events?topic=a&start=bare", NULL);
	want_bare(c);
	want_place(c, first);
	end_topic(sv, "a", "done");
	until(hear(c, now_ms() + 10) || c->ended);
	check(strstr(c->out.s + c->at, "data:") == NULL);
	check(strstr(c->out.s + c->at, "event:") == NULL);
	check(strncmp(c->out.s + c->at, "id: ", 4) == 0);
	until(c->ended || !hear(c, now_ms() + 10));
	want_over(get(sv, "/events?topic=a&start=bare", NULL));
}

static void
test_the_last_block(void)
{
	struct server *sv = serve();
	struct client *c, *d, *e;
	const char *body;

	append(sv, "a", "x");
	end_topic(sv, "a", "done");
	c = get(sv,
	    "/events?topic=a&start=bare&lastEventId=earliest"
	    "&end=%5BDONE%5D",
	    NULL);
	d = get(sv,
	    "/events?topic=a&start=bare&lastEventId=earliest"
	    "&end=</stream>%0Atwo&endEvent=update",
	    NULL);
	e = get(sv, "/events?topic=a&lastEventId=earliest&end=", NULL);
	body = body_of(c);
	check(strstr(body, "data: x\n\nid: ") != NULL);
	check(strstr(body, "\n\ndata: [DONE]\n\n") != NULL);
	check(strstr(body, "stream-") == NULL);
	check(strcmp(body + strlen(body) - 16, "\n\ndata: [DONE]\n\n") == 0);
	body = body_of(d);
	check(strstr(body,
		  "\n\nevent: update\ndata: </stream>\ndata: two\n\n") != NULL);
	body = body_of(e);
	check(strstr(body, "event: stream-end\ndata: done\n\ndata: \n\n") !=
	      NULL);
}

static void
test_bare_is_told_of_a_gap_before(void)
{
	struct server *sv = serve();
	int i;

	for (i = 0; i < 10; i++)
		append(sv, "a", "x");
	log_remove_before(sv, 8);
	want_refusal(
	    get(sv, "/events?topic=a&start=bare&lastEventId=none-such", NULL),
	    410);
	check(want_headers(get(sv,
		  "/events?topic=a&start=bare&lastEventId=earliest", NULL)) ==
	      200);
}

/* A bare stream that we end before its topics end is cut. */
static void
test_bare_is_cut(void)
{
	struct server *sv = serve();
	struct client *c = get(sv, "/events?topic=a&start=bare", NULL);

	want_bare(c);
	stop(sv);
	want_closed(c);
	check(!c->ended);
}

static void
test_bare_when_full(void)
{
	struct server *sv = serve_with("--max-streams", "1", NULL);
	struct client *c = stream(sv, "/events"), *d;

	d = get(sv, "/events?start=bare", NULL);
	check(want_headers(d) == 503);
	check(header(d, "Retry-After") != NULL);
	d = get(sv, "/events", NULL);
	check(want_headers(d) == 200);
	want_nothing_more(c, sv, "main");
}

static void
test_bare_by_option(void)
{
	struct server *sv = serve_with("--start", "bare", NULL);
	struct client *c;

	append(sv, "main", "x");
	c = get(sv, "/events", NULL);
	want_bare(c);
	want_place(c, first_number(sv));
	stream(sv, "/events?start=event");
	want_refusal(get(sv, "/events?start=no", NULL), 400);
}

static void
test_only_if_active(void)
{
	struct server *sv = serve();
	const char *uri = "/events?topic=a&active&lastEventId=earliest";
	struct client *c;

	append(sv, "b", "x");
	want_over(get(sv, uri, NULL));
	append(sv, "a", "one");
	c = stream(sv, uri);
	want_event(c, NULL, "message", "one");
	end_topic(sv, "a", "done");
	want_event(c, NULL, "stream-end", "done");
	want_end(c);
	want_over(get(sv, uri, NULL));
	want_refusal(get(sv, "/events?active=2", NULL), 400);
	stream(sv, "/events?topic=a&topic=b&active=1");
}

/* Bare and other streams of one topic, and of a prefix, side by side. */
static void
test_bare_beside_others(void)
{
	struct server *sv = serve();
	struct client *c = stream(sv, "/events?topic=a");
	struct client *d = get(sv, "/events?topic=a&start=bare", NULL);
	struct client *e = get(sv, "/events?topic=*&start=bare", NULL);
	const char *body;

	want_bare(d);
	want_bare(e);
	append(sv, "a", "one");
	append(sv, "b", "two");
	end_topic(sv, "a", "done");
	append(sv, "b", "last");
	want_event(c, NULL, "message", "one");
	want_event(c, NULL, "stream-end", "done");
	want_end(c);
	body = body_of(d);
	check(strstr(body, "data: one\n\n") != NULL);
	check(strstr(body, "two") == NULL && strstr(body, "done") == NULL);
	until(strstr(e->out.s, "data: last\n\n") != NULL ||
	      (hear(e, now_ms()), false));
	check(strstr(e->out.s, "data: two\n\n") != NULL);
	check(strstr(e->out.s, "done") == NULL && !e->ended);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_a_stream_ends_with_its_topic),
	    TALK(test_an_ended_topic_is_replayed),
	    TALK(test_a_later_event_opens_the_topic_again),
	    TALK(test_all_topics_have_to_end),
	    TALK(test_a_prefix_never_ends),
	    TALK(test_a_gap_before_the_end),
	    TALK(test_ours_are_still_not_theirs),
	    TALK(test_tail_ends),
	    TALK(test_bare_has_no_event_of_ours),
	    TALK(test_the_last_block),
	    TALK(test_bare_is_told_of_a_gap_before),
	    TALK(test_bare_is_cut),
	    TALK(test_bare_when_full),
	    TALK(test_bare_by_option),
	    TALK(test_only_if_active),
	    TALK(test_bare_beside_others),
	};

	return talk_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
