/*
 * test_away.c - the log is not there when the program starts, or something is
 * wrong with it.  Whoever has given it a listening socket would not start it
 * again, so it waits, whatever is wrong with the log.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/talk/peer/posts.h"

static struct client *
health(struct server *sv)
{
	return ask(sv, "GET", "/events/health", NULL, NULL);
}

static void
want_waiting(struct server *sv)
{
	until(want_headers(health(sv)) == 503);
	want_sent_away(sv, NULL);
	want_sent_away(sv, "1");
	until(errors_with(sv, "waiting for the log") == 1);
}

static void
make_log(struct server *sv)
{
	struct ran r = run_with(sv, NULL, "init", sv->db, NULL);

	check(r.status == 0);
}

/* A database of somebody else. */
static void
make_other(const struct server *sv)
{
	sqlite3 *db;

	check(sqlite3_open(sv->db, &db) == SQLITE_OK);
	check(sqlite3_exec(db, "CREATE TABLE other(x)", NULL, NULL, NULL) ==
	      SQLITE_OK);
	sqlite3_close(db);
}

/* Nobody sees it before it is whole. */
static void
make_other_at_once(struct server *sv)
{
	char *db = sv->db;

	sv->db = text("%s/other", sv->dir);
	make_other(sv);
	check(rename(sv->db, db) == 0);
	sv->db = db;
}

static void
want_alive(struct server *sv)
{
	struct client *c = come_back(sv, "/events", "0");

	append(sv, "main", "hello");
	want_event(c, "1", NULL, "hello");
	until(want_headers(health(sv)) == 200);
}

static void
test_it_waits_for_a_log_that_is_not_there(void)
{
	struct server *sv = prepare_nothing();

	start_bare(sv, listening_socket(sv), -1, "serve", "--db", sv->db, NULL);
	want_waiting(sv);
	make_log(sv);
	want_alive(sv);
	check(errors_with(sv, "waiting for the log") == 1);
	check(errors_with(sv, "can be read again") == 1);
	stop(sv);
}

static void
test_it_waits_for_a_directory_that_is_not_there(void)
{
	struct server *sv = prepare_nothing();
	char *dir = text("%s/mount", sv->dir), *moved = text("%s/m", sv->dir);
	char *there = text("%s/events.db", moved);

	sv->db = there;
	check(mkdir(moved, 0755) == 0);
	make_log(sv);
	sv->db = text("%s/events.db", dir);
	start_bare(sv, listening_socket(sv), -1, "serve", "--db", sv->db, NULL);
	want_waiting(sv);
	check(rename(moved, dir) == 0);
	want_alive(sv);
	stop(sv);
}

static void
test_it_ends_while_it_waits(void)
{
	struct server *sv = prepare_nothing();

	start_bare(sv, listening_socket(sv), -1, "serve", "--db", sv->db, NULL);
	want_waiting(sv);
	stop(sv);
}

/* Each waits, and one line says so. */
static void
test_workers_wait(void)
{
	struct server *sv = prepare_nothing();

	start_bare(sv, listening_socket(sv), -1, "serve", "--db", sv->db,
	    "--workers", "3", NULL);
	want_waiting(sv);
	make_log(sv);
	want_alive(sv);
	/* all of them, whoever answers */
	for (int i = 0; i < 20; i++)
		until(want_headers(health(sv)) == 200);
	check(errors_with(sv, "waiting for the log") == 1);
	stop(sv);
}

/*
 * A worker that is started later has the log from its first moment.  It used to
 * open the log again after a while, and then missed events and did not end.
 */
static void
test_a_worker_that_comes_later_does_not_wait(void)
{
	enum {
		STREAMS = 12,
		LONG_MS = 1000 /* four attempts to open a log that is away */
	};
	struct server *sv = prepare_nothing();
	struct client *c[STREAMS];
	pid_t pids[8], old;
	int64_t end;

	start_bare(sv, listening_socket(sv), -1, "serve", "--db", sv->db,
	    "--workers", "2", NULL);
	want_waiting(sv);
	make_log(sv);
	want_alive(sv);
	until(children_of(sv->pid, pids, 8) == 2);
	old = pids[0];
	check(kill(old, SIGKILL) == 0);
	until(children_of(sv->pid, pids, 8) == 2 && pids[0] != old &&
	      pids[1] != old);
	for (int i = 0; i < STREAMS; i++)
		c[i] = get_in_the_end(sv, "1");
	end = now_ms() + LONG_MS;
	for (int n = 0; now_ms() < end; n++) {
		append(sv, "main", text("later %d", n));
		for (int i = 0; i < STREAMS; i++)
			want_event(c[i], NULL, "message", text("later %d", n));
	}
	stop(sv);
}

