/*
 * test_replaced.c - another log gets the same name, or the log goes back in
 * time: every stream is told, and goes on in the log that is there now.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/talk/peer/witness.h"

/* A log of n rows that no server uses. */
static struct server *
another_log(int n)
{
	struct server *sv = prepare();

	for (int i = 1; i <= n; i++)
		append(sv, "main", text("%d", i));
	return sv;
}

/* A stream that has got all n rows. */
static struct client *
stream_of(struct server *sv, int n)
{
	struct client *c = get_in_the_end(sv, "0");

	for (int i = 1; i <= n; i++)
		want_event(c, text("%d", i), "message", text("%d", i));
	return c;
}

static void
test_replaced_by_mv_while_streaming(void)
{
	struct server *sv = serve_numbered(5), *other = another_log(3);
	struct client *c = stream_of(sv, 5);

	log_replace(sv, other);
	want_gap_and_the_rest(c, sv, "5");
}

/* The new log has the ids that the stream waits for. */
static void
test_replaced_by_a_longer_one_while_streaming(void)
{
	struct server *sv = serve_numbered(5), *other = another_log(9);
	struct client *c = stream_of(sv, 5);

	log_replace(sv, other);
	want_gap_and_the_rest(c, sv, "5");
}

static void
test_removed_and_made_again_while_streaming(void)
{
	struct server *sv = serve_numbered(5);
	struct client *c = stream_of(sv, 5);
	struct ran r;

	log_remove(sv);
	r = run_with(sv, NULL, "init", sv->db, NULL);
	check(r.status == 0);
	append(sv, "main", "1");
	want_gap_and_the_rest(c, sv, "5");
}

static void
test_restored_from_an_older_copy_while_streaming(void)
{
	struct server *sv = serve_numbered(3), *old = log_copy(sv);
	struct client *c;

	append(sv, "main", "4");
	append(sv, "main", "5");
	c = stream_of(sv, 5);
	log_restore(sv, old);
	want_gap_and_the_rest(c, sv, "5");
}

/*
 * The ids of the copy have passed the place of the stream, so only the row at
 * that place shows that this is another log.  The first event is published, so
 * that the engine makes the ids from there on.  Ids of Redis are times, and the
 * rows of the copy get other times.
 */
static void
test_restored_copy_that_grew_past_the_stream(void)
{
	struct row other = {
	    .topic = column("other"), .data = column("x"), .time_ms = 1};
	struct server *sv = serve(), *old;
	struct client *c = stream(sv, "/events");
	int64_t now;

	check(run_with(sv, NULL, "publish", sv->db, "1", NULL).status == 0);
	old = log_copy(sv);
	append(sv, "main", "2");
	append(sv, "main", "3");
	for (int i = 1; i <= 3; i++)
		want_event(c, NULL, "message", text("%d", i));
	now = now_ms();
	until(now_ms() > now + 2);
	for (int i = 2; i <= 8; i++)
		append_rows(old, &other, 1);
	log_restore(sv, old);
	want_gap(c);
	want_nothing_more(c, sv, "main");
}

static void
test_emptied_and_begun_again_while_streaming(void)
{
	struct server *sv = serve_numbered(5);
	struct client *c = stream_of(sv, 5);

	log_rewind(sv, "1");
	want_gap_and_the_rest(c, sv, "5");
}

static void
test_every_stream_is_told(void)
{
	struct server *sv = serve_numbered(2), *other = another_log(1);
	struct client *c[5], *asleep = get(sv, "/events?topic=quiet", NULL);

	want_start(asleep);
	for (int i = 0; i < 5; i++)
		c[i] = stream_of(sv, 2);
	log_replace(sv, other);
	for (int i = 0; i < 5; i++)
		want_gap(c[i]);
	want_gap(asleep);
	want_nothing_more(asleep, sv, "quiet");
}

static void
test_a_new_stream_is_of_the_new_log(void)
{
	struct server *sv = serve_numbered(5), *other = another_log(2);
	struct client *c = stream_of(sv, 5), *after;

	log_replace(sv, other);
	want_gap(c);
	after = get(sv, "/events", NULL);
	check(strcmp(want_start(after), "2") == 0);
	check(
	    strcmp(json(after->start, "$.log"), json(c->start, "$.log")) != 0);
}

static void
test_replaced_between_two_connections(void)
{
	struct server *sv = serve_numbered(5), *other = another_log(2);

	leave(stream_of(sv, 5));
	log_replace(sv, other);
	/* Until the new log is noticed, the answer may be: come back. */
	want_gap_and_the_rest(get_in_the_end(sv, "5"), sv, "5");
}

static void
test_restored_between_two_lives_of_the_responder(void)
{
	struct server *sv = serve_numbered(3), *old = log_copy(sv);

	append(sv, "main", "4");
	slay(sv);
	log_replace(sv, old);
	start(sv, NULL);
	want_gap_and_the_rest(get_in_the_end(sv, "4"), sv, "4");
}

/* --- where there is no gap ---------------------------------------------- */

static void
test_an_emptied_log_is_no_gap(void)
{
	struct server *sv = serve_numbered(5);
	struct client *c = stream_of(sv, 5);

	log_remove_before(sv, 5);
	log_remove_before(sv, 6);
	check(log_count(sv) == 0);
	append(sv, "main", "6");
	want(c, "id: 6\ndata: 6\n\n");
}

static void
test_init_run_again_is_no_gap(void)
{
	struct server *sv = serve_numbered(2);
	struct client *c = stream_of(sv, 2);
	struct ran r =
	    run_with(sv, NULL, "init", sv->db, "--keep-rows", "100", NULL);

	check(r.status == 0);
	append(sv, "main", "3");
	want(c, "id: 3\ndata: 3\n\n");
}

static void
test_a_log_that_is_away_for_a_while(void)
{
	struct server *sv = serve_numbered(2);
	struct client *c = stream_of(sv, 2), *meanwhile;

	log_lose(sv);
	meanwhile = get(sv, "/events", NULL);
	check(want_headers(meanwhile) == 200);
	log_find(sv);
	append(sv, "main", "3");
	want(c, "id: 3\ndata: 3\n\n");
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_replaced_by_mv_while_streaming),
	    TALK(test_replaced_by_a_longer_one_while_streaming),
	    TALK(test_removed_and_made_again_while_streaming),
	    TALK(test_restored_from_an_older_copy_while_streaming),
	    TALK(test_restored_copy_that_grew_past_the_stream),
	    TALK(test_emptied_and_begun_again_while_streaming),
	    TALK(test_every_stream_is_told),
	    TALK(test_a_new_stream_is_of_the_new_log),
	    TALK(test_replaced_between_two_connections),
	    TALK(test_restored_between_two_lives_of_the_responder),
	    TALK(test_an_emptied_log_is_no_gap),
	    TALK(test_init_run_again_is_no_gap),
	    TALK(test_a_log_that_is_away_for_a_while),
	};

	return talk_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
