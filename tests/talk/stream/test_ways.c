/*
 * test_ways.c - streams for clients whose way here harms them: heartbeats that
 * a page can see, streams with an end, polls, pads, and the same by POST.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/talk/peer/keyed.h"
#include "tests/talk/peer/peer.h"

static void
want_reason(struct client *c, const char *reason)
{
	want_farewell(c);
	if (strcmp(c->reason, reason) != 0)
		talk_fail("ended for %s, not for %s", c->reason, reason);
}

static int64_t
count(struct server *sv, const char *path)
{
	struct client *c = get(sv, "/events/status", NULL);

	check(want_headers(c) == 200);
	return json_number(body_of(c), path);
}

/* --- beats ---------------------------------------------------------------- */

/* The next beat, which says that the client has all up to this id (or NULL). */
static void
want_beat(struct client *c, const char *id)
{
	const struct event *e = want_next(c);
	int64_t time_ms;

	if (strcmp(e->type, "stream-beat") != 0)
		talk_fail("wanted a beat; came %s", e->type);
	check(e->id == NULL);
	check(id == NULL || strcmp(json(e->data, "$.id"), id) == 0);
	time_ms = json_number(e->data, "$.time");
	check(llabs(time_ms - (int64_t)time(NULL) * 1000) < PATIENCE_MS);
}

static void
test_a_page_sees_beats(void)
{
	struct server *sv = serve();
	struct client *c = stream(sv, "/events?beat=1");

	check(json_number(c->start, "$.beat") == 1);
	check(json_number(c->start, "$.time") > 1700000000000);
	want_beat(c, "0");
	append(sv, "main", "one");
	want_event(c, NULL, "message", "one");
	want_beat(c, "1");
	want_beat(c, "1");
	check(c->comments == 0);
}

/* An event is no reason to leave out a beat: a page measures by them. */
static void
test_beats_come_between_events(void)
{
	struct server *sv = serve();
	struct client *c = stream(sv, "/events?beat=1");
	int beats = 0, events = 0;

	while (beats < 3) {
		const struct event *e;

		append(sv, "main", "x");
		e = want_next(c);
		if (strcmp(e->type, "stream-beat") == 0)
			beats++;
		else
			events++;
	}
	check(events > 3);
}

static void
test_nobody_else_gets_beats(void)
{
	struct server *sv = serve_with("--heartbeat", "1", NULL);
	struct client *c = stream(sv, "/events");

	check(json(c->start, "$.beat") == NULL);
	check(json(c->start, "$.time") == NULL);
	want_comment(c);
	want_nothing_more(c, sv, "main");
}

static void
test_beats_are_not_more_often_than_allowed(void)
{
	struct server *sv = serve_with("--min-beat", "7", NULL);

	check(json_number(stream(sv, "/events?beat=1")->start, "$.beat") == 7);
	check(json_number(stream(sv, "/events?beat=9")->start, "$.beat") == 9);
	check(json_number(stream(sv, "/events?beat=99999999999")->start,
		  "$.beat") == 3600);
}

/* --- ages, polls ---------------------------------------------------------- */

static void
test_a_stream_ends_at_the_age_asked_for(void)
{
	struct server *sv = serve();
	int64_t began = now_ms();
	struct client *c = stream(sv, "/events?age=1");

	append(sv, "main", "one");
	want_event(c, NULL, "message", "one");
	want_reason(c, "age");
	check(now_ms() - began > 700);
	check(c->retry >= 100 && c->retry <= 300);
	check(count(sv, "$.ended.age") == 1);
	check(count(sv, "$.opened_age") == 1);
}

/* The site's own bound holds, and such an end is not wanted by the client. */
static void
test_an_age_is_no_longer_than_allowed(void)
{
	struct server *sv =
	    serve_with("--max-age", "1", "--retry", "5000", NULL);
	struct client *c = stream(sv, "/events?age=4000000000");

	want_reason(c, "age");
}

static void
test_a_poll_is_answered_at_once(void)
{
	struct server *sv = serve();
	struct client *c;

	append(sv, "main", "one");
	append(sv, "other", "none");
	append(sv, "main", "two");
	c = stream(sv, "/events?poll&lastEventId=earliest");
	want_event(c, NULL, "message", "one");
	want_event(c, NULL, "message", "two");
	want_reason(c, "poll");
	check(c->retry >= 100 && c->retry <= 300);
	check(count(sv, "$.ended.poll") == 1);
	check(count(sv, "$.opened_poll") == 1);
}