/* --- a file that is there ------------------------------------------------- */

static void
put_file(const struct server *sv, const char *bytes, size_t len)
{
	FILE *f = fopen(sv->db, "we");

	check(f != NULL);
	check(fwrite(bytes, 1, len, f) == len);
	check(fclose(f) == 0);
}

static void
make_empty(const struct server *sv)
{
	put_file(sv, "", 0);
}

static void
make_junk(const struct server *sv)
{
	char junk[4096];

	memset(junk, 'j', sizeof(junk));
	put_file(sv, junk, sizeof(junk));
}

/* The first pages of a log, as cp leaves them before it is done. */
static void
make_half(const struct server *sv)
{
	struct server *whole = prepare();
	char bytes[8192];
	FILE *f = fopen(whole->db, "re");

	check(f != NULL);
	check(fread(bytes, 1, sizeof(bytes), f) == sizeof(bytes));
	fclose(f);
	put_file(sv, bytes, sizeof(bytes));
}

static void
make_directory(const struct server *sv)
{
	check(mkdir(sv->db, 0755) == 0);
}

/* Whoever opens it for reading would wait for somebody who writes to it. */
static void
make_fifo(const struct server *sv)
{
	check(mkfifo(sv->db, 0644) == 0);
}

/* What is there, and what is said of it. */
static const struct no_log {
	void (*make)(const struct server *);
	const char *said;
} no_logs[] = {
    {make_other, "not an event log: make it one with: largesse init"},
    {make_empty, "not an event log: make it one with: largesse init"},
    {make_junk, "file is not a database"},
    {make_half, "database disk image is malformed"},
    {make_directory, "it is no file"},
    {make_fifo, "it is no file"},
};

static void
test_what_is_no_log_is_waited_for(void)
{
	for (size_t i = 0; i < sizeof(no_logs) / sizeof(*no_logs); i++) {
		struct server *sv = prepare_nothing();

		no_logs[i].make(sv);
		start_bare(sv, listening_socket(sv), -1, "serve", "--db",
		    sv->db, NULL);
		want_waiting(sv);
		check(errors_with(sv, no_logs[i].said) == 1);
		check(remove(sv->db) == 0);
		make_log(sv);
		want_alive(sv);
		check(errors_with(sv, "can be read again") == 1);
		stop(sv);
	}
}

/* The parent says it, and the workers do not say it again. */
static void
test_workers_wait_for_what_is_no_log_yet(void)
{
	struct server *sv = prepare_nothing();

	make_other(sv);
	start_bare(sv, listening_socket(sv), -1, "serve", "--db", sv->db,
	    "--workers", "3", NULL);
	want_waiting(sv);
	make_log(sv);
	want_alive(sv);
	for (int i = 0; i < 20; i++)
		until(want_headers(health(sv)) == 200);
	check(errors_with(sv, "waiting for the log") == 1);
	check(errors_with(sv, "ended by") == 0);
	stop(sv);
}

/* Whoever starts later says for itself what is wrong then. */
static void
test_a_worker_that_comes_later_says_why_it_waits(void)
{
	struct server *sv = prepare_nothing();
	pid_t pids[8];

	start_bare(sv, listening_socket(sv), -1, "serve", "--db", sv->db,
	    "--workers", "2", NULL);
	want_waiting(sv);
	make_log(sv);
	want_alive(sv);
	check(remove(sv->db) == 0);
	check(children_of(sv->pid, pids, 8) == 2);
	check(kill(pids[0], SIGKILL) == 0);
	until(errors_with(sv, "waiting for the log") == 2);
	stop(sv);
}

/* --- a log that is locked ------------------------------------------------- */

