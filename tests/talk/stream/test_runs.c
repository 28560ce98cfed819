/*
 * test_runs.c - many topics at once, each with a stream of its own.
 *
 * Only for a log in SQLite: Redis is asked for a page at a time, and what has
 * come of it is sent while it is asked for more.
 */
#include <stdlib.h>
#include <sys/resource.h>

#include "tests/talk/peer/peer.h"

enum {
	RUNS = 300,
	RUN_ROWS = 4, /* of each in a transaction */
	TRIES = 30
};

/* Each stream takes a descriptor here and one in the server. */
static void
raise_limit(void)
{
	struct rlimit r;

	check(getrlimit(RLIMIT_NOFILE, &r) == 0);
	r.rlim_cur = r.rlim_max;
	check(setrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur > RUNS + 50);
}

static long
writes(struct server *sv)
{
	struct client *c = get(sv, "/events/status", NULL);
	char *number;

	check(want_headers(c) == 200);
	while (!c->ended && hear(c, now_ms() + PATIENCE_MS))
		;
	number = json(text("%.*s", (int)(c->out.len - c->at), c->out.s + c->at),
	    "$.writes");
	check(number != NULL);
	return atol(number);
}

/* Rows of all runs in turn, as they are written by who has many. */
static void
append_runs(struct server *sv)
{
	static struct row rows[RUNS * RUN_ROWS];

	for (int i = 0; i < RUNS * RUN_ROWS; i++)
		rows[i] = (struct row){.topic = column(text("t%d", i % RUNS)),
		    .data = column(text("%d", i / RUNS + 1))};
	append_rows(sv, rows, RUNS * RUN_ROWS);
}

/* One write for each row would cost the web server four times as much. */
static void
test_rows_of_many_runs_are_sent_together(void)
{
	struct server *sv;
	struct client *c[RUNS];
	long before, n = RUNS * RUN_ROWS;

	raise_limit();
	sv = serve();
	for (int i = 0; i < RUNS; i++)
		c[i] = get(sv, text("/events?topic=t%d", i), NULL);
	for (int i = 0; i < RUNS; i++)
		want_start(c[i]);
	/* On a busy machine a turn may have had no time to read on. */
	for (int try = 0; try < TRIES && n > RUNS * RUN_ROWS / 2; try++) {
		before = writes(sv);
		append_runs(sv);
		for (int i = 0; i < RUNS * RUN_ROWS; i++)
			check(
			    atoi(want_next(c[i % RUNS])->data) == i / RUNS + 1);
		n = writes(sv) - before;
	}
	if (n > RUNS * RUN_ROWS / 2)
		talk_fail("%d rows took %ld writes", RUNS * RUN_ROWS, n);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_rows_of_many_runs_are_sent_together),
	};

	return talk_main_sqlite(
	    argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
