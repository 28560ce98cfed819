/*
 * test_sqlite_news.c - a commit is noticed by what SQLite does to its files,
 * however the log is kept and wherever it is; and no reader of ours delays it.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/talk/peer/witness.h"

/* The sweep comes so late that no test waits for it. */
static struct server *
serve_without_sweep(void)
{
	return serve_with("--poll", "60000", NULL);
}

static void
insert(sqlite3 *db, int n)
{
	log_run(db, "INSERT INTO events(data) VALUES('%d')", n);
}

static void
want_row(struct client *c, int n)
{
	want_event(c, NULL, "message", text("%d", n));
}

/* One at a time: the next commit is made when the last event came. */
static void
want_one_by_one(struct server *sv, const char *pragma)
{
	struct client *c = stream(sv, "/events");
	sqlite3 *db = log_open(sv->db);

	log_run(db, "PRAGMA %s", pragma);
	for (int i = 1; i <= 40; i++) {
		insert(db, i);
		want_row(c, i);
	}
}

static void
test_a_connected_publisher_that_syncs(void)
{
	want_one_by_one(serve_without_sweep(), "synchronous = FULL");
}

static void
test_a_connected_publisher_that_does_not_sync(void)
{
	want_one_by_one(serve_without_sweep(), "synchronous = NORMAL");
}

static void
test_a_connected_publisher_without_any_sweep_at_all(void)
{
	want_one_by_one(serve_with("--poll", "0", NULL), "synchronous = FULL");
}

static void
test_a_checkpoint_in_between(void)
{
	struct server *sv = serve_without_sweep();
	struct client *c = stream(sv, "/events");
	sqlite3 *db = log_open(sv->db);

	for (int i = 1; i <= 20; i++) {
		insert(db, i);
		want_row(c, i);
		log_run(db, "PRAGMA wal_checkpoint(%s)",
		    i % 2 ? "TRUNCATE" : "RESTART");
	}
}

/* No statement of ours stays open: the WAL can be emptied at any moment. */
static void
test_idle_streams_do_not_hold_up_a_checkpoint(void)
{
	struct server *sv = serve();
	struct client *c = stream(sv, "/events");
	struct stat st;

	append_many(sv, "main", 1, 500, 1000);
	for (int i = 1; i <= 500; i++)
		want_next(c);
	sql(sv, "PRAGMA wal_checkpoint(TRUNCATE)");
	check(stat(text("%s-wal", sv->db), &st) == 0 && st.st_size == 0);
}

static void
test_a_slow_reader_does_not_hold_up_a_checkpoint(void)
{
	struct server *sv = serve();
	struct client *c = stream(sv, "/events");
	struct stat st;

	for (int i = 0; i < 5; i++)
		append_many(sv, "main", 1, 400, 10000);
	until((sql(sv, "PRAGMA wal_checkpoint(TRUNCATE)"),
	    stat(text("%s-wal", sv->db), &st) == 0 && st.st_size == 0));
	check(c->fd >= 0);
}

static void
test_a_log_that_is_not_in_wal_mode(void)
{
	struct server *sv = prepare();
	struct client *c;

	sql(sv, "PRAGMA journal_mode = DELETE");
	start(sv, "--poll", "60000", NULL);
	c = stream(sv, "/events");
	for (int i = 1; i <= 10; i++) {
		append(sv, "main", text("%d", i));
		want_row(c, i);
	}
}

/* The change of mode needs the log for itself, which an open reader denies. */
static void
test_a_log_that_leaves_wal_mode_between_two_starts(void)
{
	struct server *sv = serve_without_sweep();
	struct client *c = stream(sv, "/events");

	append(sv, "main", "1");
	want_row(c, 1);
	slay(sv);
	sql(sv, "PRAGMA journal_mode = DELETE");
	start(sv, "--poll", "60000", NULL);
	c = get(sv, "/events", "HTTP_LAST_EVENT_ID", "1", NULL);
	want_start(c);
	append(sv, "main", "2");
	want_row(c, 2);
}

static void
test_a_symbolic_link_to_the_log(void)
{
	struct server *sv = prepare();
	char *real = sv->db, *dir = text("%s/elsewhere", sv->dir);
	struct client *c;

	check(mkdir(dir, 0755) == 0);
	sv->db = text("%s/link.db", dir);
	check(symlink(real, sv->db) == 0);
	start(sv, "--poll", "60000", NULL);
	c = stream(sv, "/events");
	sv->db = real;
	for (int i = 1; i <= 5; i++) {
		append(sv, "main", text("%d", i));
		want_row(c, i);
	}
}

