/*
 * test_slow.c - a stream whose client does not read: it takes no memory for
 * what waits, delays no other stream, and gets everything when the client reads
 * again.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/talk/peer/peer.h"

enum {
	ROWS = 5000,
	ROW_SIZE = 4096
}; /* 20 MB */

static void
append_20_mb(struct server *sv, int first)
{
	for (int i = 0; i < ROWS; i += 500)
		append_many(sv, "main", first + i, 500, ROW_SIZE);
}

static void
want_rows(struct client *c, int first, int last)
{
	for (int i = first; i <= last; i++) {
		const struct event *e = want_next(c);

		if (atoi(e->data) != i || e->len != ROW_SIZE)
			talk_fail("wanted row %d; came id %s, %s", i,
			    e->id ? e->id : "(none)", shown(e->data, e->len));
	}
}

/* A reader that waits until the others have read waits as long as they take. */
static struct server *
serve_patient(void)
{
	return serve_with("--stall", "0", NULL);
}

static void
test_a_slow_reader_gets_everything_in_order_once(void)
{
	struct server *sv = serve_patient();
	struct client *c = stream(sv, "/events");

	append_20_mb(sv, 1);
	want_rows(c, 1, ROWS);
	want_nothing_more(c, sv, "main");
}

/* With a queue for each, the eight readers would take 160 MB. */
static void
test_slow_readers_cost_no_memory(void)
{
	enum {
		N = 8,
		BOUND_KB = 32 * 1024
	};
	struct server *sv = prepare_lean();
	struct client *c[N], *live;
	long before, after;

	start(sv, "--stall", "0", NULL);
	for (int i = 0; i < N; i++)
		c[i] = stream(sv, "/events");
	live = stream(sv, "/events");
	before = memory_kb(sv);
	for (int i = 0; i < ROWS; i += 500) {
		append_many(sv, "main", 1 + i, 500, ROW_SIZE);
		want_rows(live, 1 + i, 500 + i);
	}
	after = memory_kb(sv);
	if (after - before > BOUND_KB)
		talk_fail("grew by %ld kB", after - before);
	for (int i = 0; i < N; i++)
		want_rows(c[i], 1, ROWS);
	after = memory_kb(sv);
	if (after - before > BOUND_KB)
		talk_fail("grew by %ld kB", after - before);
}

static void
test_a_slow_reader_does_not_hold_up_the_others(void)
{
	struct server *sv = serve_patient();
	struct client *slow = stream(sv, "/events");
	struct client *live = stream(sv, "/events");

	for (int i = 0; i < ROWS; i += 100) {
		append_many(sv, "main", 1 + i, 100, ROW_SIZE);
		want_rows(live, 1 + i, 100 + i);
	}
	want_rows(slow, 1, ROWS);
	append(sv, "main", "last");
	want_event(live, NULL, "message", "last");
	want_event(slow, NULL, "message", "last");
}

static void
test_who_reads_nothing_is_closed_after_stall(void)
{
	struct server *sv = serve_with("--stall", "1", NULL);
	struct client *stalled = stream(sv, "/events");
	struct client *live = stream(sv, "/events");

	append_many(sv, "main", 1, 1000, ROW_SIZE);
	want_rows(live, 1, 1000);
	until(count_connections(sv) == 1);
	append(sv, "main", "last");
	want_event(live, NULL, "message", "last");
	check(stalled->fd >= 0);
}

/* The next heartbeat is 15 s away when the client stalls: no matter. */
static void
test_who_stops_reading_after_a_while_is_closed_too(void)
{
	struct server *sv = serve_with("--stall", "1", NULL);
	struct client *c = stream(sv, "/events");
	int64_t later = now_ms() + 700;

	until(now_ms() > later);
	append_many(sv, "main", 1, 1000, ROW_SIZE);
	until(count_connections(sv) == 0);
	check(c->fd >= 0);
}

static void
test_an_idle_reader_is_not_stalled(void)
{
	struct server *sv =
	    serve_with("--stall", "1", "--heartbeat", "1", NULL);
	struct client *c = stream(sv, "/events");

	for (int i = 0; i < 3; i++)
		want_comment(c);
	append(sv, "main", "x");
	want(c, "id: 1\ndata: x\n\n");
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_a_slow_reader_gets_everything_in_order_once),
	    TALK(test_slow_readers_cost_no_memory),
	    TALK(test_a_slow_reader_does_not_hold_up_the_others),
	    TALK(test_who_reads_nothing_is_closed_after_stall),
	    TALK(test_who_stops_reading_after_a_while_is_closed_too),
	    TALK(test_an_idle_reader_is_not_stalled),
	};

	return talk_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