/* Its answer goes on where the last one ended. */
static void
test_a_poll_waits_for_an_event(void)
{
	struct server *sv = serve();
	struct client *c = stream(sv, "/events?poll=1");

	append(sv, "other", "none");
	append(sv, "main", "one");
	want_event(c, NULL, "message", "one");
	want_reason(c, "poll");
	append(sv, "main", "two");
	c = get(sv, "/events?poll=1", "HTTP_LAST_EVENT_ID", c->last_id.s, NULL);
	want_start(c);
	want_event(c, NULL, "message", "two");
	want_reason(c, "poll");
}

static void
test_a_poll_ends_without_an_event(void)
{
	struct server *sv = serve_with("--max-poll", "1", NULL);

	want_reason(stream(sv, "/events?poll"), "poll");
	want_reason(stream(sv, "/events?poll&age=60"), "poll");
	want_reason(stream(sv, "/events?poll&age=0&beat=1"), "poll");
}

static void
want_number(struct client *c, int i)
{
	const struct event *e = want_next(c);

	if (atoi(e->data) != i)
		talk_fail("wanted %d; came %s: %s", i, e->type,
		    shown(e->data, e->len));
}

/* More than one page, and more than a socket takes at once. */
static void
test_a_poll_brings_all_there_is(void)
{
	struct server *sv = serve();
	struct client *c;

	append_many(sv, "main", 1, 2500, 2000);
	c = come_back(sv, "/events?poll&age=0&pad=100", "earliest");
	for (int i = 1; i <= 2500; i++)
		want_number(c, i);
	want_reason(c, "poll");
}

/*
 * Its last bytes wait for room, too.  How much a socket takes is the kernel's
 * business, so there are polls of many sizes.
 */
static void
test_a_poll_ends_where_its_socket_is_full(void)
{
	struct server *sv = serve();

	append_many(sv, "main", 1, 400, 1000);
	for (int n = 120; n <= 400; n += 2) {
		int64_t blocked = count(sv, "$.blocked");
		struct client *c =
		    get(sv, text("/events?poll&last=%d", n), NULL);

		until(count(sv, "$.streams") == 0 ||
		      count(sv, "$.blocked") > blocked);
		if (strstr(body_of(c), "\"reason\":\"poll\"") == NULL)
			talk_fail("a poll of %d events has no end", n);
	}
	check(count(sv, "$.ended.poll") == 141);
}

static void
test_a_gap_is_an_answer(void)
{
	struct server *sv = serve();
	struct client *c;

	append(sv, "main", "one");
	c = get(sv, "/events?poll", "HTTP_LAST_EVENT_ID", "no-such-id", NULL);
	want_start(c);
	want_gap(c);
	want_reason(c, "poll");
}

static void
test_a_poll_of_what_has_ended(void)
{
	struct server *sv = serve();
	struct client *c;

	append(sv, "run/1", "one");
	append_event(sv, "run/1", "stream-end", "done", NULL);
	c = stream(sv, "/events?topic=run/1&poll&lastEventId=earliest");
	want_event(c, NULL, "message", "one");
	want_event(c, NULL, "stream-end", "done");
	want_end(c);
	c = get(sv, "/events?topic=run/1&poll", NULL);
	check(want_headers(c) == 204);
	want_end(c);
}

/*
 * Its last bytes are said once: on a connection that the web server keeps, more
 * of them would be the answer to the next request.
 */
static void
test_a_poll_that_ends_with_its_topic_ends_once(void)
{
	struct server *sv = serve();
	struct client *c = join(sv);
	struct bytes b = {0};

	append(sv, "run/1", "one");
	append_event(sv, "run/1", "stream-end", "done", NULL);
	c->keep_conn = true;
	for (int i = 0; i < 20; i++) {
		put_request(&b, 1, KEEP_CONN, "GET",
		    "/events?topic=run/1&poll&lastEventId=earliest", NULL,
		    NULL);
		check(say(c, &b));
		bytes_cut(&b, b.len);
		want_start(c);
		want_event(c, NULL, "message", "one");
		want_event(c, NULL, "stream-end", "done");
		want_end(c);
		check(c->out.len == c->at);
		c->ended = false;
		bytes_cut(&c->out, c->out.len);
		c->at = 0;
		bytes_cut(&c->head, c->head.len);
	}
	bytes_free(&b);
	check(count(sv, "$.ended.done") == 20);
	check(count(sv, "$.ended.poll") == 0);
}

