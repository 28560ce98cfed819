/*
 * test_sqlite_publish.c - POST to a log in a SQLite file: the triggers of the
 * site refuse an event, and other writers lock the log.
 */
#include <string.h>

#include "tests/talk/peer/posts.h"

/* The site's own trigger refuses one request, in whichever way it does. */
static void
test_what_a_trigger_refuses(void)
{
	static const char *const raise[] = {"ABORT", "FAIL", "ROLLBACK"};
	struct server *sv = serve_ready();
	struct client *c;

	for (int i = 0; i < 3; i++) {
		sql(sv,
		    "CREATE TRIGGER t AFTER INSERT ON events"
		    " WHEN NEW.data = 'bad' BEGIN"
		    " SELECT RAISE(%s, 'no such thing'); END",
		    raise[i]);
		c = post(sv, NDJSON, "{\"data\":1}\n{\"data\":\"bad\"}");
		check(want_headers(c) == 400);
		check(strcmp(body_of(c),
			  "the log refused it: no such thing\n") == 0);
		check(log_count(sv) == i);
		want_refusal(post(sv, FORM, "data=bad"), 400);
		check(log_count(sv) == i);
		check(want_headers(post(sv, FORM, "data=good")) == 201);
		check(log_count(sv) == i + 1);
		sql(sv, "DROP TRIGGER t");
	}
}

/* They wait for the log together, so they share a transaction. */
static void
test_a_trigger_refuses_no_other_of_the_transaction(void)
{
	static const char *const raise[] = {"ABORT", "FAIL", "ROLLBACK"};
	struct server *sv = serve_ready();
	sqlite3 *db = log_open(sv->db);
	struct client *c[30];
	int i, j;

	for (j = 0; j < 3; j++) {
		sql(sv,
		    "CREATE TRIGGER t AFTER INSERT ON events"
		    " WHEN NEW.data = 'bad' BEGIN"
		    " SELECT RAISE(%s, 'no'); END",
		    raise[j]);
		log_run(db, "BEGIN IMMEDIATE");
		for (i = 0; i < 30; i++)
			c[i] = post(sv, NDJSON,
			    i % 3 == 1 ? "{\"data\":1}\n{\"data\":\"bad\"}"
				       : "{\"data\":\"a\"}\n{\"data\":\"b\"}");
		await_waiting(sv, 30);
		log_run(db, "COMMIT");
		for (i = 0; i < 30; i++)
			check(want_headers(c[i]) == (i % 3 == 1 ? 400 : 201));
		check(log_count(sv) == 40 * (j + 1));
		sql(sv, "DROP TRIGGER t");
	}
}

/* While another process holds the log everything but publishing goes on. */
static void
test_a_busy_log_delays_no_stream(void)
{
	struct server *sv = serve_ready("--heartbeat", "1");
	struct client *st = get(sv, "/events", NULL), *p, *late;
	sqlite3 *db = log_open(sv->db);
	int comments;

	want_start(st);
	append(sv, "main", "before");
	want(st, "id: 1\ndata: before\n\n");
	log_run(db, "BEGIN IMMEDIATE");
	p = post(sv, FORM, "data=waits");
	await_waiting(sv, 1);
	late = get(sv, "/events?last=1", NULL);
	want_start(late);
	want(late, "id: 1\ndata: before\n\n");
	comments = st->comments;
	until((hear(st, now_ms()), st->out.len > st->at));
	check(st->comments >= comments);
	check(p->out.len == 0 && !hear(p, now_ms()));
	log_run(db, "INSERT INTO events(data) VALUES('held'); COMMIT");
	want(st, "id: 2\ndata: held\n\n");
	check(strcmp(want_id(p, 201), "3") == 0);
	want(st, "id: 3\ndata: waits\n\n");
}

static void
test_busy_for_too_long_is_nothing_written(void)
{
	struct server *sv = serve_ready();
	struct client *c;

	log_hold(sv);
	c = post(sv, FORM, "data=1");
	check(want_headers(c) == 503);
	check(strstr(body_of(c), "nothing was written") != NULL);
	log_let_go(sv);
	check(strcmp(want_id(post(sv, FORM, "data=2"), 201), "1") == 0);
	check(log_count(sv) == 1);
}

/* The old file, which has no name any more, must not take what is new. */
static void
test_ids_go_on_in_a_file_that_was_put_there(void)
{
	struct server *sv = serve_ready(), *other = prepare();

	check(strcmp(want_id(post(sv, FORM, "data=old"), 201), "1") == 0);
	append(other, "main", "theirs");
	log_replace(sv, other);
	check(strcmp(want_id(post(sv, FORM, "data=new"), 201), "2") == 0);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_what_a_trigger_refuses),
	    TALK(test_a_trigger_refuses_no_other_of_the_transaction),
	    TALK(test_a_busy_log_delays_no_stream),
	    TALK(test_busy_for_too_long_is_nothing_written),
	    TALK(test_ids_go_on_in_a_file_that_was_put_there),
	};

	return talk_main_sqlite(
	    argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
