/*
 * test_begin.c - the ways to start the program, and what it says when it
 * cannot: each web server and each supervisor has its own.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "peer.h"

/* As systemd (Accept=no, StandardInput=socket) and web servers hand it over. */
static int
listening(const char *path)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	check(bind(fd, (struct sockaddr *)&un, sizeof(un)) == 0);
	check(listen(fd, 100) == 0);
	return fd;
}

static void
want_served(struct server *sv)
{
	struct client *c = get(sv, "/events?topic=a", NULL);

	want_start(c);
	want_nothing_more(c, sv, "a");
}

static void
test_listen_on_a_unix_socket(void)
{
	want_served(serve());
}

static void
test_mode_of_the_socket(void)
{
	struct server *sv = serve();
	struct stat st;

	check(stat(sv->socket, &st) == 0 && (st.st_mode & 0777) == 0660);
	stop(sv);
	start(sv, "--listen-mode", "0600", NULL);
	check(stat(sv->socket, &st) == 0 && (st.st_mode & 0777) == 0600);
}

static void
test_listen_on_a_port(void)
{
	struct server *sv = prepare();

	start_bare(sv, -1, -1, "serve", "--db", sv->db, "--listen",
	    "127.0.0.1:0", NULL);
	until((sv->port = port_of(sv)) != 0);
	want_served(sv);
}

static void
test_a_listening_socket_as_descriptor_0(void)
{
	struct server *sv = prepare();
	int fd = listening(sv->socket);

	start_bare(sv, fd, -1, "serve", "--db", sv->db, NULL);
	close(fd);
	want_served(sv);
}

/* It is its owner's, who needs it for the next start. */
static void
test_a_socket_handed_over_is_not_removed(void)
{
	struct server *sv = prepare();
	int fd = listening(sv->socket);
	struct client *early;
	struct stat st;

	start_bare(sv, fd, -1, "serve", "--db", sv->db, NULL);
	want_served(sv);
	stop(sv);
	check(stat(sv->socket, &st) == 0);
	early = get(sv, "/events", NULL); /* waits in the backlog */
	start_bare(sv, fd, -1, "serve", "--db", sv->db, NULL);
	close(fd);
	want_start(early);
	want_served(sv);
}

static void
test_two_processes_on_one_socket(void)
{
	struct server *a = prepare(), *b = prepare();
	int fd = listening(a->socket);

	b->db = a->db;
	b->socket = a->socket;
	start_bare(a, fd, -1, "serve", "--db", a->db, NULL);
	start_bare(b, fd, -1, "serve", "--db", b->db, NULL);
	close(fd);
	for (int i = 0; i < 20; i++)
		want_served(a);
	stop(a);
	for (int i = 0; i < 5; i++)
		want_served(b);
}

static void
test_without_a_command_word_on_a_listening_socket(void)
{
	struct server *sv = prepare();
	int fd = listening(sv->socket);

	sv->env = (const char *[]){text("LARGESSE_DB=%s", sv->db), NULL};
	start_bare(sv, fd, -1, NULL);
	close(fd);
	want_served(sv);
}

static void
test_options_without_a_command_word(void)
{
	struct server *sv = prepare();
	int fd = listening(sv->socket);

	start_bare(sv, fd, -1, "--db", sv->db, NULL);
	close(fd);
	want_served(sv);
}

/* The shell makes it a child that ends with us; spawn-fcgi's would not. */
static void
test_spawn_fcgi(void)
{
	struct server *sv = prepare();
	char *program = realpath(sv->program, NULL);

	check(program != NULL);
	sv->program = "/usr/bin/spawn-fcgi";
	start_bare(sv, -1, -1, "-n", "-s", sv->socket, "-M", "0660", "-b",
	    "1024", "--", text("%s", program), "serve", "--db", sv->db, NULL);
	free(program);
	await_listening(sv);
	want_served(sv);
}