/* --- pads ----------------------------------------------------------------- */

/* A pad of so many bytes is next, and then nothing. */
static void
want_pad(struct client *c, size_t size)
{
	char *line = keep(size + 1);

	memset(line, '.', size);
	line[0] = ':';
	line[size - 1] = '\n';
	until(c->out.len - c->at >= size || !hear(c, now_ms() + PATIENCE_MS));
	check(c->out.len - c->at >= size);
	if (memcmp(c->out.s + c->at, line, size) != 0)
		talk_fail(
		    "wanted a pad; came %s", shown(c->out.s + c->at, size));
	c->at += size;
}

static void
test_each_flush_has_its_pad(void)
{
	struct server *sv = serve_with("--heartbeat", "1", NULL);
	struct client *c = stream(sv, "/events?pad=3000");
	struct client *plain = stream(sv, "/events");

	want_pad(c, 3000);
	append(sv, "main", "one");
	want_event(c, NULL, "message", "one");
	want_pad(c, 3000);
	want_event(plain, NULL, "message", "one");
	want_bytes(c, ":\n", 2);
	want_pad(c, 3000);
	check(c->out.len == c->at);
	check(count(sv, "$.opened_pad") == 1);
}

static void
test_a_pad_is_no_longer_than_allowed(void)
{
	struct server *sv = serve_with("--max-pad", "10", NULL);
	struct client *c = stream(sv, "/events?pad=99999999999");

	want_pad(c, 10);
	append(sv, "main", "one");
	want_event(c, NULL, "message", "one");
	want_pad(c, 10);
	c = stream(sv, "/events?pad=1&beat=1");
	want_beat(c, "1");
	check(c->comments == 0);
}

/* A pad that the socket does not take whole goes on where it stopped. */
static void
test_a_reader_that_stops_within_pads(void)
{
	struct server *sv = serve();
	struct client *c = stream(sv, "/events?pad=8192&beat=1");
	int i, next = 1;

	for (i = 1; i <= 400; i++)
		append(sv, "main", text("%d", i));
	until(count(sv, "$.blocked") > 0 ||
	      (append(sv, "main", text("%d", i)), i++ > 5000));
	check(count(sv, "$.blocked") > 0);
	while (next < i) {
		const struct event *e = want_next(c);

		if (strcmp(e->type, "stream-beat") != 0)
			check(atoi(e->data) == next++);
	}
	kill(sv->pid, SIGTERM);
	want_reason(c, "shutdown");
	want_exit_0(sv);
}

/*
 * The rest of a pad is no reason for another pad.  The events are large, so it
 * is the pad for which there is no room.
 */
static void
test_a_pad_has_no_pad(void)
{
	struct server *sv = serve();
	struct client *c = stream(sv, "/events?pad=100");
	char *data = keep(30000);
	int i, n = 0;

	memset(data, 'x', 29999);
	while (count(sv, "$.blocked") == 0) {
		append(sv, "main", data);
		n++;
		until(count(sv, "$.deliveries") == n);
	}
	for (i = 1; i <= n; i++)
		want_event(c, NULL, "message", data);
	want_pad(c, 100);
	append(sv, "main", "more");
	until(c->out.len > c->at || !hear(c, now_ms() + PATIENCE_MS));
	check(c->out.s[c->at] == 'i'); /* of the event's id */
}

/* --- by POST -------------------------------------------------------------- */

#define FORM "CONTENT_TYPE", "application/x-www-form-urlencoded"

static void
test_a_stream_by_post(void)
{
	struct server *sv = serve();
	struct client *c;

	append(sv, "a", "one");
	append(sv, "b", "two");
	append(sv, "c", "none");
	c = ask(sv, "POST", "/events/stream?topic=a",
	    "topic=b&lastEventId=earliest&beat=1", FORM, NULL);
	want_start(c);
	check(strcmp(json(c->start, "$.topics"), "[\"a\",\"b\"]") == 0);
	want_event(c, NULL, "message", "one");
	want_event(c, NULL, "message", "two");
	want_beat(c, NULL);
	append(sv, "a", "more");
	want_event(c, NULL, "message", "more");
	check(count(sv, "$.opened_post") == 1);
	check(log_count(sv) == 4);
}