static void
test_a_locked_log_is_waited_for(void)
{
	struct server *sv = prepare();

	log_shut(sv);
	start_bare(sv, listening_socket(sv), -1, "serve", "--db", sv->db, NULL);
	check(want_headers(health(sv)) == 503);
	until(errors_with(sv, "database is locked") == 1);
	want_sent_away(sv, NULL);
	log_reopen(sv);
	until(want_headers(health(sv)) == 200);
	want_alive(sv);
	check(errors_with(sv, "database is locked") == 1);
	stop(sv);
}

/* Who has to write to it is told the same. */
static void
test_a_locked_log_is_waited_for_by_a_publisher(void)
{
	struct server *sv = ready();

	log_shut(sv);
	start_bare(sv, listening_socket(sv), -1, "serve", "--db", sv->db, NULL);
	check(want_headers(health(sv)) == 503);
	check(want_headers(post(sv, FORM, "data=x")) == 503);
	want_sent_away(sv, NULL);
	log_reopen(sv);
	until(want_headers(health(sv)) == 200);
	check(want_headers(post(sv, FORM, "data=x")) == 201);
	check(log_count(sv) == 1);
	check(errors_with(sv, "database is locked") == 1);
	check(errors_with(sv, "ended by") == 0);
	stop(sv);
}

/* A log that comes, and is locked, does not hold the loop. */
static void
test_a_look_at_a_locked_log_delays_nobody(void)
{
	enum {
		ANSWERS = 12,
		LOOK_MS = 5000 /* that a publisher waits for a lock */
	};
	struct server *sv = ready();
	char *aside = text("%s/aside", sv->dir);
	int64_t began;

	check(rename(sv->db, aside) == 0);
	start_bare(sv, listening_socket(sv), -1, "serve", "--db", sv->db, NULL);
	until(want_headers(health(sv)) == 503);
	check(rename(aside, sv->db) == 0);
	log_shut(sv);
	until(errors_with(sv, "database is locked") == 1);
	began = now_ms();
	for (int i = 0; i < ANSWERS; i++)
		check(want_headers(health(sv)) == 503);
	check(now_ms() - began < ANSWERS / 2 * LOOK_MS);
	log_reopen(sv);
	until(want_headers(health(sv)) == 200);
	stop(sv);
}

/* --- a log that others may not touch -------------------------------------- */

static void
test_a_log_without_rights_is_waited_for(void)
{
	struct server *sv = prepare();
	char *dir = text("%s/closed", sv->dir), *db = sv->db;

	check(mkdir(dir, 0700) == 0);
	sv->db = text("%s/events.db", dir);
	check(rename(db, sv->db) == 0);
	check(chmod(sv->db, 0666) == 0);
	become_nobody(sv);
	start_bare(sv, listening_socket(sv), -1, "serve", "--db", sv->db, NULL);
	want_waiting(sv);
	check(errors_with(sv, "Permission denied") == 1);
	check(chmod(dir, 0777) == 0);
	until(want_headers(health(sv)) == 200);
	want_alive(sv);
	stop(sv);
}

/* --- what nobody mends at the log ----------------------------------------- */

static void
want_refused(const char *db, const char *option, const char *value)
{
	struct server *sv = prepare();

	start_bare(sv, listening_socket(sv), -1, "serve", "--db",
	    db != NULL ? db : sv->db, option, value, NULL);
	check(await_exit(sv) == 1 << 8);
	check(errors_with(sv, "largesse: ") == 1);
	check(errors_with(sv, "waiting for the log") == 0);
}

static void
test_a_name_that_no_log_can_have_is_refused(void)
{
	want_refused(":memory:", NULL, NULL);
	want_refused("file:x.db", NULL, NULL);
	want_refused("redis://", NULL, NULL);
	want_refused("redis://host:port", NULL, NULL);
	want_refused("redis://host/x", NULL, NULL);
	want_refused("redis://h?no=1", NULL, NULL);
}

static void
test_a_key_file_that_is_not_there_is_refused(void)
{
	want_refused(NULL, "--key-file", "/no/such/key");
}

/* --- what comes, and what ends it ----------------------------------------- */

