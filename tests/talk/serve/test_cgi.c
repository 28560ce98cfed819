/*
 * test_cgi.c - the program started as plain CGI.  It writes the same stream for
 * one client to standard output, with headers and without FastCGI records.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/talk/peer/peer.h"

/*
 * Starts us as a web server would, for one request, and reads the output.  The
 * output is a pipe (lighttpd, Apache) or a socket (thttpd).
 */
static struct client *
cgi_on(struct server *sv, const int end[2], const char *method,
    const char *query, const char *more)
{
	struct client *c;

	sv->env = (const char *[]){"GATEWAY_INTERFACE=CGI/1.1",
	    "SERVER_PROTOCOL=HTTP/1.1", "SCRIPT_NAME=/cgi-bin/largesse",
	    "REMOTE_ADDR=127.0.0.1", text("REQUEST_METHOD=%s", method),
	    text("QUERY_STRING=%s", query),
	    text("REQUEST_URI=/cgi-bin/largesse?%s", query),
	    text("LARGESSE_DB=%s", sv->db), more, NULL};
	sv->plain = true;
	start_bare(sv, -1, end[1], NULL);
	close(end[1]);
	c = client_of(end[0]);
	c->plain = true;
	return c;
}

static struct client *
cgi(struct server *sv, const char *method, const char *query, const char *more)
{
	int end[2];

	check(pipe2(end, O_CLOEXEC) == 0);
	return cgi_on(sv, end, method, query, more);
}

static void
test_a_stream_without_records(void)
{
	struct server *sv = prepare();
	struct client *c = cgi(sv, "GET", "topic=a", NULL);

	want_start(c);
	check(strcmp(header(c, "Content-Type"), "text/event-stream") == 0);
	check(
	    strcmp(header(c, "Cache-Control"), "no-store, no-transform") == 0);
	check(strcmp(header(c, "X-Accel-Buffering"), "no") == 0);
	append(sv, "b", "no");
	append(sv, "a", "yes");
	want(c, "id: 2\ndata: yes\n\n");
	append(sv, "a", "again");
	want(c, "id: 3\ndata: again\n\n");
}

/* The answer begins with headers of CGI (RFC 3875, 6.3), not a status line. */
static void
test_the_answer_begins_with_a_header(void)
{
	struct server *sv = prepare();
	struct client *c = cgi(sv, "GET", "topic=a", NULL);

	want_headers(c);
	check(strncmp(c->head.s, "HTTP/", 5) != 0);
	check(strcspn(c->head.s, ":") < strcspn(c->head.s, " \r\n"));
}

static void
test_resume(void)
{
	struct server *sv = prepare();
	struct client *c;

	append_many(sv, "main", 1, 2000, 1000);
	c = cgi(sv, "GET", "", "HTTP_LAST_EVENT_ID=3");
	want_start(c);
	for (int i = 4; i <= 2000; i++)
		check(atoi(want_next(c)->data) == i);
	want_nothing_more(c, sv, "main");
}

static void
test_heartbeat(void)
{
	struct server *sv = prepare();
	struct client *c = cgi(sv, "GET", "", "LARGESSE_HEARTBEAT=1");

	want_start(c);
	while (c->out.len == c->at)
		check(hear(c, now_ms() + PATIENCE_MS));
	check(c->out.s[c->at] == ':');
}

static void
test_a_refusal(void)
{
	struct server *sv = prepare();

	want_refusal(cgi(sv, "GET", "last=x", NULL), 400);
	want_exit_0(sv);
}

static void
test_post_publishes_nothing(void)
{
	struct server *sv = prepare();

	want_refusal(cgi(sv, "POST", "", "CONTENT_LENGTH=0"), 405);
	want_exit_0(sv);
	check(log_count(sv) == 0);
}

static void
test_ends_when_the_reader_goes_away(void)
{
	struct server *sv = prepare();
	struct client *c = cgi(sv, "GET", "", NULL);

	want_start(c);
	leave(c);
	append(sv, "main", "who reads this?");
	want_exit_0(sv);
}

/* An idle stream ends as well, and not only when a heartbeat cannot be sent. */
static void
test_ends_when_the_reader_of_an_idle_stream_goes_away(void)
{
	struct server *sv = prepare();
	struct client *c = cgi(sv, "GET", "", "LARGESSE_HEARTBEAT=3600");

	want_start(c);
	leave(c);
	want_exit_0(sv);
}

static void
test_on_a_socket_too(void)
{
	struct server *sv = prepare();
	struct client *c;
	int end[2];

	check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, end) == 0);
	c = cgi_on(sv, end, "GET", "topic=a", "LARGESSE_HEARTBEAT=3600");
	want_start(c);
	want_nothing_more(c, sv, "a");
	leave(c);
	want_exit_0(sv);
}