/* The same path by GET; and a path without PATH_INFO. */
static void
test_the_path_of_posts(void)
{
	struct server *sv = serve();
	struct client *c = stream(sv, "/events/stream?topic=a");

	append(sv, "a", "one");
	want_event(c, NULL, "message", "one");
	c = ask(sv, "POST", "/events/stream", "topic=a&last=1", "PATH_INFO", "",
	    FORM, NULL);
	want_start(c);
	want_event(c, NULL, "message", "one");
	c = ask(sv, "POST", "/events/stream", NULL, NULL);
	want_start(c);
	append(sv, "main", "two");
	want_event(c, NULL, "message", "two");
}

static void
test_posts_that_are_refused(void)
{
	struct server *sv = serve_with("--max-request", "128K", NULL);
	char *large = keep(80 * 1024);

	memset(large, 'x', 80 * 1024 - 1);
	want_refusal(ask(sv, "POST", "/events/stream", "{}", "CONTENT_TYPE",
			 "application/json", NULL),
	    415);
	want_refusal(
	    ask(sv, "POST", "/events/stream", "topic=%00", FORM, NULL), 400);
	want_refusal(ask(sv, "POST", "/events/stream", large, FORM, NULL), 413);
	want_refusal(
	    ask(sv, "POST", "/events/stream", "sign=00", FORM, NULL), 400);
	want_refusal(ask(sv, "POST", "/events", "topic=a", FORM, NULL), 405);
	want_refusal(
	    ask(sv, "POST", "/events/stream", "topic=a&data=x", FORM, NULL),
	    400);
	want_refusal(
	    ask(sv, "PUT", "/events/stream", "topic=a", FORM, NULL), 405);
}

/* A token is good in each of its places, and needed as for GET. */
static void
test_posts_need_the_token(void)
{
	struct server *sv = serve_keyed();
	char *token = token_for("u", "\"a\"");
	struct client *c;

	want_refusal(
	    ask(sv, "POST", "/events/stream", "topic=a", FORM, NULL), 401);
	want_refusal(ask(sv, "POST", "/events/stream", "topic=b", FORM,
			 "HTTP_AUTHORIZATION", text("Bearer %s", token), NULL),
	    403);
	c = ask(sv, "POST", "/events/stream", "topic=a", FORM,
	    "HTTP_AUTHORIZATION", text("Bearer %s", token), NULL);
	want_start(c);
	c = ask(sv, "POST", "/events/stream",
	    text("topic=a&access_token=%s", token), FORM, NULL);
	want_start(c);
	append(sv, "a", "one");
	want_event(c, NULL, "message", "one");
}

/* --- what does not go ------------------------------------------------------
 */

static void
test_ways_that_are_refused(void)
{
	static const char *const uris[] = {"/events?beat=0", "/events?beat=x",
	    "/events?beat=", "/events?age=1s", "/events?age=0",
	    "/events?age=-1", "/events?pad=1k", "/events?poll=yes",
	    "/events?poll=1%00", "/events?beat=1%00",
	    "/events?start=bare&beat=1", "/events?start=bare&poll",
	    "/events?start=bare&age=5"};
	struct server *sv = serve();
	size_t i;

	for (i = 0; i < sizeof(uris) / sizeof(uris[0]); i++)
		want_refusal(get(sv, uris[i], NULL), 400);
}

/* Where all streams are bare, one that says otherwise may have them. */
static void
test_ways_where_streams_are_bare(void)
{
	struct server *sv = serve_with("--start", "bare", NULL);

	want_refusal(get(sv, "/events?beat=1", NULL), 400);
	want_beat(stream(sv, "/events?start=event&beat=1"), "0");
}

/* --- a token that expires --------------------------------------------------
 */

static struct client *
open_expiring(struct server *sv, const char *uri, int seconds)
{
	return open_with(sv, uri,
	    kept(forge(FORGE_HS256,
		text("{\"exp\":%lld,\"largesse\":{\"subscribe\":[\"a\"]}}",
		    (long long)time(NULL) + seconds))));
}