/* What has the name is said, if it is no log. */
static void
test_what_comes_and_is_no_log_is_told(void)
{
	struct server *sv = prepare_nothing();

	start_bare(sv, listening_socket(sv), -1, "serve", "--db", sv->db, NULL);
	want_waiting(sv);
	make_other_at_once(sv);
	until(errors_with(sv, "not an event log") == 1);
	check(want_headers(health(sv)) == 503);
	check(errors_with(sv, "waiting for the log") == 2);
	/* While it is made the file may be locked, which is told as well. */
	make_log(sv);
	want_alive(sv);
	check(errors_with(sv, "not an event log") == 1);
	stop(sv);
}

static void
test_with_listen_it_ends(void)
{
	struct server *sv = prepare_nothing();
	struct ran r = serve_ends(sv);

	want_one_line(&r, 1);
}

/* POSTs are told to come again, until there is a log and so a writer. */
static void
test_a_writer_starts_when_the_log_is_there(void)
{
	struct server *sv = ready();
	char *aside = text("%s/aside", sv->dir);
	struct client *c;

	check(rename(sv->db, aside) == 0);
	start_bare(sv, listening_socket(sv), -1, "serve", "--db", sv->db, NULL);
	until(want_headers(health(sv)) == 503);
	c = post(sv, FORM, "data=x");
	check(want_headers(c) == 503);
	check(writer_of(sv) == 0);
	check(errors_with(sv, "writer") == 0);
	check(rename(aside, sv->db) == 0);
	until(want_headers(health(sv)) == 200);
	until(want_headers(post(sv, FORM, "data=x")) == 201);
	check(log_count(sv) == 1);
	stop(sv);
}

/*
 * POSTs would fail.  It says so, goes on waiting, and serves when the log may
 * be written.
 */
static void
test_a_log_that_may_not_be_written_is_told(void)
{
	const char *line = "may be read but not written by this user";
	struct server *sv = ready();
	char *aside = text("%s/aside", sv->dir);

	check(chmod(sv->db, 0444) == 0);
	check(chmod(text("%s/key", sv->dir), 0644) == 0);
	check(rename(sv->db, aside) == 0);
	become_nobody(sv);
	start_bare(sv, listening_socket(sv), -1, "serve", "--db", sv->db, NULL);
	until(want_headers(health(sv)) == 503);
	check(rename(aside, sv->db) == 0);
	until(errors_with(sv, text("waiting for the log: --publish: %s: %s",
				  sv->db, line)) == 1);
	check(want_headers(health(sv)) == 503);
	want_sent_away(sv, NULL);
	check(chmod(sv->db, 0666) == 0);
	chmod(text("%s-wal", sv->db), 0666); /* of the mode of the log, if */
	chmod(text("%s-shm", sv->db), 0666); /* they are there */
	until(want_headers(health(sv)) == 200);
	until(want_headers(post(sv, FORM, "data=x")) == 201);
	check(errors_with(sv, text("waiting for the log: --publish: %s: %s",
				  sv->db, line)) == 1);
	check(errors_with(sv, "can be read again") == 1);
	stop(sv);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_it_waits_for_a_log_that_is_not_there),
	    TALK(test_it_waits_for_a_directory_that_is_not_there),
	    TALK(test_it_ends_while_it_waits),
	    TALK(test_workers_wait),
	    TALK(test_a_worker_that_comes_later_does_not_wait),
	    TALK(test_what_is_no_log_is_waited_for),
	    TALK(test_workers_wait_for_what_is_no_log_yet),
	    TALK(test_a_worker_that_comes_later_says_why_it_waits),
	    TALK(test_a_locked_log_is_waited_for),
	    TALK(test_a_locked_log_is_waited_for_by_a_publisher),
	    TALK(test_a_look_at_a_locked_log_delays_nobody),
	    TALK(test_a_log_without_rights_is_waited_for),
	    TALK(test_a_name_that_no_log_can_have_is_refused),
	    TALK(test_a_key_file_that_is_not_there_is_refused),
	    TALK(test_what_comes_and_is_no_log_is_told),
	    TALK(test_with_listen_it_ends),
	    TALK(test_a_writer_starts_when_the_log_is_there),
	    TALK(test_a_log_that_may_not_be_written_is_told),
	};

	return talk_main_sqlite(
	    argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
