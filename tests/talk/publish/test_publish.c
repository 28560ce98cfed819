/*
 * test_publish.c - POST when something goes wrong, on each engine: publishers
 * come all at once or are cut off, or the log or the writer is away.  What was
 * answered 201 is in the log once, and no stream waits for any of it.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/talk/peer/posts.h"

static int
compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* No two rows of the log have the same data. */
static void
want_all_different(const struct logged *row, size_t n)
{
	char **data = keep((n + 1) * sizeof(*data));

	for (size_t i = 0; i < n; i++)
		data[i] = row[i].data;
	qsort(data, n, sizeof(*data), compare);
	for (size_t i = 1; i < n; i++)
		check(strcmp(data[i - 1], data[i]) != 0);
}

/*
 * A publisher that is cut off sends its event again until it is answered.
 * Each time only some bytes of the request are sent, or the answer is lost.
 */
static void
test_cut_off_a_thousand_times(void)
{
	struct server *sv = serve_ready("--quiet");
	int i, cut, status, again = 0;
	struct logged *row;
	size_t n;

	srand(17);
	for (i = 0; i < 1000; i++) {
		char *body = text("uid=u-%d&data=%d", i, i);
		struct bytes b = {0};
		struct client *c;

		put_request(&b, 1, 0, "POST", "/events", body, "CONTENT_TYPE",
		    FORM, "HTTP_AUTHORIZATION", sv->token, NULL);
		cut = rand() % 3 == 0 ? (int)b.len : rand() % (int)b.len;
		b.len = (size_t)cut;
		c = join(sv);
		say(c, &b);
		if (rand() % 2 == 0)
			hear(c, now_ms() + rand() % 3);
		c->raw.len = 0;
		leave(c);
		bytes_free(&b);
		c = post(sv, FORM, body);
		status = want_headers(c);
		check(status == 201 || status == 200);
		again += status == 200;
		body_of(c);
		leave(c);
	}
	fprintf(stderr, "# %d of 1000 had been written before\n", again);
	check(again > 50 && again < 950);
	row = log_all(sv, &n);
	check(n == 1000);
	want_all_different(row, n);
	for (size_t k = 0; k < n; k++)
		check(strcmp(row[k].uid, text("u-%s", row[k].data)) == 0);
}

static void
test_publishers_at_once_lose_and_repeat_nothing(void)
{
	enum {
		PUBLISHERS = 32,
		ROUNDS = 50,
		ALL = PUBLISHERS * ROUNDS
	};
	struct server *sv = serve_ready();
	struct client *c[PUBLISHERS], *st = stream(sv, "/events");
	char **ids = keep(ALL * sizeof(*ids));
	struct logged *row;
	size_t n;
	int i, r;

	for (i = 0; i < PUBLISHERS; i++) {
		c[i] = join(sv);
		c[i]->keep_conn = true;
	}
	for (r = 0; r < ROUNDS; r++) {
		for (i = 0; i < PUBLISHERS; i++)
			say_post(sv, c[i], text("data=%d.%d", i, r));
		for (i = 0; i < PUBLISHERS; i++) {
			ids[i * ROUNDS + r] = want_id(c[i], 201);
			c[i]->ended = false;
		}
	}
	row = log_all(sv, &n);
	check(n == ALL);
	want_all_different(row, n);
	for (size_t k = 0; k < n; k++) {
		check(sscanf(row[k].data, "%d.%d", &i, &r) == 2);
		check(strcmp(ids[i * ROUNDS + r], row[k].id) == 0);
		check(r == (int)k / PUBLISHERS);
		want_event(st, row[k].id, "message", row[k].data);
	}
	check(served(sv, "published") == ALL);
}

/*
 * Requests that wait for the log together share one transaction.  If one of
 * them is refused, the others are still written.
 */
static void
test_who_shares_a_transaction_shares_no_fate(void)
{
	struct server *sv = serve_ready();
	const char *bad = log_refuses(sv);
	struct client *c[30];
	int i;

	log_hold(sv);
	for (i = 0; i < 30; i++)
		c[i] = post(sv, NDJSON,
		    i % 3 == 1 ? text("{\"data\":1}\n%s", bad)
			       : "{\"data\":\"a\"}\n{\"data\":\"b\"}");
	await_waiting(sv, 30);
	log_let_go(sv);
	for (i = 0; i < 30; i++)
		check(want_headers(c[i]) == (i % 3 == 1 ? 400 : 201));
	check(log_count(sv) == 40);
}