static void
test_options_from_the_environment(void)
{
	struct server *sv = prepare();
	struct client *c;

	sv->env = (const char *[]){text("LARGESSE_DB=%s", sv->db),
	    text("LARGESSE_LISTEN=unix:%s", sv->socket),
	    "LARGESSE_MAX_STREAMS=1", "LARGESSE_HEARTBEAT=1", NULL};
	start_bare(sv, -1, -1, "serve", NULL);
	await_listening(sv);
	c = get(sv, "/events", NULL);
	want_start(c);
	while (strstr(c->out.s + c->at, ":") == NULL) /* heartbeat */
		check(hear(c, now_ms() + PATIENCE_MS));
	c = get(sv, "/events", NULL);
	check(want_headers(c) == 200);
	want_farewell(c);
}

static void
test_the_command_line_wins_over_the_environment(void)
{
	struct server *sv = prepare();
	struct client *c;

	sv->env = (const char *[]){
	    "LARGESSE_MAX_STREAMS=1", "LARGESSE_DB=/no/such/file", NULL};
	start(sv, "--max-streams", "2", NULL);
	want_start(get(sv, "/events", NULL));
	want_start(get(sv, "/events", NULL));
	c = get(sv, "/events", NULL);
	check(want_headers(c) == 200);
	want_farewell(c);
}

static void
test_a_log_made_by_init_twice(void)
{
	struct server *sv = prepare();

	append(sv, "a", "x");
	check(run_with(sv, NULL, "init", sv->db, NULL).status == 0);
	check(sql_number(sv, "SELECT count(*) FROM events") == 1);
	start(sv, NULL);
	want_served(sv);
}

static void
test_a_log_in_the_database_of_an_application(void)
{
	struct server *sv = prepare_nothing();
	sqlite3 *db;

	check(sqlite3_open(sv->db, &db) == SQLITE_OK);
	log_run(db, "CREATE TABLE users(name TEXT)");
	log_run(db, "INSERT INTO users VALUES('eve')");
	sqlite3_close(db);
	check(run_with(sv, NULL, "init", sv->db, NULL).status == 0);
	check(sql_number(sv, "SELECT count(*) FROM users") == 1);
	start(sv, NULL);
	want_served(sv);
	sql(sv, "INSERT INTO users VALUES('adam')");
	want_served(sv);
}

static void
test_publish_and_a_stream(void)
{
	struct server *sv = serve();
	struct client *c = get(sv, "/events?topic=news", NULL);
	struct ran r;

	want_start(c);
	r = run_with(sv, NULL, "publish", sv->db, "--topic", "news", "--event",
	    "flash", "--uid", "n-1", "hello", NULL);
	check(r.status == 0);
	want(c, "id: n-1\nevent: flash\ndata: hello\n\n");
	r = run_with(sv, NULL, "publish", sv->db, "--topic", "news", "--uid",
	    "n-1", "hello again", NULL);
	check(r.status == 0);
	r = run_with(
	    sv, "one\ntwo\n\nfour", "publish", sv->db, "--topic", "news", NULL);
	check(r.status == 0);
	want_event(c, NULL, "message", "one");
	want_event(c, NULL, "message", "two");
	want_event(c, NULL, "message", "");
	want_event(c, NULL, "message", "four");
	want_nothing_more(c, sv, "news");
}

/* --- when it cannot ----------------------------------------------------------
 */

static void
want_one_line(const struct ran *r, int status)
{
	const char *end = strchr(r->err, '\n');

	if (r->status != status || strncmp(r->err, "largesse: ", 10) != 0 ||
	    end == NULL || end[1] != '\0' || *r->out != '\0')
		talk_fail("wanted status %d and one line `largesse: ...`; "
			  "came %d: %s and on stdout %s",
		    status, r->status, shown(r->err, strlen(r->err)),
		    shown(r->out, strlen(r->out)));
}

