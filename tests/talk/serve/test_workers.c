/*
 * test_workers.c - several processes on one socket: each stream gets every
 * event, a worker that dies is replaced, and all end together.
 */
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "tests/talk/peer/posts.h"

enum {
	WORKERS = 3,
	STREAMS = 60
};

static void
test_each_stream_gets_every_event(void)
{
	struct server *sv = serve_with("--workers", "3", NULL);
	pid_t pids[WORKERS + 1];
	struct client *c[STREAMS];
	int i, n;

	until(children_of(sv->pid, pids, WORKERS + 1) == WORKERS);
	for (i = 0; i < STREAMS; i++)
		c[i] = stream(sv, "/events");
	for (n = 1; n <= 20; n++)
		append(sv, "main", "x");
	for (i = 0; i < STREAMS; i++)
		for (n = 1; n <= 20; n++)
			want(c[i], text("id: %d\ndata: x\n\n", n));
}

static bool
are_summed(struct server *sv)
{
	return served(sv, "streams") == STREAMS &&
	       served(sv, "workers") == WORKERS;
}

/* A worker tells the others of its numbers at the end of a turn. */
static void
test_numbers_are_summed(void)
{
	struct server *sv = serve_with("--workers", "3", NULL);
	int i;

	for (i = 0; i < STREAMS; i++)
		stream(sv, "/events");
	until(are_summed(sv));
}

/* The streams of all workers, of the one that has least, and of the most. */
struct spread_seen {
	int all, least, most;
};

static struct spread_seen
seen(struct server *sv)
{
	struct client *st = get(sv, "/events/status", NULL);
	struct spread_seen s = {.least = INT_MAX};
	const char *body;
	int i, n;

	check(want_headers(st) == 200);
	body = body_of(st);
	for (i = 0; i < WORKERS; i++) {
		n = (int)json_number(body, text("$.by_worker[%d].streams", i));
		s.all += n;
		s.least = n < s.least ? n : s.least;
		s.most = n > s.most ? n : s.most;
	}
	return s;
}

/* Does each worker have its part of so many streams? */
static bool
are_even(struct server *sv, int streams)
{
	struct spread_seen s = seen(sv);

	return s.all == streams && s.most - s.least <= 1;
}

/*
 * Each stream ends and comes back once, again and again: on a busy machine a
 * worker may get no time, and is passed over.
 */
static void
want_even(struct server *sv, struct client **c)
{
	int i, tries = 0;

	do {
		check(tries++ < 20);
		for (i = 0; i < STREAMS; i++) {
			leave(c[i]);
			until(seen(sv).all == STREAMS - 1);
			c[i] = stream(sv, "/events");
			until(seen(sv).all == STREAMS);
		}
	} while (!are_even(sv, STREAMS));
}

static void
test_streams_are_spread_evenly(void)
{
	struct server *sv = serve_with("--workers", "3", NULL);
	struct client *c[STREAMS];
	int i;

	for (i = 0; i < STREAMS; i++)
		c[i] = stream(sv, "/events");
	until(seen(sv).all == STREAMS);
	if (!are_even(sv, STREAMS))
		want_even(sv, c);
}

/*
 * Opened at once, and not one after another.  A connection takes a place also
 * if it is no stream, so each worker has one more, for those by which the test
 * itself looks whether somebody listens.
 */
static void
test_nobody_is_turned_away_while_there_is_room(void)
{
	struct server *sv =
	    serve_with("--workers", "3", "--max-streams", "21", NULL);
	struct client *c[STREAMS], *late;
	int i, all = STREAMS + WORKERS;

	for (i = 0; i < STREAMS; i++)
		c[i] = get(sv, "/events", NULL);
	for (i = 0; i < STREAMS; i++) {
		want_start(c[i]);
		check(!c[i]->closed);
	}
	for (i = 0; i < WORKERS; i++)
		come_back(sv, "/events", "0");
	until(are_even(sv, all));
	late = get(sv, "/events", NULL);
	check(want_headers(late) == 200 && want_farewell(late) > 0);
	leave(c[7]);
	until(seen(sv).all == all - 1);
	come_back(sv, "/events", "0");
	until(are_even(sv, all));
}

/* Those whose streams have ended come back, and the new worker fills up. */
static void
test_one_that_is_killed_is_replaced(void)
{
	struct server *sv = serve_with("--workers", "3", NULL);
	pid_t pids[WORKERS + 1], again[WORKERS + 1];
	struct client *c[STREAMS];
	int i, ended = 0;

	until(children_of(sv->pid, pids, WORKERS + 1) == WORKERS);
	for (i = 0; i < STREAMS; i++)
		c[i] = stream(sv, "/events");
	kill(pids[0], SIGKILL);
	until(children_of(sv->pid, again, WORKERS + 1) == WORKERS &&
	      again[0] != pids[0] && again[1] != pids[0] &&
	      again[2] != pids[0]);
	append(sv, "main", "x");
	for (i = 0; i < STREAMS; i++) {
		until(hear(c[i], now_ms()) || c[i]->closed);
		if (c[i]->closed) {
			check(c[i]->out.len == c[i]->at);
			ended++;
			c[i] =
			    get(sv, "/events", "HTTP_LAST_EVENT_ID", "0", NULL);
			want_start(c[i]);
		}
		want(c[i], "id: 1\ndata: x\n\n");
	}
	check(ended > 0);
	until(seen(sv).all == STREAMS);
	want_even(sv, c);
}

/*
 * A worker that stands still is handed one connection.  When it has not taken
 * that for a while, all others are served by the rest.
 */
static void
test_a_worker_that_stands_still_is_left_out(void)
{
	struct server *sv = serve_with("--workers", "3", NULL);
	pid_t pids[WORKERS + 1];
	struct client *c[STREAMS];
	int i;

	until(children_of(sv->pid, pids, WORKERS + 1) == WORKERS);
	want_start(get(sv, "/events", NULL)); /* somebody serves */
	kill(pids[1], SIGSTOP);
	for (i = 0; i < STREAMS; i++) {
		c[i] = get(sv, "/events", NULL);
		hear(c[i], now_ms() + 200);
	}
	kill(pids[1], SIGCONT);
	for (i = 0; i < STREAMS; i++)
		want_start(c[i]);
	until(seen(sv).all == STREAMS + 1);
	check(seen(sv).least <= 3);
}

static void
test_all_end_together(void)
{
	struct server *sv = serve_with("--workers", "3", NULL);
	struct client *c[STREAMS];
	int i, status;

	for (i = 0; i < STREAMS; i++)
		c[i] = stream(sv, "/events");
	kill(sv->pid, SIGTERM);
	for (i = 0; i < STREAMS; i++)
		check(want_farewell(c[i]) > 0);
	status = await_exit(sv);
	check(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	check(!can_connect(sv));
}

static void
test_nobody_outlives_the_parent(void)
{
	struct server *sv = serve_with("--workers", "3", NULL);
	pid_t pids[WORKERS + 1];
	int i;

	until(children_of(sv->pid, pids, WORKERS + 1) == WORKERS);
	slay(sv);
	for (i = 0; i < WORKERS; i++)
		until(kill(pids[i], 0) == -1);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_each_stream_gets_every_event),
	    TALK(test_numbers_are_summed),
	    TALK(test_streams_are_spread_evenly),
	    TALK(test_nobody_is_turned_away_while_there_is_room),
	    TALK(test_one_that_is_killed_is_replaced),
	    TALK(test_a_worker_that_stands_still_is_left_out),
	    TALK(test_all_end_together),
	    TALK(test_nobody_outlives_the_parent),
	};

	return talk_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