/* --- trouble ------------------------------------------------------------ */

/* While the writer is stopped, everything but publishing goes on. */
static void
test_a_writer_that_stands_still_delays_no_stream(void)
{
	struct server *sv = serve_ready("--heartbeat", "1");
	struct client *st = stream(sv, "/events"), *p, *late;
	pid_t writer = writer_of(sv);
	char *id;

	append(sv, "main", "before");
	want(st, "id: 1\ndata: before\n\n");
	check(kill(writer, SIGSTOP) == 0);
	p = post(sv, FORM, "data=waits");
	await_waiting(sv, 1);
	late = stream(sv, "/events?last=1");
	want(late, "id: 1\ndata: before\n\n");
	append(sv, "main", "meanwhile");
	want(st, "id: 2\ndata: meanwhile\n\n");
	want_comment(st);
	check(p->out.len == 0 && !hear(p, now_ms()));
	check(kill(writer, SIGCONT) == 0);
	id = want_id(p, 201);
	want_event(st, id, "message", "waits");
	want(late, "id: 2\ndata: meanwhile\n\n");
	want_event(late, id, "message", "waits");
}

/* The answer comes in time, even if the log is still busy: try again. */
static void
test_busy_for_too_long(void)
{
	struct server *sv = serve_ready();
	struct client *c;

	log_hold(sv);
	c = post(sv, FORM, "data=1");
	check(want_headers(c) == 503);
	check(atoi(header(c, "Retry-After")) > 0);
	check(strstr(body_of(c), "try again") != NULL);
	log_let_go(sv);
	check(log_count(sv) == 0);
	want_logged(sv, want_ids(post(sv, FORM, "data=2"), 201, 1), 1);
	check(log_count(sv) == 1);
}

static void
test_a_log_that_is_away_is_told(void)
{
	struct server *sv = serve_ready();
	int status;

	log_lose(sv);
	status = want_headers(post(sv, FORM, "uid=u&data=1"));
	check(status == 503 || status == 500);
	log_find(sv);
	do
		status = want_headers(post(sv, FORM, "uid=u&data=1"));
	while (status == 503 || status == 500);
	check(status == 201 || status == 200);
	check(log_count(sv) == 1);
}

static void
test_a_writer_that_is_killed_is_replaced(void)
{
	struct server *sv = serve_ready();
	struct client *st = stream(sv, "/events"), *c[5];
	pid_t first = writer_of(sv);
	int i, status;

	check(first != 0);
	check(served(sv, "writers") == 1);
	check(served(sv, "writer_ends") == 0);
	log_hold(sv);
	for (i = 0; i < 5; i++)
		c[i] = post(sv, FORM, text("data=%d&uid=u%d", i, i));
	await_waiting(sv, 5);
	check(served(sv, "posts_waiting") == 5);
	check(kill(first, SIGKILL) == 0);
	for (i = 0; i < 5; i++) {
		check(want_headers(c[i]) == 503);
		check(atoi(header(c[i], "Retry-After")) > 0);
		check(strstr(body_of(c[i]), "uid") != NULL);
	}
	log_let_go(sv);
	for (i = 0; i < 5; i++)
		do
			status = want_headers(
			    post(sv, FORM, text("data=%d&uid=u%d", i, i)));
		while (status == 503);
	check(log_count(sv) == 5);
	for (i = 0; i < 5; i++)
		want_event(st, text("u%d", i), "message", text("%d", i));
	check(writer_of(sv) != first && writer_of(sv) != 0);
	check(served(sv, "writers") == 1);
	check(served(sv, "writer_ends") == 1);
	check(served(sv, "posts_waiting") == 0);
	check(strstr(errors(sv), "starting another") != NULL);
}

