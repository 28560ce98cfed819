/*
 * test_resume.c - where a stream starts: after the id that the client has, or
 * as many events or as much time back as the client asks for.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/talk/peer/peer.h"

/* A log with n rows of topic main, whose data is their id. */
static struct server *
serve_rows(int n)
{
	struct server *sv = serve();

	for (int i = 1; i <= n; i++)
		append(sv, "main", text("%d", i));
	return sv;
}

/* The rows from first to last come, and nothing after them. */
static void
want_rows(struct client *c, struct server *sv, int first, int last)
{
	want_start(c);
	for (int i = first; i <= last; i++)
		want(c, text("id: %d\ndata: %d\n\n", i, i));
	want_nothing_more(c, sv, "main");
}

static void
test_from_now_when_nothing_is_asked(void)
{
	struct server *sv = serve_rows(3);

	want_rows(get(sv, "/events", NULL), sv, 4, 3);
}

static void
test_header(void)
{
	struct server *sv = serve_rows(5);

	want_rows(
	    get(sv, "/events", "HTTP_LAST_EVENT_ID", "2", NULL), sv, 3, 5);
}

static void
test_header_at_the_head_repeats_nothing(void)
{
	struct server *sv = serve_rows(3);

	want_rows(
	    get(sv, "/events", "HTTP_LAST_EVENT_ID", "3", NULL), sv, 4, 3);
}

static void
test_each_name_in_the_query(void)
{
	static const char *name[] = {
	    "lastEventId", "last_event_id", "lastEventID"};
	struct server *sv = serve_rows(2);

	for (size_t i = 0; i < 3; i++) {
		struct client *c = get(sv, text("/events?%s=1", name[i]), NULL);

		want_start(c);
		want(c, "id: 2\ndata: 2\n\n");
	}
}

static void
test_header_wins_over_the_query(void)
{
	struct server *sv = serve_rows(5);

	want_rows(get(sv, "/events?lastEventId=1&last=5", "HTTP_LAST_EVENT_ID",
		      "4", NULL),
	    sv, 5, 5);
}

/* event-source-polyfill appends its lastEventId to the URL that it has. */
static void
test_last_of_several_in_the_query_wins(void)
{
	struct server *sv = serve_rows(5);

	want_rows(
	    get(sv, "/events?lastEventId=1&lastEventId=3", NULL), sv, 4, 5);
}

static void
test_last_of_several_names_in_the_query_wins(void)
{
	struct server *sv = serve_rows(5);
	struct client *c = get(sv,
	    "/events?lastEventID=1&last_event_id=2&topic=main&lastEventId=4",
	    NULL);

	want_rows(c, sv, 5, 5);
}

static void
test_id_in_the_query_wins_over_last(void)
{
	struct server *sv = serve_rows(5);

	want_rows(get(sv, "/events?lastEventId=3&last=5", NULL), sv, 4, 5);
}

static void
test_an_empty_id_is_none(void)
{
	struct server *sv = serve_rows(3);

	want_rows(get(sv, "/events?last=1", "HTTP_LAST_EVENT_ID", "", NULL), sv,
	    3, 3);
}

static void
test_earliest(void)
{
	struct server *sv = serve_rows(3);
	struct client *c = get(sv, "/events?lastEventId=earliest", NULL);

	want_start(c);
	want(c, "id: 1\ndata: 1\n\nid: 2\ndata: 2\n\nid: 3\ndata: 3\n\n");
	want_rows(get(sv, "/events", "HTTP_LAST_EVENT_ID", "earliest", NULL),
	    sv, 1, 3);
}

static void
test_zero_is_before_the_first(void)
{
	struct server *sv = serve_rows(3);

	want_rows(
	    get(sv, "/events", "HTTP_LAST_EVENT_ID", "0", NULL), sv, 1, 3);
}

static void
test_uid(void)
{
	struct server *sv = serve();
	struct client *c;

	append_event(sv, "main", NULL, "1", "first");
	append_event(sv, "main", NULL, "2", "an order: 17%");
	append_event(sv, "main", NULL, "3", "o-18");
	append(sv, "main", "4");
	c = get(sv, "/events", "HTTP_LAST_EVENT_ID", "first", NULL);
	want_start(c);
	want(c, "id: 2\ndata: 2\n\nid: o-18\ndata: 3\n\nid: 4\ndata: 4\n\n");
	c = get(sv, "/events?lastEventId=o-18", NULL);
	want_start(c);
	want(c, "id: 4\ndata: 4\n\n");
}

static void
test_number_of_an_event_with_a_uid_is_a_place_too(void)
{
	struct server *sv = serve();
	struct client *c;

	append_event(sv, "main", NULL, "1", "first");
	append_event(sv, "main", NULL, "2", "second");
	c = get(sv, "/events", "HTTP_LAST_EVENT_ID", "1", NULL);
	want_start(c);
	want(c, "id: second\ndata: 2\n\n");
}