static void
test_wrong_usage_is_2_and_one_line(void)
{
	static const char *const word[][3] = {{"no-such-command"}, {"serve"},
	    {"serve", "--no-such-option"}, {"serve", "--db"}, {"init"},
	    {"publish"}, {"prune"}, {"tail"}, {"init", "a", "b"},
	    {"serve", "operand"}, {"--no-such-option"}};
	struct server *sv = prepare_nothing();

	for (size_t i = 0; i < sizeof(word) / sizeof(word[0]); i++) {
		struct ran r = run_with(
		    sv, NULL, word[i][0], word[i][1], word[i][2], NULL);

		want_one_line(&r, 2);
	}
}

static void
test_a_value_out_of_bounds_is_wrong_usage(void)
{
	static const char *const word[][2] = {{"--heartbeat", "x"},
	    {"--heartbeat", "-1"}, {"--max-streams", "1x"},
	    {"--max-streams", "99999999999999999999"}, {"--poll", ""},
	    {"--max-topics", "0"}};
	struct server *sv = prepare();

	for (size_t i = 0; i < sizeof(word) / sizeof(word[0]); i++) {
		struct ran r = run_with(sv, NULL, "serve", "--db", sv->db,
		    word[i][0], word[i][1], NULL);

		want_one_line(&r, 2);
	}
}

static void
test_an_address_that_is_none_is_wrong_usage(void)
{
	static const char *const address[] = {
	    "nonsense", "unix:", "127.0.0.1:70000", "127.0.0.1:", ":x"};
	struct server *sv = prepare();

	for (size_t i = 0; i < sizeof(address) / sizeof(address[0]); i++) {
		struct ran r = run_with(sv, NULL, "serve", "--db", sv->db,
		    "--listen", address[i], NULL);

		want_one_line(&r, 2);
	}
}

/* Wrong usage or a failure, as one sees it: said in one line it is. */
static void
test_nothing_to_listen_on(void)
{
	struct server *sv = prepare();
	struct ran r = run_with(sv, NULL, "serve", "--db", sv->db, NULL);

	check(r.status == 1 || r.status == 2);
	want_one_line(&r, r.status);
}

static void
test_no_command_is_wrong_usage(void)
{
	struct server *sv = prepare_nothing();
	struct ran r = run_with(sv, NULL, NULL);

	check(r.status == 2 && *r.err != '\0' && *r.out == '\0');
}

static void
test_help_and_version(void)
{
	static const char *const word[][2] = {{"--help"}, {"--version"},
	    {"serve", "--help"}, {"init", "--help"}, {"publish", "--help"},
	    {"tail", "--help"}, {"prune", "--help"}};
	struct server *sv = prepare_nothing();

	for (size_t i = 0; i < sizeof(word) / sizeof(word[0]); i++) {
		struct ran r = run_with(sv, NULL, word[i][0], word[i][1], NULL);

		check(r.status == 0 && *r.out != '\0' && *r.err == '\0');
	}
}

static struct ran
serve_ends(struct server *sv)
{
	return run_with(sv, NULL, "serve", "--db", sv->db, "--listen",
	    text("unix:%s", sv->socket), NULL);
}

static void
test_no_log(void)
{
	struct server *sv = prepare_nothing();
	struct ran r = serve_ends(sv);
	struct stat st;

	want_one_line(&r, 1);
	check(strstr(r.err, sv->db) != NULL);
	check(stat(sv->db, &st) != 0);
	check(stat(sv->socket, &st) != 0);
}

static void
test_a_file_that_is_no_log(void)
{
	struct server *sv = prepare_nothing();
	FILE *f = fopen(sv->db, "w");
	struct ran r;

	check(f != NULL);
	for (int i = 0; i < 1000; i++)
		fprintf(f, "this is not a database\n");
	fclose(f);
	r = serve_ends(sv);
	want_one_line(&r, 1);
}