static void
test_a_path_that_is_relative(void)
{
	struct server *sv = prepare();
	char *real = sv->db, *program, here[4096];
	struct client *c;

	check(getcwd(here, sizeof(here)) != NULL);
	check((program = realpath(sv->program, NULL)) != NULL);
	sv->program = text("%s", program);
	free(program);
	check(chdir(sv->dir) == 0);
	start_bare(sv, -1, -1, "serve", "--db", "events.db", "--listen",
	    "unix:s", "--poll", "60000", NULL);
	check(chdir(here) == 0);
	await_listening(sv);
	c = stream(sv, "/events");
	sv->db = real;
	append(sv, "main", "1");
	want_row(c, 1);
}

static void
test_an_exclusive_transaction_blocks_nobody(void)
{
	struct server *sv = serve_without_sweep();
	sqlite3 *db = log_open(sv->db);
	struct client *c;

	append(sv, "main", "1");
	log_run(db, "BEGIN EXCLUSIVE");
	insert(db, 2);
	c = stream(sv, "/events?last=1");
	want_row(c, 1);
	log_run(db, "COMMIT");
	want_row(c, 2);
}

static void
test_a_log_that_is_busy_later_on(void)
{
	struct server *sv = prepare();
	struct client *c;
	sqlite3 *db;

	sql(sv, "PRAGMA journal_mode = DELETE");
	start(sv, NULL);
	c = stream(sv, "/events");
	append(sv, "main", "1");
	want_row(c, 1);
	db = log_open(sv->db);
	log_run(db, "BEGIN EXCLUSIVE");
	insert(db, 2);
	/* Whoever comes now is answered, and at once. */
	check(want_headers(get(sv, "/events", NULL)) == 200);
	log_run(db, "COMMIT");
	want_row(c, 2);
}

/* Rows that go, and pages that move: it is the same log. */
static void
test_vacuum_is_no_gap(void)
{
	struct server *sv = serve_numbered(5);
	struct client *c = get_in_the_end(sv, "0");

	for (int i = 1; i <= 5; i++)
		want_row(c, i);
	sql(sv, "DELETE FROM events WHERE id < 5");
	sql(sv, "VACUUM");
	sql(sv, "DELETE FROM events");
	sql(sv, "VACUUM");
	sql(sv, "CREATE TABLE of_the_application(x)");
	append(sv, "main", "6");
	want(c, "id: 6\ndata: 6\n\n");
}

/*
 * Ids began again a minute after the newest was removed.  A client that has
 * such an id cannot know of which life it is, but a stream that reads old rows
 * is in this one.
 */
static void
test_ids_that_began_again_stop_no_stream(void)
{
	struct server *sv = prepare();
	struct client *c;

	for (int i = 1; i <= 5; i++)
		append(sv, "main", "old");
	sql(sv, "DELETE FROM events");
	sql(sv, "DELETE FROM sqlite_sequence WHERE name = 'events'");
	sql(sv, "UPDATE largesse SET value = value - 60000"
		" WHERE key = 'pruned-time'");
	for (int i = 1; i <= 4; i++)
		append(sv, "main", text("%d", i));
	start(sv, NULL);
	c = stream(sv, "/events?last=2");
	want_row(c, 3);
	want_row(c, 4);
	append(sv, "main", "5");
	want_row(c, 5);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_a_connected_publisher_that_syncs),
	    TALK(test_a_connected_publisher_that_does_not_sync),
	    TALK(test_a_connected_publisher_without_any_sweep_at_all),
	    TALK(test_a_checkpoint_in_between),
	    TALK(test_idle_streams_do_not_hold_up_a_checkpoint),
	    TALK(test_a_slow_reader_does_not_hold_up_a_checkpoint),
	    TALK(test_a_log_that_is_not_in_wal_mode),
	    TALK(test_a_log_that_leaves_wal_mode_between_two_starts),
	    TALK(test_a_symbolic_link_to_the_log),
	    TALK(test_a_path_that_is_relative),
	    TALK(test_an_exclusive_transaction_blocks_nobody),
	    TALK(test_a_log_that_is_busy_later_on),
	    TALK(test_vacuum_is_no_gap),
	    TALK(test_ids_that_began_again_stop_no_stream),
	};

	return talk_main_sqlite(
	    argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
