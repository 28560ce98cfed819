/*
 * test_live.c - a row that is appended is sent to the streams that asked for
 * its topic and to no other, once and in the order of the log.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/talk/peer/peer.h"

static void
test_a_row_comes(void)
{
	struct server *sv = serve();
	struct client *c = stream(sv, "/events?topic=a");

	append(sv, "a", "hello");
	want(c, "id: 1\ndata: hello\n\n");
	append(sv, "a", "again");
	want(c, "id: 2\ndata: again\n\n");
}

static void
test_only_its_own_topic_comes(void)
{
	struct server *sv = serve();
	struct client *c = stream(sv, "/events?topic=a");

	append(sv, "b", "no");
	append(sv, "A", "no");
	append(sv, "aa", "no");
	append(sv, "", "no");
	append(sv, "a", "yes");
	want(c, "id: 5\ndata: yes\n\n");
}

static void
test_two_topics_come_in_order_of_the_log(void)
{
	struct server *sv = serve();
	struct client *c = stream(sv, "/events?topic=b&topic=a");
	struct row rows[5];

	for (int i = 1; i <= 5; i++)
		rows[i - 1] =
		    (struct row){.topic = column(text("%c", " abcba"[i])),
			.data = column(text("%d", i))};
	append_rows(sv, rows, 5);
	want(c, "id: 1\ndata: 1\n\nid: 2\ndata: 2\n\n");
	want(c, "id: 4\ndata: 4\n\nid: 5\ndata: 5\n\n");
	want_nothing_more(c, sv, "b");
}

static void
test_many_topics_on_one_stream(void)
{
	struct server *sv = serve();
	struct bytes uri = {0};
	struct client *c;

	put_text(&uri, "/events?");
	for (int i = 0; i < 16; i++)
		put_text(&uri, text("topic=t%d&", i));
	c = stream(sv, text("%s", uri.s));
	bytes_free(&uri);
	for (int i = 15; i >= 0; i--) {
		append(sv, text("t%d", i), text("of %d", i));
		append(sv, text("x%d", i), "no");
	}
	for (int i = 15; i >= 0; i--)
		want_event(c, NULL, NULL, text("of %d", i));
}

static void
test_prefix(void)
{
	struct server *sv = serve();
	struct client *c = stream(sv, "/events?topic=news*");

	append(sv, "new", "no");
	append(sv, "newt", "no");
	append(sv, "news", "yes");
	append(sv, "news/sport", "yes");
	append(sv, "nexs", "no");
	append(sv, "news*", "yes");
	append(sv, "News", "no");
	want(c, "id: 3\ndata: yes\n\nid: 4\ndata: yes\n\n");
	want(c, "id: 6\ndata: yes\n\n");
	want_nothing_more(c, sv, "news!");
}

static void
test_prefix_is_text_not_a_pattern(void)
{
	struct server *sv = serve();
	struct client *c = stream(sv, "/events?topic=a_%25%5B*");

	append(sv, "axx[", "no");
	append(sv, "a_x[", "no");
	append(sv, "a_%[b", "yes");
	want(c, "id: 3\ndata: yes\n\n");
}

static void
test_prefix_reaches_to_the_last_character(void)
{
	struct server *sv = serve();
	struct client *c = stream(sv, "/events?topic=a*");

	append(sv, "a\xf4\x8f\xbf\xbf", "yes");
	append(sv, "b", "no");
	append(sv, "a\xc3\xbf", "yes");
	want(c, "id: 1\ndata: yes\n\nid: 3\ndata: yes\n\n");
}

static void
test_star_is_every_topic(void)
{
	struct server *sv = serve();
	struct client *c = stream(sv, "/events?topic=*");

	append(sv, "a", "1");
	append(sv, "main", "2");
	append(sv, "", "3");
	append(sv, "\xc3\xbc", "4");
	want(c, "id: 1\ndata: 1\n\nid: 2\ndata: 2\n\n");
	want(c, "id: 3\ndata: 3\n\nid: 4\ndata: 4\n\n");
}

static void
test_topics_that_overlap_repeat_nothing(void)
{
	struct server *sv = serve();
	struct client *c =
	    stream(sv, "/events?topic=a&topic=a&topic=a*&topic=ab*&topic=*");

	append(sv, "a", "1");
	append(sv, "ab", "2");
	append(sv, "z", "3");
	want(c, "id: 1\ndata: 1\n\nid: 2\ndata: 2\n\nid: 3\ndata: 3\n\n");
	want_nothing_more(c, sv, "abc");
}

static void
test_topic_is_decoded_as_browsers_encode(void)
{
	struct server *sv = serve();
	struct client *c = stream(sv, "/events?topic=caf%C3%A9+x%2f%26%3d%2B");

	append(sv, "caf\xc3\xa9 x/&=+", "yes");
	want(c, "id: 1\ndata: yes\n\n");
}

static void
test_a_star_may_be_encoded(void)
{
	struct server *sv = serve();
	struct client *c = stream(sv, "/events?topic=ne%2A");

	append(sv, "news", "yes");
	want(c, "id: 1\ndata: yes\n\n");
}

static void
test_unknown_parameters_are_left_alone(void)
{
	struct server *sv = serve();
	struct client *c =
	    stream(sv, "/events?_=17&&topic=a&x&=y&utm_source=mail&");

	append(sv, "a", "yes");
	want(c, "id: 1\ndata: yes\n\n");
}

static void
test_event_type(void)
{
	struct server *sv = serve();
	struct client *c = stream(sv, "/events");

	append_event(sv, "main", "tick", "1", NULL);
	append_event(sv, "main", "", "2", NULL);
	append_event(sv, "main", NULL, "3", NULL);
	want(c, "id: 1\nevent: tick\ndata: 1\n\n");
	want(c, "id: 2\ndata: 2\n\nid: 3\ndata: 3\n\n");
}

static void
test_uid_is_the_id(void)
{
	struct server *sv = serve();
	struct client *c = stream(sv, "/events");

	append_event(sv, "main", NULL, "x", "order-17:paid");
	append(sv, "main", "y");
	want(c, "id: order-17:paid\ndata: x\n\nid: 2\ndata: y\n\n");
}

static void
test_a_big_transaction_comes_whole_and_in_order(void)
{
	enum {
		N = 3000
	};
	struct server *sv = serve();
	struct client *c = stream(sv, "/events");

	append_many(sv, "main", 1, N, 0);
	for (int i = 1; i <= N; i++)
		want(c, text("id: %d\ndata: %d \n\n", i, i));
	want_nothing_more(c, sv, "main");
}

static void
test_ids_that_skip_are_not_waited_for(void)
{
	struct server *sv = serve();
	struct client *c = stream(sv, "/events");
	struct row far = {.id = 1000000000000, .data = column("x")};

	append_rows(sv, &far, 1);
	append(sv, "main", "y");
	want(c, "id: 1000000000000\ndata: x\n\n");
	want(c, "id: 1000000000001\ndata: y\n\n");
}

static void
test_every_stream_gets_it(void)
{
	enum {
		N = 60
	};
	struct server *sv = serve();
	struct client *c[N];

	for (int i = 0; i < N; i++)
		c[i] = stream(sv,
		    text("/events?topic=%s", i % 3 ? "all" : "some&topic=all"));
	append(sv, "some", "some");
	append(sv, "all", "all");
	for (int i = 0; i < N; i++) {
		if (i % 3 == 0)
			want(c[i], "id: 1\ndata: some\n\n");
		want(c[i], "id: 2\ndata: all\n\n");
	}
}

static void
test_four_publishers_at_once_lose_nothing(void)
{
	enum {
		PUBLISHERS = 4,
		EACH = 150
	};
	struct server *sv = serve();
	struct client *c = stream(sv, "/events");
	int next[PUBLISHERS] = {0}, who, i, status;

	for (int p = 0; p < PUBLISHERS; p++)
		append_as_a_process(sv, p, EACH);
	for (int n = 1; n <= PUBLISHERS * EACH; n++) {
		const struct event *e = want_next(c);

		check(e->id != NULL && atoi(e->id) == n);
		check(sscanf(e->data, "%d.%d", &who, &i) == 2);
		check(i == next[who]++);
	}
	for (int p = 0; p < PUBLISHERS; p++)
		check(wait(&status) > 0 && status == 0);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_a_row_comes),
	    TALK(test_only_its_own_topic_comes),
	    TALK(test_two_topics_come_in_order_of_the_log),
	    TALK(test_many_topics_on_one_stream),
	    TALK(test_prefix),
	    TALK(test_prefix_is_text_not_a_pattern),
	    TALK(test_prefix_reaches_to_the_last_character),
	    TALK(test_star_is_every_topic),
	    TALK(test_topics_that_overlap_repeat_nothing),
	    TALK(test_topic_is_decoded_as_browsers_encode),
	    TALK(test_a_star_may_be_encoded),
	    TALK(test_unknown_parameters_are_left_alone),
	    TALK(test_event_type),
	    TALK(test_uid_is_the_id),
	    TALK(test_a_big_transaction_comes_whole_and_in_order),
	    TALK(test_ids_that_skip_are_not_waited_for),
	    TALK(test_every_stream_gets_it),
	    TALK(test_four_publishers_at_once_lose_nothing),
	};

	return talk_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
