/*
 * test_many.c - a thousand streams in one process: one thread, one connection
 * to the log, and little memory for each.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "tests/talk/peer/peer.h"

enum {
	STREAMS = 1000,
	MEMORY_EACH = 2048
};

/* Each stream takes a descriptor here and one in the server. */
static void
raise_limit(void)
{
	struct rlimit r;

	check(getrlimit(RLIMIT_NOFILE, &r) == 0);
	r.rlim_cur = r.rlim_max;
	check(setrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur > STREAMS + 50);
}

/* The clients have many addresses, so no limit for one address counts. */
static struct client *
stream_of(struct server *sv, int i)
{
	struct client *c = get(sv, text("/events?topic=all&topic=t%d", i % 50),
	    "REMOTE_ADDR", text("10.0.%d.%d", i / 250, i % 250 + 1), NULL);

	want_start(c);
	return c;
}

static struct client **
streams(struct server *sv)
{
	struct client **c = keep(STREAMS * sizeof(struct client *));

	for (int i = 0; i < STREAMS; i++)
		c[i] = stream_of(sv, i);
	return c;
}

static void
test_a_thousand_streams_have_one_thread_and_one_log(void)
{
	struct server *sv;
	size_t files;

	raise_limit();
	sv = serve();
	files = count_descriptors(sv, sv->db);
	streams(sv);
	check(count_threads(sv) == 1);
	check(count_descriptors(sv, sv->db) == files);
	/* the file, -wal and -shm of one connection */
	check(files <= 3);
}

static void
test_a_thousand_streams_all_get_it(void)
{
	struct server *sv;
	struct client **c;

	raise_limit();
	sv = serve();
	c = streams(sv);
	append(sv, "all", "x");
	append(sv, "t7", "y");
	append(sv, "all", "z");
	for (int i = 0; i < STREAMS; i++) {
		want(c[i], "id: 1\ndata: x\n\n");
		if (i % 50 == 7)
			want(c[i], "id: 2\ndata: y\n\n");
		want(c[i], "id: 3\ndata: z\n\n");
	}
}

static void
test_a_stream_costs_less_than_2_kib(void)
{
	struct server *sv;
	long before, after;

	raise_limit();
	sv = prepare_lean();
	start(sv, NULL);
	stream_of(sv, 0);
	before = memory_kb(sv);
	streams(sv);
	after = memory_kb(sv);
	fprintf(stderr, "%d streams: memory %ld kB before, %ld kB after\n",
	    STREAMS, before, after);
	if ((after - before) * 1024 >= STREAMS * (long)MEMORY_EACH)
		talk_fail("%d streams cost %ld kB", STREAMS, after - before);
}

static void
test_a_thousand_who_resume_at_once(void)
{
	enum {
		ROWS = 50
	};
	struct server *sv;
	struct client **c = keep(STREAMS * sizeof(struct client *));

	raise_limit();
	sv = serve();
	append_many(sv, "main", 1, ROWS, 500);
	for (int i = 0; i < STREAMS; i++)
		c[i] = get(sv, "/events", "HTTP_LAST_EVENT_ID",
		    text("%d", i % ROWS), NULL);
	append(sv, "main", "last");
	for (int i = 0; i < STREAMS; i++) {
		want_start(c[i]);
		for (int n = i % ROWS + 1; n <= ROWS; n++)
			check(atoi(want_next(c[i])->data) == n);
		want_event(c[i], NULL, "message", "last");
	}
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_a_thousand_streams_have_one_thread_and_one_log),
	    TALK(test_a_thousand_streams_all_get_it),
	    TALK(test_a_stream_costs_less_than_2_kib),
	    TALK(test_a_thousand_who_resume_at_once),
	};

	return talk_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