static void
test_id_of_another_topic_is_a_place_too(void)
{
	struct server *sv = serve();
	struct client *c;

	append(sv, "a", "1");
	append(sv, "b", "2");
	append(sv, "a", "3");
	append(sv, "b", "4");
	c = get(sv, "/events?topic=a", "HTTP_LAST_EVENT_ID", "2", NULL);
	want_start(c);
	want(c, "id: 3\ndata: 3\n\n");
	want_nothing_more(c, sv, "a");
}

static void
test_last(void)
{
	struct server *sv = serve_rows(5);

	want_rows(get(sv, "/events?last=2", NULL), sv, 4, 5);
}

static void
test_last_of_more_than_there_are_is_all(void)
{
	struct server *sv = serve_rows(3);

	want_rows(get(sv, "/events?last=1000", NULL), sv, 1, 3);
}

static void
test_last_of_an_empty_log(void)
{
	struct server *sv = serve_rows(0);

	want_rows(get(sv, "/events?last=5", NULL), sv, 1, 0);
}

static void
test_last_none_is_from_now(void)
{
	struct server *sv = serve_rows(3);

	want_rows(get(sv, "/events?last=0", NULL), sv, 4, 3);
}

static void
test_last_counts_the_topics_asked_for(void)
{
	struct server *sv = serve();
	struct client *c;

	for (int i = 1; i <= 30; i++)
		append(sv, text("%c%d", "abc"[i % 3], i % 2), text("%d", i));
	c = get(sv, "/events?topic=a*&topic=b1&last=4", NULL);
	want_start(c);
	/* a*: 3, 6, ... 30.  b1: 1, 7, 13, 19, 25.  Together, newest four: */
	want(c, "id: 24\ndata: 24\n\nid: 25\ndata: 25\n\n");
	want(c, "id: 27\ndata: 27\n\nid: 30\ndata: 30\n\n");
	want_nothing_more(c, sv, "b1");
}

/* Rows 1 to 3 with ages of 3 hours, 2 hours and 1 minute. */
static struct server *
serve_aged(void)
{
	struct server *sv = serve();
	int64_t now = time(NULL) * 1000LL;

	append_timed(sv, "1", now - 10800000);
	append_timed(sv, "2", now - 7200000);
	append_timed(sv, "3", now - 60000);
	return sv;
}

static void
test_since_an_age(void)
{
	struct server *sv = serve_aged();

	want_rows(get(sv, "/events?since=10m", NULL), sv, 3, 3);
}

static void
test_since_each_unit(void)
{
	static const struct {
		const char *since;
		int first;
	} t[] = {{"150m", 2}, {"9000s", 2}, {"9000", 2}, {"9000000ms", 2},
	    {"1d", 1}, {"1w", 1}, {"1h", 3}};
	struct server *sv = serve_aged();

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct client *c =
		    get(sv, text("/events?since=%s", t[i].since), NULL);

		want_start(c);
		for (int n = t[i].first; n <= 3; n++)
			want(c, text("id: %d\ndata: %d\n\n", n, n));
	}
}

static void
test_since_a_time(void)
{
	struct server *sv = serve();
	struct client *c;

	for (int i = 1; i <= 3; i++)
		append_timed(sv, text("%d", i), 1700000000000 + i * 1000);
	c = get(sv, "/events?since=2023-11-14T22:13:22Z", NULL);
	want_rows(c, sv, 2, 3);
}

static void
test_since_the_future_is_from_now(void)
{
	struct server *sv = serve_rows(3);

	want_rows(
	    get(sv, "/events?since=2999-01-01T00:00:00Z", NULL), sv, 4, 3);
}

static void
test_resume_after_a_crash_of_the_responder(void)
{
	struct server *sv = serve_rows(2);
	struct client *c = get(sv, "/events?last=1", NULL);

	want_start(c);
	want(c, "id: 2\ndata: 2\n\n");
	slay(sv);
	want_closed(c);
	append(sv, "main", "3");
	start(sv, NULL);
	append(sv, "main", "4");
	want_rows(get(sv, "/events?last=1", "HTTP_LAST_EVENT_ID", "2", NULL),
	    sv, 3, 4);
}

