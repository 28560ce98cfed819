/*
 * test_workers.c - several processes on one socket: each stream gets every
 * event, a worker that dies is replaced, and all end together.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "tests/talk/peer/peer.h"

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
	struct client *st = get(sv, "/events/status", NULL);
	const char *body;

	check(want_headers(st) == 200);
	until(hear(st, now_ms()) || st->closed);
	body = st->out.s + st->at;
	return atoi(json(body, "$.streams")) == STREAMS &&
	       atoi(json(body, "$.workers")) == WORKERS;
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

/* Gives the first half of the streams to the first worker. */
static void
share_out(struct server *sv, const pid_t *pids, struct client **c)
{
	int i;

	kill(pids[1], SIGSTOP);
	kill(pids[2], SIGSTOP);
	for (i = 0; i < STREAMS / 2; i++)
		c[i] = stream(sv, "/events");
	kill(pids[0], SIGSTOP);
	kill(pids[1], SIGCONT);
	kill(pids[2], SIGCONT);
	for (; i < STREAMS; i++)
		c[i] = stream(sv, "/events");
	kill(pids[0], SIGCONT);
}

static void
test_one_that_is_killed_is_replaced(void)
{
	struct server *sv = serve_with("--workers", "3", NULL);
	pid_t pids[WORKERS + 1], again[WORKERS + 1];
	struct client *c[STREAMS];
	int i;

	until(children_of(sv->pid, pids, WORKERS + 1) == WORKERS);
	share_out(sv, pids, c);
	kill(pids[0], SIGKILL);
	until(children_of(sv->pid, again, WORKERS + 1) == WORKERS &&
	      again[0] != pids[0] && again[1] != pids[0] &&
	      again[2] != pids[0]);
	append(sv, "main", "x");
	for (i = 0; i < STREAMS / 2; i++)
		until(hear(c[i], now_ms()) || c[i]->closed);
	for (i = 0; i < STREAMS / 2; i++)
		check(c[i]->closed && c[i]->out.len == c[i]->at);
	for (; i < STREAMS; i++)
		want(c[i], "id: 1\ndata: x\n\n");
	c[0] = get(sv, "/events", "HTTP_LAST_EVENT_ID", "0", NULL);
	want_start(c[0]);
	want(c[0], "id: 1\ndata: x\n\n");
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
	    TALK(test_one_that_is_killed_is_replaced),
	    TALK(test_all_end_together),
	    TALK(test_nobody_outlives_the_parent),
	};

	return talk_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
