/*
 * test_away.c - the log is not there when the program starts.  Whoever has
 * given it a listening socket would not start it again, so it waits.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/talk/peer/posts.h"

/* As spawn-fcgi makes it. */
static int
listening_socket(const struct server *sv)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	check(strlen(sv->socket) < sizeof(sun.sun_path));
	strcpy(sun.sun_path, sv->socket);
	check(fd != -1);
	check(bind(fd, (const struct sockaddr *)&sun, sizeof(sun)) == 0);
	check(listen(fd, 1024) == 0);
	return fd;
}

static struct client *
health(struct server *sv)
{
	return ask(sv, "GET", "/events/health", NULL, NULL);
}

static void
want_waiting(struct server *sv)
{
	struct client *c;

	until(want_headers(health(sv)) == 503);
	c = get(sv, "/events", NULL);
	check(want_headers(c) == 200);
	want_farewell(c);
	c = get(sv, "/events", "HTTP_LAST_EVENT_ID", "1", NULL);
	check(want_headers(c) == 200);
	want_farewell(c);
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

/* A file without a table in it is no log that may come. */
static void
test_a_file_that_is_no_log_is_refused(void)
{
	struct server *sv = prepare_nothing();

	make_other(sv);
	start_bare(sv, listening_socket(sv), -1, "serve", "--db", sv->db, NULL);
	check(await_exit(sv) == 1 << 8);
	check(strstr(errors(sv), "not an event log") != NULL);
}

/*
 * The first look finds a file that is no log yet.  The program has opened and
 * closed it when this returns.
 */
static void
start_and_let_it_look(struct server *sv)
{
	int fd = inotify_init1(IN_CLOEXEC);
	struct inotify_event ev;

	make_other(sv);
	check(inotify_add_watch(fd, sv->db, IN_CLOSE) != -1);
	start_bare(sv, listening_socket(sv), -1, "serve", "--db", sv->db, NULL);
	check(read(fd, &ev, sizeof(ev)) == sizeof(ev));
	close(fd);
}

static void
test_a_log_that_is_half_made_at_the_start(void)
{
	struct server *sv = prepare_nothing();

	start_and_let_it_look(sv);
	make_log(sv);
	want_alive(sv);
	stop(sv);
}

/* The same of a log that is to be written. */
static void
test_a_log_that_is_half_made_for_a_publisher(void)
{
	struct server *sv = ready();
	char *aside = text("%s/aside", sv->dir);

	check(rename(sv->db, aside) == 0);
	start_and_let_it_look(sv);
	check(rename(aside, sv->db) == 0);
	until(want_headers(post(sv, FORM, "data=x")) == 201);
	stop(sv);
}

/* What has the name is said, if it is no log. */
static void
test_what_comes_and_is_no_log_is_told(void)
{
	struct server *sv = prepare_nothing();

	start_bare(sv, listening_socket(sv), -1, "serve", "--db", sv->db, NULL);
	want_waiting(sv);
	make_other(sv);
	until(errors_with(sv, "not an event log") == 1);
	check(want_headers(health(sv)) == 503);
	make_log(sv);
	want_alive(sv);
	check(errors_with(sv, "waiting for the log") == 2);
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
 * At the start this ends it, for POSTs would fail.  One that waited says the
 * same, goes on waiting, and serves when the log may be written.
 */
static void
test_a_log_that_may_not_be_written_is_told(void)
{
	const char *line = "may be read but not written by this user";
	struct server *sv = ready();
	char *aside = text("%s/aside", sv->dir);
	struct client *c;

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
	c = get(sv, "/events", NULL);
	check(want_headers(c) == 200);
	want_farewell(c);
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
	    TALK(test_a_file_that_is_no_log_is_refused),
	    TALK(test_a_log_that_is_half_made_at_the_start),
	    TALK(test_a_log_that_is_half_made_for_a_publisher),
	    TALK(test_what_comes_and_is_no_log_is_told),
	    TALK(test_with_listen_it_ends),
	    TALK(test_a_writer_starts_when_the_log_is_there),
	    TALK(test_a_log_that_may_not_be_written_is_told),
	};

	return talk_main_sqlite(
	    argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