static void
test_a_token_that_expires_is_told_of(void)
{
	struct server *sv = serve_keyed();
	struct client *c = open_expiring(sv, "/events?topic=a", 32);
	int64_t left;

	append(sv, "a", "one");
	want_event(c, NULL, "message", "one");
	left = want_warning(c);
	check(left > 20 && left <= 33);
}

static void
test_a_token_that_expires_soon_is_told_of_at_once(void)
{
	struct server *sv = serve_keyed();
	struct client *c = open_expiring(sv, "/events?topic=a", 3);

	check(want_warning(c) <= 5);
	want_reason(c, "token");
	c = open_expiring(sv, "/events?topic=a&poll&age=1", 20);
	check(want_warning(c) <= 22);
	want_reason(c, "poll");
}

/* Nor does a poll outlive it that has more to send than its client takes. */
static void
test_a_poll_ends_with_its_token(void)
{
	struct server *sv = prepare_keys();
	struct client *c;

	start(sv, KEYED(sv), "--max-poll", "3600", NULL);
	append_many(sv, "a", 1, 500, 2000);
	c = get_with(sv, "/events?topic=a&last=500&poll&age=1",
	    kept(forge(FORGE_HS256,
		text("{\"exp\":%lld,\"largesse\":{\"subscribe\":[\"a\"]}}",
		    (long long)time(NULL) + 3))));
	until(count(sv, "$.ended.token") == 1);
	check(count(sv, "$.streams") == 0);
	leave(c);
}

/*
 * A stream is looked at for many reasons, and here because its token expires.
 * It is no time for a beat, then.
 */
static void
test_beats_come_in_time_only(void)
{
	struct server *sv = prepare_keys();
	struct client *c;

	start(sv, KEYED(sv), NULL);
	c = open_expiring(sv, "/events?topic=a&beat=3600", 32);
	want_warning(c);
	append(sv, "a", "one");
	want_event(c, NULL, "message", "one");
	check(count(sv, "$.heartbeats") == 0);
}

/* A way that holds the last bytes would hold the warning. */
static void
test_the_warning_has_a_pad(void)
{
	struct server *sv = serve_keyed();
	struct client *c = open_expiring(sv, "/events?topic=a&pad=300", 32);

	want_pad(c, 300);
	want_warning(c);
	want_pad(c, 300);
	append(sv, "a", "one");
	want_event(c, NULL, "message", "one");
	want_pad(c, 300);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    TALK(test_a_page_sees_beats),
	    TALK(test_beats_come_between_events),
	    TALK(test_nobody_else_gets_beats),
	    TALK(test_beats_are_not_more_often_than_allowed),
	    TALK(test_a_stream_ends_at_the_age_asked_for),
	    TALK(test_an_age_is_no_longer_than_allowed),
	    TALK(test_a_poll_is_answered_at_once),
	    TALK(test_a_poll_waits_for_an_event),
	    TALK(test_a_poll_ends_without_an_event),
	    TALK(test_a_poll_brings_all_there_is),
	    TALK(test_a_poll_ends_where_its_socket_is_full),
	    TALK(test_a_gap_is_an_answer),
	    TALK(test_a_poll_of_what_has_ended),
	    TALK(test_a_poll_that_ends_with_its_topic_ends_once),
	    TALK(test_each_flush_has_its_pad),
	    TALK(test_a_pad_is_no_longer_than_allowed),
	    TALK(test_a_reader_that_stops_within_pads),
	    TALK(test_a_pad_has_no_pad),
	    TALK(test_a_stream_by_post),
	    TALK(test_the_path_of_posts),
	    TALK(test_posts_that_are_refused),
	    TALK(test_posts_need_the_token),
	    TALK(test_ways_that_are_refused),
	    TALK(test_ways_where_streams_are_bare),
	    TALK(test_a_token_that_expires_is_told_of),
	    TALK(test_a_token_that_expires_soon_is_told_of_at_once),
	    TALK(test_a_poll_ends_with_its_token),
	    TALK(test_beats_come_in_time_only),
	    TALK(test_the_warning_has_a_pad),
	};

	return talk_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
