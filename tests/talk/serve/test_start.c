/*
 * test_start.c - how an answer begins: at once, and with everything that a
 * client needs to come back without missing an event.
 */
#include <string.h>

#include "tests/talk/peer/peer.h"

static void
test_headers_say_stream_and_nothing_may_hold_it(void)
{
	struct client *c = get(serve(), "/events", NULL);

	check(want_headers(c) == 200);
	check(strcmp(header(c, "Content-Type"), "text/event-stream") == 0);
	check(
	    strcmp(header(c, "Cache-Control"), "no-store, no-transform") == 0);
	check(strcmp(header(c, "X-Accel-Buffering"), "no") == 0);
	check(header(c, "Content-Length") == NULL);
	check(header(c, "Content-Encoding") == NULL);
}

static void
test_headers_end_their_lines_with_crlf(void)
{
	struct client *c = get(serve(), "/events", NULL);

	want_headers(c);
	for (const char *s = c->head.s; (s = strchr(s, '\n')) != NULL; s++)
		check(s > c->head.s && s[-1] == '\r');
}

static void
test_first_record_has_headers_and_body(void)
{
	struct server *sv = serve();
	struct client *c = get(sv, "/events", NULL);
	const char *end;

	/* Apache passes no header on before the body begins. */
	check(hear(c, now_ms() + PATIENCE_MS));
	end = strstr(c->out.s, "\r\n\r\n");
	check(end != NULL && end[4] != '\0');
}

static void
test_starts_at_once_on_an_empty_log(void)
{
	struct client *c = get(serve(), "/events?topic=news", NULL);

	check(strcmp(want_start(c), "0") == 0);
	check(c->retry > 0);
}

static void
test_start_names_its_topics(void)
{
	struct client *c = get(serve(), "/events?topic=a&topic=news*", NULL);
	char *first, *second;

	want_start(c);
	first = json(c->start, "$.topics[0]");
	second = json(c->start, "$.topics[1]");
	check(first != NULL && strcmp(first, "a") == 0);
	check(second != NULL && strcmp(second, "news*") == 0);
	check(json(c->start, "$.topics[2]") == NULL);
}

static void
test_start_is_json_whatever_the_topic(void)
{
	struct server *sv = serve();
	struct client *c = get(sv, "/events?topic=%22%5C%7D%2C%3C", NULL);
	char *topic;

	want_start(c);
	topic = json(c->start, "$.topics[0]");
	check(topic != NULL && strcmp(topic, "\"\\},<") == 0);
}

static void
test_start_without_a_topic_is_main(void)
{
	struct server *sv = serve();
	struct client *c = get(sv, "/events", NULL);
	char *topic;

	want_start(c);
	topic = json(c->start, "$.topics[0]");
	check(topic != NULL && strcmp(topic, "main") == 0);
	append(sv, "other", "no");
	append(sv, "main", "yes");
	want(c, "id: 2\ndata: yes\n\n");
}

static void
test_start_names_the_head_of_the_log(void)
{
	struct server *sv = serve();

	append(sv, "a", "one");
	append(sv, "b", "two");
	check(strcmp(want_start(get(sv, "/events?topic=a", NULL)), "2") == 0);
}

static void
test_start_names_the_log(void)
{
	struct server *sv = serve(), *another = serve();
	struct client *c = get(sv, "/events", NULL);
	struct client *same = get(sv, "/events", NULL);
	struct client *other = get(another, "/events", NULL);
	char *log;

	want_start(c);
	want_start(same);
	want_start(other);
	log = json(c->start, "$.log");
	check(log != NULL && *log != '\0');
	check(strcmp(log, json(same->start, "$.log")) == 0);
	check(strcmp(log, json(other->start, "$.log")) != 0);
}

static void
test_log_keeps_its_name_over_a_restart(void)
{
	struct server *sv = serve();
	struct client *c = get(sv, "/events", NULL), *again;

	want_start(c);
	slay(sv);
	start(sv, NULL);
	again = get(sv, "/events", NULL);
	want_start(again);
	check(
	    strcmp(json(c->start, "$.log"), json(again->start, "$.log")) == 0);
}

/*
 * This is what stream-start is for: a client that is lost before its first
 * event can come back and misses nothing.
 */
static void
test_start_is_a_place_to_come_back_to(void)
{
	struct server *sv = serve();
	struct client *c;
	const char *id;

	append(sv, "main", "before");
	c = get(sv, "/events", NULL);
	id = want_start(c);
	leave(c);
	append(sv, "main", "between");
	c = get(sv, "/events", "HTTP_LAST_EVENT_ID", id, NULL);
	want_start(c);
	want(c, "id: 2\ndata: between\n\n");
}

static void
test_start_of_an_empty_log_is_a_place_too(void)
{
	struct server *sv = serve();
	struct client *c = get(sv, "/events", NULL);
	const char *id = want_start(c);

	leave(c);
	append(sv, "main", "between");
	c = get(sv, "/events", "HTTP_LAST_EVENT_ID", id, NULL);
	want_start(c);
	want(c, "id: 1\ndata: between\n\n");
}

/*
 * The id of stream-start is the place that was asked for.  With a later id, a
 * second break would skip events.
 */
static void
test_start_of_a_resumed_stream_is_where_it_resumes(void)
{
	struct server *sv = serve();
	struct client *c;
	const char *id;

	append_many(sv, "main", 1, 3, 0);
	c = get(sv, "/events", "HTTP_LAST_EVENT_ID", "1", NULL);
	id = want_start(c);
	check(strcmp(id, "1") == 0);
	want_event(c, "2", NULL, "2 ");
	want_event(c, "3", NULL, "3 ");
}

static void
test_head_has_the_headers_and_no_stream(void)
{
	struct client *c = ask(serve(), "HEAD", "/events", NULL, NULL);

	check(want_headers(c) == 200);
	check(strcmp(header(c, "Content-Type"), "text/event-stream") == 0);
	want_end(c);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_headers_say_stream_and_nothing_may_hold_it),
	    TALK(test_headers_end_their_lines_with_crlf),
	    TALK(test_first_record_has_headers_and_body),
	    TALK(test_starts_at_once_on_an_empty_log),
	    TALK(test_start_names_its_topics),
	    TALK(test_start_is_json_whatever_the_topic),
	    TALK(test_start_without_a_topic_is_main),
	    TALK(test_start_names_the_head_of_the_log),
	    TALK(test_start_names_the_log),
	    TALK(test_log_keeps_its_name_over_a_restart),
	    TALK(test_start_is_a_place_to_come_back_to),
	    TALK(test_start_of_an_empty_log_is_a_place_too),
	    TALK(test_start_of_a_resumed_stream_is_where_it_resumes),
	    TALK(test_head_has_the_headers_and_no_stream),
	};

	return talk_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