static void
test_a_database_without_a_log(void)
{
	struct server *sv = prepare_nothing();
	struct ran r;
	sqlite3 *db;

	check(sqlite3_open(sv->db, &db) == SQLITE_OK);
	log_run(db, "CREATE TABLE users(name TEXT)");
	sqlite3_close(db);
	r = serve_ends(sv);
	want_one_line(&r, 1);
	check(strstr(r.err, "init") != NULL);
}

/* Root may read everything, so this is said to somebody else. */
static void
become_nobody(struct server *sv)
{
	if (getuid() == 0)
		sv->uid = 65534;
	check(chmod(sv->dir, 0777) == 0);
}

/* Modes are mended while it runs: it says so once, and does not give up. */
static void
test_a_log_that_may_not_be_read(void)
{
	struct server *sv = prepare();
	struct client *c;
	int complaints = 0;

	check(chmod(sv->db, 0) == 0);
	become_nobody(sv);
	start(sv, NULL);
	for (int i = 0; i < 3; i++) {
		c = get(sv, "/events", NULL);
		check(want_headers(c) == 200);
		check(want_farewell(c) > 0);
	}
	until(strstr(errors(sv), text("%s: ", sv->db)) != NULL);
	for (const char *s = errors(sv); (s = strstr(s, sv->db)); s++)
		complaints++;
	check(complaints == 1);
	check(chmod(sv->db, 0666) == 0);
	get_in_the_end(sv, "0");
}

static void
test_a_socket_that_may_not_be_made(void)
{
	struct server *sv = prepare();
	struct ran r;

	check(chmod(sv->db, 0666) == 0);
	become_nobody(sv);
	sv->socket = text("%s/no/such/dir/s", sv->dir);
	r = serve_ends(sv);
	want_one_line(&r, 1);
	check(strstr(r.err, sv->socket) != NULL);
}

/* Read-only, it needs no right to change rows: not even as its own user. */
static void
test_a_reader_without_the_right_to_write(void)
{
	struct server *sv = prepare();
	sqlite3 *publisher = log_open(sv->db);
	struct client *c;

	log_run(publisher, "INSERT INTO events(data) VALUES('before')");
	check(chmod(sv->db, 0444) == 0);
	check(chmod(text("%s-wal", sv->db), 0444) == 0);
	check(chmod(text("%s-shm", sv->db), 0444) == 0);
	become_nobody(sv);
	start(sv, NULL);
	c = get(sv, "/events?last=1", NULL);
	want_start(c);
	want(c, "id: 1\ndata: before\n\n");
	log_run(publisher, "INSERT INTO events(data) VALUES('after')");
	want(c, "id: 2\ndata: after\n\n");
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_listen_on_a_unix_socket),
	    TALK(test_mode_of_the_socket),
	    TALK(test_listen_on_a_port),
	    TALK(test_a_listening_socket_as_descriptor_0),
	    TALK(test_a_socket_handed_over_is_not_removed),
	    TALK(test_two_processes_on_one_socket),
	    TALK(test_without_a_command_word_on_a_listening_socket),
	    TALK(test_options_without_a_command_word),
	    TALK(test_spawn_fcgi),
	    TALK(test_options_from_the_environment),
	    TALK(test_the_command_line_wins_over_the_environment),
	    TALK(test_a_log_made_by_init_twice),
	    TALK(test_a_log_in_the_database_of_an_application),
	    TALK(test_publish_and_a_stream),
	    TALK(test_wrong_usage_is_2_and_one_line),
	    TALK(test_a_value_out_of_bounds_is_wrong_usage),
	    TALK(test_an_address_that_is_none_is_wrong_usage),
	    TALK(test_nothing_to_listen_on),
	    TALK(test_no_command_is_wrong_usage),
	    TALK(test_help_and_version),
	    TALK(test_no_log),
	    TALK(test_a_file_that_is_no_log),
	    TALK(test_a_database_without_a_log),
	    TALK(test_a_log_that_may_not_be_read),
	    TALK(test_a_socket_that_may_not_be_made),
	    TALK(test_a_reader_without_the_right_to_write),
	};

	return talk_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
