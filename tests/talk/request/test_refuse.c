/*
 * test_refuse.c - requests that get no stream.  The answer is one line that
 * says why.  For trouble that will pass it is 200, retry and the end.
 */
#include <string.h>

#include "tests/talk/peer/peer.h"

static void
test_post_without_a_key_publishes_nothing(void)
{
	struct server *sv = serve();
	struct client *c = ask(sv, "POST", "/events", "topic=main&data=hello",
	    "CONTENT_TYPE", "application/x-www-form-urlencoded", NULL);

	want_refusal(c, 405);
	check(log_count(sv) == 0);
}

static void
test_other_methods(void)
{
	static const char *const method[] = {
	    "PUT", "DELETE", "PATCH", "TRACE", "get", "", "GETT"};
	struct server *sv = serve();

	for (size_t i = 0; i < sizeof(method) / sizeof(method[0]); i++)
		want_refusal(ask(sv, method[i], "/events", NULL, NULL), 405);
}

/* A 405 says which methods are allowed (RFC 9110, 15.5.6). */
static void
test_405_says_what_is_allowed(void)
{
	struct client *c = ask(serve(), "DELETE", "/events", NULL, NULL);

	check(want_headers(c) == 405);
	check(header(c, "Allow") != NULL);
	check(strstr(header(c, "Allow"), "GET") != NULL);
}

static void
test_unknown_path(void)
{
	struct server *sv = serve();

	want_refusal(get(sv, "/events/nothing", "SCRIPT_NAME", "/events",
			 "PATH_INFO", "/nothing", NULL),
	    404);
}

static void
test_path_info_of_the_stream(void)
{
	static const char *const mount[] = {
	    "/events", "/a/b/c", "", "/cgi-bin/largesse.fcgi"};
	struct server *sv = serve();

	for (size_t i = 0; i < sizeof(mount) / sizeof(mount[0]); i++) {
		want_start(get(sv, text("%s?topic=a", mount[i]), "SCRIPT_NAME",
		    mount[i], "PATH_INFO", "", NULL));
		want_start(get(sv, text("%s/?topic=a", mount[i]), "SCRIPT_NAME",
		    mount[i], "PATH_INFO", "/", NULL));
	}
}

static void
test_bad_topics(void)
{
	static const char *const query[] = {"topic=", "topic=a%00b",
	    "topic=a%0Ab", "topic=a%0D", "topic=%FF", "topic=%C3", "topic=%7F",
	    "topic=a&topic="};
	struct server *sv = serve();

	for (size_t i = 0; i < sizeof(query) / sizeof(query[0]); i++)
		want_refusal(get(sv, text("/events?%s", query[i]), NULL), 400);
}

/* It would be a stream of main, on which what was asked for never comes. */
static void
test_names_that_are_almost_ours(void)
{
	struct server *sv = serve();
	struct client *c = get(sv, "/events?topic%5B%5D=a", NULL);

	check(want_headers(c) == 400);
	check(strstr(body_of(c), "did you mean topic") != NULL);
	want_refusal(get(sv, "/events?Topic=a", NULL), 400);
	want_refusal(get(sv, "/events?topic=a&lasteventid=1", NULL), 400);
	want_start(get(sv,
	    "/events?topic=a&_=1&utm_source=x&lastEventID=0&last_event_id=0",
	    NULL));
}

static void
test_too_long_a_topic(void)
{
	struct server *sv = serve();

	want_start(get(sv, text("/events?topic=%0255d", 1), NULL));
	want_refusal(get(sv, text("/events?topic=%0256d", 1), NULL), 400);
}

static void
test_too_many_topics(void)
{
	struct server *sv = serve_with("--max-topics", "3", NULL);

	want_start(get(sv, "/events?topic=a&topic=b&topic=c&topic=a", NULL));
	want_refusal(
	    get(sv, "/events?topic=a&topic=b&topic=c&topic=d", NULL), 400);
}

static void
test_bad_places_to_start(void)
{
	static const char *const query[] = {"last=x", "last=-1",
	    "last=", "last=1x", "since=", "since=yesterday", "since=10y",
	    "since=-1", "since=2023-13-01T00:00:00Z"};
	struct server *sv = serve();

	for (size_t i = 0; i < sizeof(query) / sizeof(query[0]); i++)
		want_refusal(get(sv, text("/events?%s", query[i]), NULL), 400);
}

