/*
 * test_redis.c - what happens only with a log on Redis: entries that somebody
 * adds by XADD, a Redis that goes away and comes back, and a stream that is
 * replaced by another.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "tests/talk/peer/posts.h"

/* XADD with fields and values in one text; the entry's id. */
static char *
xadd(struct server *sv, const char *fields)
{
	return redis_text(text("XADD %s * %s", redis_stream(sv), fields));
}

static void
test_xadd_is_enough(void)
{
	struct server *sv = serve();
	struct client *c = stream(sv, "/events?topic=news&topic=main");
	char *id = xadd(sv, "topic news data hello");

	want(c, text("id: %s\ndata: hello\n\n", id));
	id = xadd(sv, "data more event e odd field");
	want(c, text("id: %s\nevent: e\ndata: more\n\n", id));
	id = xadd(sv, "nothing known");
	want_event(c, id, "message", "");
}

static void
test_its_id_is_a_place(void)
{
	struct server *sv = serve();
	char *one = xadd(sv, "data one"), *two = xadd(sv, "data two"), *three;
	struct client *c = get(sv, "/events", "HTTP_LAST_EVENT_ID", one, NULL);

	want_start(c);
	check(c->gap == NULL);
	want_event(c, two, "message", "two");
	three = xadd(sv, "data three");
	want_event(c, three, "message", "three");
	c = get(sv, "/events?last=2", NULL);
	want_start(c);
	want_event(c, two, "message", "two");
	want_event(c, three, "message", "three");
}

/* A uid that could be taken for an id would find another place. */
static void
test_uid_that_looks_like_an_id_is_none(void)
{
	struct server *sv = serve();
	struct client *c = stream(sv, "/events");
	char *id = xadd(sv, "uid 12-3 data x");

	want_event(c, id, "message", "x");
	id = xadd(sv, "uid u-3 data y");
	want_event(c, "u-3", "message", "y");
	xadd(sv, "data z");
	c = get(sv, "/events", "HTTP_LAST_EVENT_ID", "u-3", NULL);
	want_start(c);
	check(c->gap == NULL);
	want_event(c, NULL, "message", "z");
}

static void
test_redis_is_killed_and_comes_back(void)
{
	struct server *sv = serve();
	struct client *c = stream(sv, "/events");
	char *id;
	int i;

	for (i = 0; i < 5; i++) {
		xadd(sv, "data before");
		want_event(c, NULL, "message", "before");
		redis_down(SIGKILL);
		redis_up();
		id = xadd(sv, "data after");
		want_event(c, id, "message", "after");
	}
	check(c->gap == NULL);
}

static void
test_a_new_stream_waits_for_redis(void)
{
	struct server *sv = serve();
	char *id = xadd(sv, "data one");
	struct client *c;

	redis_down(SIGKILL);
	c = get(sv, "/events", "HTTP_LAST_EVENT_ID", id, NULL);
	until(status_number(sv, "Threads") == 1);
	redis_up();
	want_start(c);
	check(c->gap == NULL);
	xadd(sv, "data two");
	want_event(c, NULL, "message", "two");
}

static void
test_nobody_waits_for_redis_for_ever(void)
{
	struct server *sv = serve();
	struct client *c;

	redis_down(SIGKILL);
	c = get(sv, "/events", NULL);
	check(want_headers(c) == 200);
	check(want_farewell(c) > 0);
	redis_up();
	get_in_the_end(sv, "0");
}

static void
test_started_before_redis(void)
{
	struct server *sv = prepare();
	struct client *c;

	xadd(sv, "data one");
	redis_down(SIGKILL);
	start(sv, NULL);
	c = get(sv, "/events?last=1", NULL);
	redis_up();
	want_start(c);
	want_event(c, NULL, "message", "one");
	xadd(sv, "data two");
	want_event(c, NULL, "message", "two");
	check(c->gap == NULL);
}

static void
want_replaced(struct client *c)
{
	check(strcmp(json(want_gap(c), "$.reason"), "replaced") == 0);
}

static void
test_a_deleted_stream_is_told(void)
{
	struct server *sv = serve();
	struct client *c = stream(sv, "/events");

	xadd(sv, "data one");
	want_event(c, NULL, "message", "one");
	redis_text(text("DEL %s", redis_stream(sv)));
	want_replaced(c);
	xadd(sv, "data two");
	want_event(c, NULL, "message", "two");
}

