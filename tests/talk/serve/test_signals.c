/*
 * test_signals.c - how the program ends: every stream is told to come back,
 * every request is ended, and no client can delay the end.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/talk/peer/peer.h"

static void
test_sigterm_tells_each_stream_to_come_back(void)
{
	struct server *sv = serve();
	struct client *c[20];

	for (int i = 0; i < 20; i++)
		c[i] = stream(sv, "/events");
	append(sv, "main", "x");
	for (int i = 0; i < 20; i++)
		want(c[i], "id: 1\ndata: x\n\n");
	kill(sv->pid, SIGTERM);
	for (int i = 0; i < 20; i++)
		check(want_farewell(c[i]) > 0);
	want_exit_0(sv);
}

/* Otherwise all browsers would come back at the same moment. */
static void
test_they_are_not_told_the_same_time(void)
{
	enum {
		N = 30
	};
	struct server *sv = serve();
	struct client *c[N];
	int64_t retry[N];
	int differ = 0;

	for (int i = 0; i < N; i++)
		c[i] = stream(sv, "/events");
	kill(sv->pid, SIGTERM);
	for (int i = 0; i < N; i++) {
		retry[i] = want_farewell(c[i]);
		differ += retry[i] != retry[0];
	}
	check(differ > N / 2);
	want_exit_0(sv);
}

static void
test_sigint_is_as_good(void)
{
	struct server *sv = serve();
	struct client *c = stream(sv, "/events");

	kill(sv->pid, SIGINT);
	check(want_farewell(c) > 0);
	want_exit_0(sv);
}

static void
test_a_kept_connection_is_closed_too(void)
{
	struct server *sv = serve();
	struct client *c = join(sv);
	struct bytes b = {0};

	put_request(&b, 1, KEEP_CONN, "GET", "/events", NULL, NULL);
	say(c, &b);
	bytes_free(&b);
	want_start(c);
	kill(sv->pid, SIGTERM);
	check(want_farewell(c) > 0);
	want_exit_0(sv);
}

static void
test_half_open_requests_do_not_hold_it_up_for_long(void)
{
	struct server *sv = serve();
	struct client *silent = join(sv), *half = join(sv);
	struct client *c = stream(sv, "/events");
	struct bytes b = {0};

	put_request(&b, 1, 0, "GET", "/events", NULL, NULL);
	b.len /= 2;
	say(half, &b);
	bytes_free(&b);
	kill(sv->pid, SIGTERM);
	want_farewell(c);
	want_exit_0(sv);
	want_closed(half);
	want_closed(silent);
}

/*
 * A web server connects and asks a moment later.  The socket is not ours to
 * close, so whoever was let in could not be answered by the next process.
 */
static void
test_who_was_accepted_is_answered(void)
{
	struct server *sv = serve();
	struct client *late = join(sv), *c = stream(sv, "/events");
	struct bytes b = {0};

	kill(sv->pid, SIGTERM);
	want_farewell(c);
	put_request(&b, 1, 0, "GET", "/events", NULL, NULL);
	check(say(late, &b));
	bytes_free(&b);
	check(want_headers(late) == 200);
	want_farewell(late);
	want_exit_0(sv);
}

static void
test_the_rest_of_a_first_request_is_awaited(void)
{
	struct server *sv = serve();
	struct client *late = join(sv), *c;
	struct bytes b = {0}, rest = {0};

	put_request(&b, 1, 0, "GET", "/events", NULL, NULL);
	put(&rest, b.s + b.len / 2, b.len - b.len / 2);
	b.len /= 2;
	check(say(late, &b));
	c = stream(sv, "/events");
	kill(sv->pid, SIGTERM);
	want_farewell(c);
	check(say(late, &rest));
	bytes_free(&b);
	bytes_free(&rest);
	check(want_headers(late) == 200);
	want_farewell(late);
	want_exit_0(sv);
}

static void
test_who_does_not_read_does_not_hold_it_up(void)
{
	struct server *sv = serve();
	struct client *slow = stream(sv, "/events");
	struct client *c = stream(sv, "/events?topic=quiet");

	append_many(sv, "main", 1, 500, 10000);
	append(sv, "quiet", "x");
	want(c, "id: 501\ndata: x\n\n");
	kill(sv->pid, SIGTERM);
	want_farewell(c);
	want_exit_0(sv);
	check(slow->fd >= 0);
}

