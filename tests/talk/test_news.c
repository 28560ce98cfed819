/*
 * test_news.c - how the program learns of a commit: at once and without its
 * sweep, whoever made it and however the log is kept; and what it does while
 * it cannot read the log.
 *
 * All of it is about SQLite's own: the files, by which a commit is noticed.
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "peer.h"

/* No sweep comes to the rescue while anyone has patience. */
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

/* Each alone: the next is made when the last one came. */
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
test_without_any_sweep_at_all(void)
{
	want_one_by_one(serve_with("--poll", "0", NULL), "synchronous = FULL");
}

static void
test_a_publisher_for_every_row(void)
{
	struct server *sv = serve_without_sweep();
	struct client *c = stream(sv, "/events");

	for (int i = 1; i <= 40; i++) {
		append(sv, "main", text("%d", i));
		want_row(c, i);
	}
}

static void
test_the_sqlite3_program(void)
{
	struct server *sv = serve_without_sweep();
	struct client *c = stream(sv, "/events?topic=news");
	const char *program = sv->program;

	sv->program = "/usr/bin/sqlite3";
	for (int i = 1; i <= 5; i++) {
		struct ran r = run_with(sv, NULL, sv->db,
		    text("INSERT INTO events(topic, data) "
			 "VALUES('news', '%d')",
			i),
		    NULL);

		check(r.status == 0);
		want_row(c, i);
	}
	sv->program = program;
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
test_a_publisher_that_is_killed_in_a_transaction(void)
{
	struct server *sv = serve_without_sweep();
	struct client *c = stream(sv, "/events");
	sqlite3 *db = log_open(sv->db);

	insert(db, 1);
	want_row(c, 1);
	log_run(db, "BEGIN IMMEDIATE");
	insert(db, 99);
	log_close(db); /* as the kernel would: nothing committed */
	append(sv, "main", "2");
	want_row(c, 2);
}

static void
test_a_publisher_with_an_open_transaction_blocks_nobody(void)
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

/* --- a log that cannot be read ----------------------------------------- */

/* locking_mode EXCLUSIVE is the one thing that shuts out readers of a WAL. */
static sqlite3 *
lock(struct server *sv)
{
	sqlite3 *db = log_open(sv->db);

	log_run(db, "PRAGMA locking_mode = EXCLUSIVE");
	log_run(db, "INSERT INTO events(data) VALUES('locked')");
	return db;
}

static void
test_a_log_that_is_busy_at_the_start(void)
{
	struct server *sv = prepare();
	sqlite3 *db = lock(sv);
	struct client *c;

	start(sv, NULL);
	c = get(sv, "/events", NULL);
	check(want_headers(c) == 200);
	log_close(db);
	c = get_in_the_end(sv, "0");
	want(c, "id: 1\ndata: locked\n\n");
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

/* --- idle -------------------------------------------------------------- */

static long
switches_in_a_second(const struct server *sv)
{
	long before = status_number(sv, "voluntary_ctxt_switches");

	poll(NULL, 0, 1000); /* a rate is of a time; nothing is hoped for */
	return status_number(sv, "voluntary_ctxt_switches") - before;
}

static void
test_an_idle_process_sleeps(void)
{
	struct server *sv = serve_without_sweep();
	struct client *c[20];

	for (int i = 0; i < 20; i++)
		c[i] = stream(sv, "/events");
	append(sv, "main", "1");
	for (int i = 0; i < 20; i++)
		want_row(c[i], 1);
	/* When the ladder behind the last hint is climbed: none but a few. */
	until(switches_in_a_second(sv) <= 2);
}

static void
test_an_idle_process_wakes_for_the_sweep_alone(void)
{
	struct server *sv = serve_with("--poll", "100", NULL);

	stream(sv, "/events");
	until(switches_in_a_second(sv) <= 14);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_a_connected_publisher_that_syncs),
	    TALK(test_a_connected_publisher_that_does_not_sync),
	    TALK(test_without_any_sweep_at_all),
	    TALK(test_a_publisher_for_every_row),
	    TALK(test_the_sqlite3_program),
	    TALK(test_a_checkpoint_in_between),
	    TALK(test_idle_streams_do_not_hold_up_a_checkpoint),
	    TALK(test_a_slow_reader_does_not_hold_up_a_checkpoint),
	    TALK(test_a_log_that_is_not_in_wal_mode),
	    TALK(test_a_log_that_leaves_wal_mode_between_two_starts),
	    TALK(test_a_symbolic_link_to_the_log),
	    TALK(test_a_path_that_is_relative),
	    TALK(test_a_publisher_that_is_killed_in_a_transaction),
	    TALK(test_a_publisher_with_an_open_transaction_blocks_nobody),
	    TALK(test_a_log_that_is_busy_at_the_start),
	    TALK(test_a_log_that_is_busy_later_on),
	    TALK(test_an_idle_process_sleeps),
	    TALK(test_an_idle_process_wakes_for_the_sweep_alone),
	};

	return talk_main_sqlite(
	    argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