static void
test_flushed_and_made_again(void)
{
	struct server *sv = serve();
	struct client *c = stream(sv, "/events");

	xadd(sv, "data one");
	want_event(c, NULL, "message", "one");
	redis_text("FLUSHALL");
	check(run_with(sv, NULL, "init", sv->db, NULL).status == 0);
	xadd(sv, "data two");
	want_replaced(c);
	want_event(c, NULL, "message", "two");
	xadd(sv, "data three");
	want_event(c, NULL, "message", "three");
}

/* As after a failover to a replica that lacked the newest. */
static void
test_the_newest_entries_are_lost(void)
{
	struct server *sv = serve();
	struct client *c = stream(sv, "/events");
	const char *name = redis_stream(sv);
	const struct event *e;

	xadd(sv, "data one");
	redis_text(text("COPY %s backup-%s", name, name));
	xadd(sv, "data two");
	want_event(c, NULL, "message", "one");
	want_event(c, NULL, "message", "two");
	redis_text(text("COPY backup-%s %s REPLACE", name, name));
	want_replaced(c);
	xadd(sv, "data three");
	/* What is as young as our last look at the log may come again. */
	do
		e = want_next(c);
	while (strcmp(e->data, "one") == 0);
	check(strcmp(e->data, "three") == 0);
	want_nothing_more(c, sv, "main");
}

/*
 * A log that was copied there has numbers.  Copied again from an older file, it
 * gives them to other events, and has grown past the streams.
 */
static void
test_another_life_of_a_copied_log_while_streaming(void)
{
	struct server *sv = serve();
	const char *name = redis_stream(sv);
	struct client *c = stream(sv, "/events"), *d;

	redis_text(text("XADD %s 0-1 data one time 1001", name));
	redis_text(text("XADD %s 0-2 data two time 1002", name));
	want_event(c, NULL, "message", "one");
	want_event(c, NULL, "message", "two");
	d = stream(sv, "/events");
	for (int i = 1; i <= 5; i++)
		redis_text(
		    text("XADD life-%s 0-%d data x time 200%d", name, i, i));
	redis_text(text("COPY life-%s %s REPLACE", name, name));
	want_replaced(c);
	want_replaced(d);
	want_nothing_more(c, sv, "main");
	want_event(d, NULL, "message", "the marker");
}

/* What retention keeps is less than what is published at once. */
static void
test_a_short_stream_loses_nothing_live(void)
{
	struct server *sv = serve();
	struct client *c = stream(sv, "/events");
	int i;

	for (i = 0; i < 50; i++) {
		redis_text(
		    text("XADD %s MAXLEN 1 * data %d", redis_stream(sv), i));
		want_event(c, NULL, "message", text("%d", i));
	}
	check(c->gap == NULL);
}

/* An entry that somebody removes by hand was not lost by us. */
static void
test_entries_that_are_deleted_are_no_gap(void)
{
	struct server *sv = serve();
	struct client *c = stream(sv, "/events");
	char *one = xadd(sv, "data one"), *two = xadd(sv, "data two");
	char *three = xadd(sv, "data three");

	want_event(c, one, "message", "one");
	want_event(c, two, "message", "two");
	want_event(c, three, "message", "three");
	redis_text(text("XDEL %s %s %s", redis_stream(sv), two, three));
	xadd(sv, "data four");
	want_event(c, NULL, "message", "four");
	check(c->gap == NULL);
	stop(sv); /* what is in its memory is still to be had */
	start(sv, NULL);
	c = get(sv, "/events", "HTTP_LAST_EVENT_ID", one, NULL);
	want_start(c);
	check(c->gap == NULL);
	want_event(c, NULL, "message", "four");
}

static void
test_trimmed_by_hand_behind_the_streams(void)
{
	struct server *sv = serve();
	struct client *c = stream(sv, "/events");
	char *one = xadd(sv, "data one");
	int i;

	for (i = 0; i < 300; i++)
		xadd(sv, "data more");
	want_event(c, one, "message", "one");
	for (i = 0; i < 300; i++)
		want_event(c, NULL, "message", "more");
	redis_text(text("XTRIM %s MAXLEN 0", redis_stream(sv)));
	xadd(sv, "data last");
	want_event(c, NULL, "message", "last");
	check(c->gap == NULL);
	/* Who was away longer has lost something, and hears of it. */
	c = get(sv, "/events", "HTTP_LAST_EVENT_ID", one, NULL);
	want_start(c);
	check(strcmp(json(want_gap(c), "$.reason"), "pruned") == 0);
	want_event(c, NULL, "message", "last");
}