static void
test_a_refusal_does_not_repeat_what_was_sent(void)
{
	struct server *sv = serve();
	struct client *c =
	    get(sv, "/events?since=%3Cscript%3Ealert(1)%3C/script%3E", NULL);

	want_headers(c);
	want_closed(c);
	check(strstr(c->out.s, "<script>") == NULL);
	check(strstr(c->head.s, "<script>") == NULL);
}

static void
test_an_answer_is_never_kept_by_a_cache(void)
{
	struct server *sv = serve();
	struct client *c = get(sv, "/events?last=x", NULL);

	want_headers(c);
	check(header(c, "Cache-Control") != NULL);
	check(strstr(header(c, "Cache-Control"), "no-store") != NULL);
}

/* Whether this path exists or not, a whole answer comes at once. */
static void
test_other_paths_are_answered(void)
{
	static const char *const path[] = {"/health", "/metrics", "/status"};
	struct server *sv = serve();

	for (size_t i = 0; i < sizeof(path) / sizeof(path[0]); i++) {
		struct client *c = get(sv, text("/events%s", path[i]),
		    "SCRIPT_NAME", "/events", "PATH_INFO", path[i], NULL);
		int status = want_headers(c);

		check(status == 200 || status == 404);
		until(!hear(c, now_ms()) && c->closed);
		c->at = c->out.len;
		want_end(c);
	}
}

static void
test_options_is_answered(void)
{
	struct client *c = ask(serve(), "OPTIONS", "/events", NULL,
	    "HTTP_ORIGIN", "https://example.org",
	    "HTTP_ACCESS_CONTROL_REQUEST_METHOD", "GET", NULL);
	int status = want_headers(c);

	check(status == 200 || status == 204 || status == 405);
	want_closed(c);
	check(c->ended);
}

static void
want_come_back_later(struct client *c)
{
	check(want_headers(c) == 200);
	check(strcmp(header(c, "Content-Type"), "text/event-stream") == 0);
	check(want_farewell(c) > 0);
}

static void
test_over_the_limit_of_streams(void)
{
	struct server *sv = serve_with("--max-streams", "2", NULL);
	struct client *a = get(sv, "/events", NULL);
	struct client *b = get(sv, "/events", NULL), *c;

	want_start(a);
	want_start(b);
	want_come_back_later(get(sv, "/events", NULL));
	append(sv, "main", "x");
	want(a, "id: 1\ndata: x\n\n");
	leave(a);
	/* There is room as soon as the program has seen that a client left. */
	c = get_in_the_end(sv, "1");
	append(sv, "main", "y");
	want(c, "id: 2\ndata: y\n\n");
	want(b, "id: 1\ndata: x\n\nid: 2\ndata: y\n\n");
}

static void
test_over_the_limit_every_refusal_is_short(void)
{
	struct server *sv = serve_with("--max-streams", "1", NULL);
	struct client *a = get(sv, "/events", NULL);

	want_start(a);
	for (int i = 0; i < 100; i++)
		want_come_back_later(get(sv, "/events", NULL));
	until(count_connections(sv) == 1);
	want_nothing_more(a, sv, "main");
}

static void
test_an_old_stream_is_told_to_come_back(void)
{
	struct server *sv = serve_with("--max-age", "1", NULL);
	struct client *c = get(sv, "/events", NULL);

	want_start(c);
	append(sv, "main", "x");
	want(c, "id: 1\ndata: x\n\n");
	check(want_farewell(c) > 0);
}

static void
test_a_body_is_refused_when_it_is_too_long(void)
{
	struct server *sv = serve_with("--max-request", "1000", NULL);
	struct client *c = ask(sv, "POST", "/events", text("%02000d", 1), NULL);
	int status = want_headers(c);

	check(status == 413 || status == 405);
	want_closed(c);
	check(c->ended);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_post_without_a_key_publishes_nothing),
	    TALK(test_other_methods),
	    TALK(test_405_says_what_is_allowed),
	    TALK(test_unknown_path),
	    TALK(test_path_info_of_the_stream),
	    TALK(test_bad_topics),
	    TALK(test_names_that_are_almost_ours),
	    TALK(test_too_long_a_topic),
	    TALK(test_too_many_topics),
	    TALK(test_bad_places_to_start),
	    TALK(test_a_refusal_does_not_repeat_what_was_sent),
	    TALK(test_an_answer_is_never_kept_by_a_cache),
	    TALK(test_other_paths_are_answered),
	    TALK(test_options_is_answered),
	    TALK(test_over_the_limit_of_streams),
	    TALK(test_over_the_limit_every_refusal_is_short),
	    TALK(test_an_old_stream_is_told_to_come_back),
	    TALK(test_a_body_is_refused_when_it_is_too_long),
	};

	return talk_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