/* More than a page, the window or a socket buffer can hold. */
static void
test_a_long_way_back_comes_whole_and_in_order(void)
{
	enum {
		N = 20000
	};
	struct server *sv = serve();
	struct client *c;

	append_many(sv, "main", 1, N, 200);
	c = get(sv, "/events", "HTTP_LAST_EVENT_ID", "0", NULL);
	want_start(c);
	for (int i = 1; i <= N; i++) {
		const struct event *e = want_next(c);

		check(atoi(e->id) == i && atoi(e->data) == i && e->len == 200);
		if (i == N / 2)
			append_many(sv, "main", N + 1, 10, 200);
	}
	for (int i = N + 1; i <= N + 10; i++)
		check(atoi(want_next(c)->data) == i);
	want_nothing_more(c, sv, "main");
}

static void
test_rows_appended_while_it_catches_up_come_once(void)
{
	enum {
		N = 4000,
		MORE = 400
	};
	struct server *sv = serve();
	struct client *c;

	append_many(sv, "main", 1, N, 500);
	c = get(sv, "/events?lastEventId=0", NULL);
	want_start(c);
	for (int i = 1; i <= N + MORE; i++) {
		if (i <= N && i % 10 == 0)
			append_many(sv, "main", N + i / 10, 1, 500);
		check(atoi(want_next(c)->data) == i);
	}
	want_nothing_more(c, sv, "main");
}

/* A simpler twin: a list of all rows, in which the wanted ones are found. */
enum {
	TWIN_ROWS = 900
};

static bool
is_wanted(const char *const *topics, const char *topic)
{
	for (; *topics != NULL; topics++) {
		size_t len = strcspn(*topics, "*");

		if ((*topics)[len] == '*' ? strncmp(*topics, topic, len) == 0
					  : strcmp(*topics, topic) == 0)
			return true;
	}
	return false;
}

static void
want_as_listed(struct server *sv, const struct row *rows, int after,
    const char *const *topics)
{
	char *uri = text("/events?topic=%s", topics[0]);
	struct client *c;

	for (int i = 1; topics[i] != NULL; i++)
		uri = text("%s&topic=%s", uri, topics[i]);
	c = get(sv, uri, "HTTP_LAST_EVENT_ID", text("%d", after), NULL);
	want_start(c);
	for (int i = 0; i < TWIN_ROWS; i++)
		if (rows[i].id > after && is_wanted(topics, rows[i].topic.s))
			want_event(c, text("%lld", (long long)rows[i].id), NULL,
			    rows[i].data.s);
	check(c->out.len == c->at);
	leave(c);
}

static void
test_any_place_and_topics_give_what_the_list_gives(void)
{
	static const char *const t[][4] = {
	    {"a"}, {"a", "c"}, {"a*"}, {"ab*", "c", "ac"}, {"*"}, {"none"}};
	static const char *const name[] = {
	    "a", "aa", "ab", "b", "ba", "ac", "c", "cc"};
	struct server *sv = serve();
	struct row *rows = keep(TWIN_ROWS * sizeof(*rows));
	unsigned seed = (unsigned)now_ms();

	fprintf(stderr, "seed %u\n", seed);
	for (int i = 0; i < TWIN_ROWS; i++)
		rows[i] = (struct row){.id = 3 * (i + 1),
		    .topic = column(name[rand_r(&seed) % 8]),
		    .data = column(
			text("%0*d", rand_r(&seed) % 80 + 1, rand_r(&seed)))};
	append_rows(sv, rows, TWIN_ROWS);
	for (int i = 0; i < 60; i++)
		want_as_listed(
		    sv, rows, rand_r(&seed) % TWIN_ROWS * 3, t[i % 6]);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_from_now_when_nothing_is_asked),
	    TALK(test_header),
	    TALK(test_header_at_the_head_repeats_nothing),
	    TALK(test_each_name_in_the_query),
	    TALK(test_header_wins_over_the_query),
	    TALK(test_last_of_several_in_the_query_wins),
	    TALK(test_last_of_several_names_in_the_query_wins),
	    TALK(test_id_in_the_query_wins_over_last),
	    TALK(test_an_empty_id_is_none),
	    TALK(test_earliest),
	    TALK(test_zero_is_before_the_first),
	    TALK(test_uid),
	    TALK(test_number_of_an_event_with_a_uid_is_a_place_too),
	    TALK(test_id_of_another_topic_is_a_place_too),
	    TALK(test_last),
	    TALK(test_last_of_more_than_there_are_is_all),
	    TALK(test_last_of_an_empty_log),
	    TALK(test_last_none_is_from_now),
	    TALK(test_last_counts_the_topics_asked_for),
	    TALK(test_since_an_age),
	    TALK(test_since_each_unit),
	    TALK(test_since_a_time),
	    TALK(test_since_the_future_is_from_now),
	    TALK(test_resume_after_a_crash_of_the_responder),
	    TALK(test_a_long_way_back_comes_whole_and_in_order),
	    TALK(test_rows_appended_while_it_catches_up_come_once),
	    TALK(test_any_place_and_topics_give_what_the_list_gives),
	};

	return talk_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