/* The log is gone, so no writer can start: the metrics show it. */
static void
test_metrics_tell_of_a_writer_that_is_away(void)
{
	struct server *sv = serve_ready(), *copy = log_copy(sv);
	pid_t writer = writer_of(sv);

	log_remove(sv);
	check(kill(writer, SIGKILL) == 0);
	until(served(sv, "writers") == 0);
	until(served(sv, "writer_ends") >= 2);
	log_replace(sv, copy);
	until(served(sv, "writers") == 1);
}

static void
test_a_publisher_that_leaves_is_no_loss(void)
{
	struct server *sv = serve_ready();
	struct client *c[3];
	int i;

	log_hold(sv);
	for (i = 0; i < 3; i++)
		c[i] = post(sv, FORM, text("data=%d", i));
	await_waiting(sv, 3);
	leave(c[1]);
	log_let_go(sv);
	check(want_headers(c[0]) == 201);
	check(want_headers(c[2]) == 201);
	until(log_count(sv) == 3);
}

static void
test_sigterm_waits_for_the_writer(void)
{
	struct server *sv = serve_ready();
	struct client *c;
	pid_t writer = writer_of(sv);

	log_hold(sv);
	c = post(sv, FORM, "data=1");
	await_waiting(sv, 1);
	check(kill(sv->pid, SIGTERM) == 0);
	check(kill(writer, SIGTERM) == 0);
	until(!can_connect(sv) || errors(sv) != NULL);
	log_let_go(sv);
	want_ids(c, 201, 1);
	want_exit_0(sv);
	check(log_count(sv) == 1);
	until(kill(writer, 0) == -1);
}

/* Whoever has posted is told to try again, and the writer ends later. */
static void
test_sigterm_waits_for_no_lock(void)
{
	struct server *sv = serve_ready();
	struct client *c[3];
	pid_t writer = writer_of(sv);

	log_hold(sv);
	for (int i = 0; i < 3; i++)
		c[i] = post(sv, FORM, text("data=%d", i));
	await_waiting(sv, 3);
	check(kill(sv->pid, SIGTERM) == 0);
	for (int i = 0; i < 3; i++)
		check(want_headers(c[i]) == 503);
	want_exit_0(sv);
	log_let_go(sv);
	until(kill(writer, 0) == -1);
	check(log_count(sv) <= 3);
}

static void
test_no_writer_outlives_the_loop(void)
{
	struct server *sv = serve_ready();
	pid_t writer = writer_of(sv);

	check(writer != 0);
	slay(sv);
	until(kill(writer, 0) == -1);
}

/* The old log has no name any more: no new event may go into it. */
static void
test_a_log_that_was_replaced(void)
{
	struct server *sv = serve_ready(), *other = prepare();
	struct logged *row;
	char **ids;
	size_t n;

	want_logged(sv, want_ids(post(sv, FORM, "data=old"), 201, 1), 1);
	append(other, "main", "theirs");
	log_replace(sv, other);
	ids = want_ids(post(sv, FORM, "data=new"), 201, 1);
	want_logged(sv, ids, 1);
	row = log_all(sv, &n);
	check(n == 2 && strcmp(row[0].data, "theirs") == 0);
	check(strcmp(row[1].data, "new") == 0);
}

static void
test_each_of_several_workers_writes(void)
{
	struct server *sv = serve_ready("--workers", "2");
	int i, status;

	for (i = 0; i < 40; i++) {
		status = want_headers(post(sv, FORM, "data=1"));
		check(status == 201);
	}
	check(log_count(sv) == 40);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_cut_off_a_thousand_times),
	    TALK(test_publishers_at_once_lose_and_repeat_nothing),
	    TALK(test_who_shares_a_transaction_shares_no_fate),
	    TALK(test_a_writer_that_stands_still_delays_no_stream),
	    TALK(test_busy_for_too_long),
	    TALK(test_a_log_that_is_away_is_told),
	    TALK(test_a_writer_that_is_killed_is_replaced),
	    TALK(test_metrics_tell_of_a_writer_that_is_away),
	    TALK(test_a_publisher_that_leaves_is_no_loss),
	    TALK(test_sigterm_waits_for_the_writer),
	    TALK(test_sigterm_waits_for_no_lock),
	    TALK(test_no_writer_outlives_the_loop),
	    TALK(test_a_log_that_was_replaced),
	    TALK(test_each_of_several_workers_writes),
	};

	return talk_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