static void
test_a_slow_reader(void)
{
	struct server *sv = prepare();
	struct client *c = cgi(sv, "GET", "", NULL);

	want_start(c);
	for (int i = 0; i < 10; i++)
		append_many(sv, "main", 1 + 100 * i, 100, 5000);
	for (int i = 1; i <= 1000; i++)
		check(atoi(want_next(c)->data) == i);
	want_nothing_more(c, sv, "main");
}

static void
test_sigterm_tells_it_to_come_back(void)
{
	struct server *sv = prepare();
	struct client *c = cgi(sv, "GET", "", NULL);

	want_start(c);
	kill(sv->pid, SIGTERM);
	check(want_farewell(c) > 0);
	want_exit_0(sv);
}

/*
 * EventSource gives up for good at a 500.  The log may be there again the next
 * moment, and whoever mends it reads our line.
 */
static void
want_no_log(struct server *sv)
{
	struct client *c = cgi(sv, "GET", "", "HTTP_LAST_EVENT_ID=3");

	check(want_headers(c) == 200);
	check(want_farewell(c) > 0);
	want_exit_0(sv);
	check(strncmp(errors(sv), "largesse: ", 10) == 0);
}

static void
test_without_a_log_it_tells_to_come_back(void)
{
	want_no_log(prepare_nothing());
}

static void
test_a_file_that_is_no_log_tells_to_come_back(void)
{
	static const char no_log[] = "this is not a database at all";
	size_t i, lengths[] = {0, 10, sizeof(no_log)};
	struct server *sv;
	FILE *f;

	for (i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		sv = prepare_nothing();
		if (strstr(sv->db, "://") != NULL)
			return; /* no file */
		check((f = fopen(sv->db, "w")) != NULL);
		check(fwrite(no_log, 1, lengths[i], f) == lengths[i]);
		check(fclose(f) == 0);
		want_no_log(sv);
	}
}

static void
test_health_says_that_there_is_no_log(void)
{
	struct server *sv = prepare_nothing();
	int end[2];

	check(pipe2(end, O_CLOEXEC) == 0);
	sv->env = (const char *[]){"GATEWAY_INTERFACE=CGI/1.1",
	    "REQUEST_METHOD=GET", "SCRIPT_NAME=/cgi-bin/largesse",
	    "PATH_INFO=/health", "REQUEST_URI=/cgi-bin/largesse/health",
	    text("LARGESSE_DB=%s", sv->db), NULL};
	sv->plain = true;
	start_bare(sv, -1, end[1], NULL);
	close(end[1]);
	struct client *c = client_of(end[0]);
	c->plain = true;
	want_refusal(c, 503);
	want_exit_0(sv);
}

/*
 * A web server passes a query without `=` as words of the command line (RFC
 * 3875, 4.4).  Whoever writes a URL must not be able to give us commands.
 */
static void
test_words_of_the_query_are_no_command(void)
{
	struct server *sv = prepare();
	struct client *c;
	int end[2];

	append_many(sv, "main", 1, 10, 0);
	check(pipe2(end, O_CLOEXEC) == 0);
	sv->env = (const char *[]){"GATEWAY_INTERFACE=CGI/1.1",
	    "REQUEST_METHOD=GET", "QUERY_STRING=prune+FILE+--keep-rows+1",
	    text("LARGESSE_DB=%s", sv->db), NULL};
	sv->plain = true;
	start_bare(sv, -1, end[1], "prune", sv->db, "--keep-rows", "1", NULL);
	close(end[1]);
	c = client_of(end[0]);
	c->plain = true;
	want_start(c);
	check(log_count(sv) == 10);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_a_stream_without_records),
	    TALK(test_the_answer_begins_with_a_header),
	    TALK(test_resume),
	    TALK(test_heartbeat),
	    TALK(test_a_refusal),
	    TALK(test_post_publishes_nothing),
	    TALK(test_ends_when_the_reader_goes_away),
	    TALK(test_ends_when_the_reader_of_an_idle_stream_goes_away),
	    TALK(test_on_a_socket_too),
	    TALK(test_a_slow_reader),
	    TALK(test_sigterm_tells_it_to_come_back),
	    TALK(test_without_a_log_it_tells_to_come_back),
	    TALK(test_a_file_that_is_no_log_tells_to_come_back),
	    TALK(test_health_says_that_there_is_no_log),
	    TALK(test_words_of_the_query_are_no_command),
	};

	return talk_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