/* The client gets whole events only, and none of them is left out. */
static void
test_an_end_in_the_middle_of_much_cuts_no_event(void)
{
	struct server *sv = serve();
	struct client *c = stream(sv, "/events");
	const char *farewell;
	size_t rest;

	append_many(sv, "main", 1, 2000, 3000);
	check(atoi(want_next(c)->data) == 1);
	kill(sv->pid, SIGTERM);
	while (!c->ended && hear(c, now_ms() + PATIENCE_MS))
		;
	check(c->ended);
	want_exit_0(sv);
	farewell = strstr(c->out.s + c->at, "retry:");
	check(farewell != NULL);
	rest = c->out.len - (size_t)(farewell - c->out.s);
	for (int i = 2; c->out.len - c->at > rest; i++)
		check(atoi(want_next(c)->data) == i);
	want_farewell(c);
}

static void
test_the_socket_is_removed(void)
{
	struct server *sv = serve();
	struct stat st;

	check(stat(sv->socket, &st) == 0 && S_ISSOCK(st.st_mode));
	stop(sv);
	check(stat(sv->socket, &st) != 0);
}

static void
test_nobody_is_let_in_any_more(void)
{
	struct server *sv = serve();

	stop(sv);
	check(!can_connect(sv));
}

static void
test_a_second_signal_ends_it_all_the_same(void)
{
	struct server *sv = serve();

	stream(sv, "/events");
	kill(sv->pid, SIGTERM);
	kill(sv->pid, SIGTERM);
	want_exit_0(sv);
}

/* The owner of this socket was killed: the next start takes the name. */
static void
test_a_socket_left_behind_is_taken_over(void)
{
	struct server *sv = serve();
	struct stat st;

	slay(sv);
	check(stat(sv->socket, &st) == 0);
	start(sv, NULL);
	stream(sv, "/events");
}

static void
test_a_socket_in_use_is_not_taken_away(void)
{
	struct server *sv = serve();
	struct client *c = stream(sv, "/events");
	struct ran r = run_with(sv, NULL, "serve", "--db", sv->db, "--listen",
	    text("unix:%s", sv->socket), NULL);

	check(r.status == 1);
	check(strncmp(r.err, "largesse: ", 10) == 0);
	want_nothing_more(c, sv, "main");
	stream(sv, "/events");
}

/* A file that is not a socket belongs to somebody, and stays. */
static void
test_a_file_is_not_taken_for_a_socket(void)
{
	struct server *sv = prepare();
	char *file = text("%s/file", sv->dir);
	struct stat st;
	struct ran r;

	check(close(creat(file, 0644)) == 0);
	r = run_with(sv, NULL, "serve", "--db", sv->db, "--listen",
	    text("unix:%s", file), NULL);
	check(r.status == 1);
	check(stat(file, &st) == 0 && S_ISREG(st.st_mode));
}

static void
test_who_hangs_up_while_it_writes_does_not_kill_it(void)
{
	struct server *sv = serve();
	struct client *stays = stream(sv, "/events?topic=quiet");

	for (int i = 0; i < 20; i++) {
		struct client *c = stream(sv, "/events");

		append_many(sv, "main", 1, 100, 10000);
		leave(c);
	}
	want_nothing_more(stays, sv, "quiet");
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_sigterm_tells_each_stream_to_come_back),
	    TALK(test_they_are_not_told_the_same_time),
	    TALK(test_sigint_is_as_good),
	    TALK(test_a_kept_connection_is_closed_too),
	    TALK(test_half_open_requests_do_not_hold_it_up_for_long),
	    TALK(test_who_was_accepted_is_answered),
	    TALK(test_the_rest_of_a_first_request_is_awaited),
	    TALK(test_who_does_not_read_does_not_hold_it_up),
	    TALK(test_an_end_in_the_middle_of_much_cuts_no_event),
	    TALK(test_the_socket_is_removed),
	    TALK(test_nobody_is_let_in_any_more),
	    TALK(test_a_second_signal_ends_it_all_the_same),
	    TALK(test_a_socket_left_behind_is_taken_over),
	    TALK(test_a_socket_in_use_is_not_taken_away),
	    TALK(test_a_file_is_not_taken_for_a_socket),
	    TALK(test_who_hangs_up_while_it_writes_does_not_kill_it),
	};

	return talk_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