static void
test_another_type_under_its_name(void)
{
	struct server *sv = serve();
	struct client *c = stream(sv, "/events");
	const char *name = redis_stream(sv);

	xadd(sv, "data one");
	want_event(c, NULL, "message", "one");
	redis_text(text("SET %s nonsense", name));
	until(strstr(errors(sv), "WRONGTYPE") != NULL);
	redis_text(text("DEL %s", name));
	want_replaced(c);
	xadd(sv, "data two");
	want_event(c, NULL, "message", "two");
}

/* As on an overloaded machine, or a network that drops everything. */
static void
test_redis_stands_still_for_a_while(void)
{
	struct server *sv = serve_with("--heartbeat", "1", NULL);
	struct client *c = stream(sv, "/events");

	xadd(sv, "data one");
	want_event(c, NULL, "message", "one");
	log_shut(sv);
	want_comment(c);
	check(want_headers(get(sv, "/events", NULL)) == 200);
	log_reopen(sv);
	xadd(sv, "data two");
	want_event(c, NULL, "message", "two");
	check(c->gap == NULL);
}

/* With a stream that has read all there was at hand, and waits for more. */
static void
test_it_ends_while_redis_stands_still(void)
{
	struct server *sv = serve_with("--window", "64K", NULL);
	struct client *c;

	append_many(sv, "main", 1, 6000, 3000);
	c = get(sv, "/events", "HTTP_LAST_EVENT_ID", "1", NULL);
	want_start(c);
	check(atoi(want_next(c)->data) == 2);
	log_shut(sv);
	while (hear(c, now_ms() + 500))
		;
	stop(sv);
	log_reopen(sv);
}

/*
 * A Redis that does not answer may run what was sent when it goes on.  So
 * nobody may be told that nothing was written.
 */
static void
test_no_answer_is_not_a_no(void)
{
	struct server *sv = serve_ready();
	struct client *c;
	const char *said;

	want_id(post(sv, FORM, "data=1"), 201);
	log_shut(sv);
	c = post(sv, FORM, "data=2");
	check(want_headers(c) == 503);
	said = body_of(c);
	check(strstr(said, "nothing was written") == NULL);
	check(strstr(said, "the same uid") != NULL);
	check(atoi(header(c, "Retry-After")) > 0);
	log_reopen(sv);
	until(log_count(sv) == 2);
	want_id(post(sv, FORM, "data=3"), 201);
}

static void
test_no_password_is_told(void)
{
	struct server *sv = prepare_nothing();
	char *db = text("redis://:sesame@127.0.0.1:1/0?stream=x");
	struct ran r = run_with(sv, NULL, "publish", db, "x", NULL);

	check(r.status == 1);
	check(strstr(r.err, "sesame") == NULL);
	check(strstr(r.err, "127.0.0.1:1") != NULL);
	r = run_with(sv, NULL, "serve", "--db", "redis://sesame@h:x/",
	    "--listen", text("unix:%s", sv->socket), NULL);
	check(r.status == 1);
	check(strstr(r.err, "sesame") == NULL);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_xadd_is_enough),
	    TALK(test_its_id_is_a_place),
	    TALK(test_uid_that_looks_like_an_id_is_none),
	    TALK(test_redis_is_killed_and_comes_back),
	    TALK(test_a_new_stream_waits_for_redis),
	    TALK(test_nobody_waits_for_redis_for_ever),
	    TALK(test_started_before_redis),
	    TALK(test_a_deleted_stream_is_told),
	    TALK(test_flushed_and_made_again),
	    TALK(test_the_newest_entries_are_lost),
	    TALK(test_another_life_of_a_copied_log_while_streaming),
	    TALK(test_a_short_stream_loses_nothing_live),
	    TALK(test_entries_that_are_deleted_are_no_gap),
	    TALK(test_trimmed_by_hand_behind_the_streams),
	    TALK(test_another_type_under_its_name),
	    TALK(test_redis_stands_still_for_a_while),
	    TALK(test_it_ends_while_redis_stands_still),
	    TALK(test_no_answer_is_not_a_no),
	    TALK(test_no_password_is_told),
	};

	return talk_main_redis(
	    argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
