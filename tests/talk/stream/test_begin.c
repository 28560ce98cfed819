/*
 * test_begin.c - the ways to start the program: web servers and supervisors
 * each start it in their own way.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/talk/peer/peer.h"

/* A listening socket as systemd (Accept=no, StandardInput=socket) makes it. */
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

/* The socket file belongs to whoever made it, who needs it again. */
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
	early = get(sv, "/events", NULL); /* it waits in the backlog */
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
	/* One may serve alone while the other has not started yet. */
	until(strstr(errors(a), "listening") != NULL &&
	      strstr(errors(b), "listening") != NULL);
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

/* With -n spawn-fcgi becomes the server, which then ends with the test. */
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
	check(log_count(sv) == 1);
	start(sv, NULL);
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
	    TALK(test_publish_and_a_stream),
	};

	return talk_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
