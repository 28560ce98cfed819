/*
 * test_replaced.c - another log under the same name, or the same log gone back
 * in time: every stream is told, and goes on in the log that is there now.
 *
 * All of it is about SQLite's own: files that are moved and restored.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "witness.h"

static void
remove_log(struct server *sv)
{
	unlink(sv->db);
	unlink(text("%s-wal", sv->db));
	unlink(text("%s-shm", sv->db));
}

/* A log of n rows that nobody serves. */
static struct server *
another_log(int n)
{
	struct server *sv = prepare();

	for (int i = 1; i <= n; i++)
		append(sv, "main", text("%d", i));
	return sv;
}

static void
copy(struct server *sv, const char *to)
{
	unlink(to);
	sql(sv, "VACUUM INTO '%s'", to);
}

/* Copies from over the pages of sv's log, as `.restore` does. */
static void
restore(struct server *sv, const char *from)
{
	sqlite3 *source, *target = log_open(sv->db);
	sqlite3_backup *b;
	int rc;

	source = log_open(from);
	b = sqlite3_backup_init(target, "main", source, "main");
	check(b != NULL);
	while ((rc = sqlite3_backup_step(b, -1)) == SQLITE_BUSY ||
	       rc == SQLITE_LOCKED)
		;
	check(rc == SQLITE_DONE);
	sqlite3_backup_finish(b);
	log_close(source);
	log_close(target);
}

/* A stream that has seen all n rows. */
static struct client *
stream_of(struct server *sv, int n)
{
	struct client *c = resume(sv, "0");

	for (int i = 1; i <= n; i++)
		want_event(c, text("%d", i), "message", text("%d", i));
	return c;
}

static void
test_replaced_by_mv_while_streaming(void)
{
	struct server *sv = serve_numbered(5), *other = another_log(3);
	struct client *c = stream_of(sv, 5);

	unlink(text("%s-wal", sv->db));
	unlink(text("%s-shm", sv->db));
	check(rename(other->db, sv->db) == 0);
	want_gap_and_the_rest(c, sv, "5");
}

static void
test_removed_and_made_again_while_streaming(void)
{
	struct server *sv = serve_numbered(5);
	struct client *c = stream_of(sv, 5);
	struct ran r;

	remove_log(sv);
	r = run_with(sv, NULL, "init", sv->db, NULL);
	check(r.status == 0);
	append(sv, "main", "1");
	want_gap_and_the_rest(c, sv, "5");
}

static void
test_restored_from_an_older_copy_while_streaming(void)
{
	struct server *sv = serve_numbered(3);
	char *old = text("%s/old.db", sv->dir);
	struct client *c;

	copy(sv, old);
	append(sv, "main", "4");
	append(sv, "main", "5");
	c = stream_of(sv, 5);
	restore(sv, old);
	want_gap_and_the_rest(c, sv, "5");
}

/* The sequence has overtaken the stream: only the row itself tells. */
static void
test_restored_copy_that_grew_past_the_stream(void)
{
	struct server *sv = serve_numbered(3);
	char *old = text("%s/old.db", sv->dir);
	struct client *c;
	sqlite3 *db;

	copy(sv, old);
	append(sv, "main", "4");
	append(sv, "main", "5");
	c = stream_of(sv, 5);
	db = log_open(old);
	for (int i = 4; i <= 8; i++)
		log_run(db,
		    "INSERT INTO events(topic, data, time) "
		    "VALUES('other', '%d of another past', 1)",
		    i);
	log_close(db);
	restore(sv, old);
	want_gap(c);
	want_nothing_more(c, sv, "main");
}

static void
test_table_dropped_and_made_again_while_streaming(void)
{
	struct server *sv = serve_numbered(5);
	struct client *c = stream_of(sv, 5);
	sqlite3 *db = log_open(sv->db);

	log_run(db, "BEGIN");
	log_run(db, "DELETE FROM events");
	log_run(db, "DELETE FROM sqlite_sequence WHERE name = 'events'");
	log_run(db, "INSERT INTO events(data) VALUES('1')");
	log_run(db, "COMMIT");
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
	remove_log(sv);
	check(rename(other->db, sv->db) == 0);
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

	remove_log(sv);
	check(rename(other->db, sv->db) == 0);
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
	remove_log(sv);
	check(rename(other->db, sv->db) == 0);
	/* Till the new one is known the answer may be: come back. */
	want_gap_and_the_rest(get_in_the_end(sv, "5"), sv, "5");
}

static void
test_restored_between_two_lives_of_the_responder(void)
{
	struct server *sv = serve_numbered(3);
	char *old = text("%s/old.db", sv->dir);

	copy(sv, old);
	append(sv, "main", "4");
	slay(sv);
	remove_log(sv);
	check(rename(old, sv->db) == 0);
	start(sv, NULL);
	want_gap_and_the_rest(resume(sv, "4"), sv, "4");
}

static void
test_vacuum_is_no_gap(void)
{
	struct server *sv = serve_numbered(5);
	struct client *c = stream_of(sv, 5);

	sql(sv, "DELETE FROM events WHERE id < 5");
	sql(sv, "VACUUM");
	sql(sv, "DELETE FROM events");
	sql(sv, "VACUUM");
	sql(sv, "CREATE TABLE of_the_application(x)");
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
	char *away = text("%s/away", sv->dir);

	check(rename(sv->db, away) == 0);
	meanwhile = get(sv, "/events", NULL);
	check(want_headers(meanwhile) == 200);
	check(rename(away, sv->db) == 0);
	append(sv, "main", "3");
	want(c, "id: 3\ndata: 3\n\n");
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_replaced_by_mv_while_streaming),
	    TALK(test_removed_and_made_again_while_streaming),
	    TALK(test_restored_from_an_older_copy_while_streaming),
	    TALK(test_restored_copy_that_grew_past_the_stream),
	    TALK(test_table_dropped_and_made_again_while_streaming),
	    TALK(test_every_stream_is_told),
	    TALK(test_a_new_stream_is_of_the_new_log),
	    TALK(test_replaced_between_two_connections),
	    TALK(test_restored_between_two_lives_of_the_responder),
	    TALK(test_vacuum_is_no_gap),
	    TALK(test_init_run_again_is_no_gap),
	    TALK(test_a_log_that_is_away_for_a_while),
	};

	return talk_main_sqlite(
	    argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
