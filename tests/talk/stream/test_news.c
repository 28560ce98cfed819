/*
 * test_news.c - how the program learns of a commit: at once and without its
 * regular look, whoever committed; and what it does while it cannot read the
 * log.
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "tests/talk/peer/peer.h"

/* The regular look (--poll) comes later than any test waits. */
static struct server *
serve_without_sweep(void)
{
	return serve_with("--poll", "60000", NULL);
}

static void
want_row(struct client *c, int n)
{
	want_event(c, NULL, "message", text("%d", n));
}

/* Each row is appended when the one before has come. */
static void
want_one_by_one(struct server *sv)
{
	struct client *c = stream(sv, "/events");

	for (int i = 1; i <= 40; i++) {
		append(sv, "main", text("%d", i));
		want_row(c, i);
	}
}

static void
test_a_publisher_for_every_row(void)
{
	want_one_by_one(serve_without_sweep());
}

static void
test_without_any_sweep_at_all(void)
{
	want_one_by_one(serve_with("--poll", "0", NULL));
}

static void
test_the_program_of_the_engine(void)
{
	struct server *sv = serve_without_sweep();
	struct client *c = stream(sv, "/events?topic=news");

	for (int i = 1; i <= 5; i++) {
		check(log_tool(sv, "news", text("%d", i)).status == 0);
		want_row(c, i);
	}
}

/* --- transactions -------------------------------------------------------- */

static void
test_what_is_rolled_back_never_comes(void)
{
	struct server *sv = serve();
	struct client *c = stream(sv, "/events");

	log_abandon(log_begin(sv, "no"));
	append(sv, "main", "yes");
	want_event(c, NULL, NULL, "yes");
}

static void
test_what_is_not_committed_does_not_come_yet(void)
{
	struct server *sv = serve();
	struct client *c = stream(sv, "/events");
	struct transaction *t;

	append(sv, "main", "1");
	want(c, "id: 1\ndata: 1\n\n");
	t = log_begin(sv, "2");
	/* A new stream is answered meanwhile, and does not get the row. */
	check(strcmp(want_start(get(sv, "/events", NULL)), "1") == 0);
	check(c->out.len == c->at);
	log_commit(t);
	want(c, "id: 2\ndata: 2\n\n");
}

static void
test_a_publisher_that_is_killed_in_a_transaction(void)
{
	struct server *sv = serve_without_sweep();
	struct client *c = stream(sv, "/events");

	append(sv, "main", "1");
	want_row(c, 1);
	log_abandon(log_begin(sv, "99"));
	append(sv, "main", "2");
	want_row(c, 2);
}

static void
test_a_publisher_with_an_open_transaction_blocks_nobody(void)
{
	struct server *sv = serve_without_sweep();
	struct transaction *t;
	struct client *c;

	append(sv, "main", "1");
	t = log_begin(sv, "2");
	c = stream(sv, "/events?last=1");
	want_row(c, 1);
	log_commit(t);
	want_row(c, 2);
}

/* --- a log that cannot be read ----------------------------------------- */

static void
test_a_log_that_is_busy_at_the_start(void)
{
	struct server *sv = prepare();
	struct client *c;

	append(sv, "main", "1");
	log_shut(sv);
	start(sv, NULL);
	c = get(sv, "/events", NULL);
	check(want_headers(c) == 200);
	log_reopen(sv);
	c = get_in_the_end(sv, "0");
	want(c, "id: 1\ndata: 1\n\n");
}

/* --- idle -------------------------------------------------------------- */

static long
switches_in_a_second(const struct server *sv)
{
	long before = status_number(sv, "voluntary_ctxt_switches");

	poll(NULL, 0, 1000); /* a rate needs a span of time */
	return status_number(sv, "voluntary_ctxt_switches") - before;
}

static void
test_an_idle_process_sleeps(void)
{
	struct server *sv = serve_without_sweep();
	struct client *c[20];

	for (int i = 0; i < 20; i++)
		c[i] = stream(sv, "/events");
	append(sv, "main", "1");
	for (int i = 0; i < 20; i++)
		want_row(c[i], 1);
	/*
	 * After the last hint the pauses grow; then almost no wake-ups are
	 * left.
	 */
	until(switches_in_a_second(sv) <= 2);
}

static void
test_an_idle_process_wakes_for_the_sweep_alone(void)
{
	struct server *sv = serve_with("--poll", "100", NULL);

	stream(sv, "/events");
	until(switches_in_a_second(sv) <= 14);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_a_publisher_for_every_row),
	    TALK(test_without_any_sweep_at_all),
	    TALK(test_the_program_of_the_engine),
	    TALK(test_what_is_rolled_back_never_comes),
	    TALK(test_what_is_not_committed_does_not_come_yet),
	    TALK(test_a_publisher_that_is_killed_in_a_transaction),
	    TALK(test_a_publisher_with_an_open_transaction_blocks_nobody),
	    TALK(test_a_log_that_is_busy_at_the_start),
	    TALK(test_an_idle_process_sleeps),
	    TALK(test_an_idle_process_wakes_for_the_sweep_alone),
	};

	return talk_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
