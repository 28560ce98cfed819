/*
 * test_leave.c - silence and leaving: an idle stream is kept open, and a stream
 * whose client has left costs nothing any more.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/talk/peer/peer.h"

/* --- heartbeat --------------------------------------------------------- */

static void
test_silence_is_broken_by_comments(void)
{
	struct client *c =
	    stream(serve_with("--heartbeat", "1", NULL), "/events");

	want_comment(c);
	want_comment(c);
}

static void
test_a_comment_ends_its_line_and_no_event(void)
{
	struct server *sv = serve_with("--heartbeat", "1", NULL);
	struct client *c = stream(sv, "/events");
	const struct event *e;

	until(hear(c, now_ms()));
	append(sv, "main", "x");
	e = want_next(c);
	check(c->comments > 0);
	check(strcmp(e->type, "message") == 0 && strcmp(e->data, "x") == 0);
	check(strcmp(e->id, "1") == 0);
}

static void
test_every_silent_stream_has_a_heartbeat(void)
{
	struct server *sv = serve_with("--heartbeat", "1", NULL);
	struct client *c[20];

	for (int i = 0; i < 20; i++)
		c[i] = stream(sv, "/events");
	for (int i = 0; i < 20; i++)
		want_comment(c[i]);
}

/* --- leaving ----------------------------------------------------------- */

/*
 * A stream that is behind may find in its last write of a turn that its client
 * has left: the turn's share is used up and the stream is over, both at once.
 */
static void
test_leaving_while_behind_harms_nobody(void)
{
	struct server *sv = serve_with("--write-budget", "1024", NULL);
	struct client *c;
	char some[8192];

	append_many(sv, "main", 1, 3000, 200);
	for (int i = 0; i < 100; i++) {
		c = get(sv, "/events", "HTTP_LAST_EVENT_ID", "0", NULL);
		for (int n = 0; n < 4; n++)
			check(recv(c->fd, some, sizeof(some), 0) > 0);
		leave(c);
	}
	until(count_connections(sv) == 0);
	want_nothing_more(stream(sv, "/events"), sv, "main");
}

static void
test_who_leaves_is_let_go_at_once(void)
{
	struct server *sv = serve();
	struct client *c = stream(sv, "/events");

	until(count_connections(sv) == 1);
	leave(c);
	until(count_connections(sv) == 0);
}

static void
test_many_who_leave_are_let_go(void)
{
	enum {
		N = 200
	};
	struct server *sv = serve();
	struct client *c[N], *stays = stream(sv, "/events");

	for (int i = 0; i < N; i++)
		c[i] = stream(sv, text("/events?topic=t%d", i % 7));
	for (int i = 0; i < N; i++)
		leave(c[i]);
	until(count_connections(sv) == 1);
	append(sv, "main", "x");
	want(stays, "id: 1\ndata: x\n\n");
}

static void
test_who_leaves_in_the_middle_of_a_request_is_let_go(void)
{
	struct server *sv = serve();
	struct client *c = join(sv);
	struct bytes b = {0};

	put_request(&b, 1, 0, "GET", "/events", NULL, NULL);
	b.len /= 2;
	say(c, &b);
	bytes_free(&b);
	until(count_connections(sv) == 1);
	leave(c);
	until(count_connections(sv) == 0);
}

static void
test_who_leaves_without_a_word_is_let_go(void)
{
	struct server *sv = serve();
	struct client *c = join(sv);

	until(count_connections(sv) == 1);
	leave(c);
	until(count_connections(sv) == 0);
}

static void
test_who_leaves_with_a_reset_is_let_go(void)
{
	struct linger at_once = {.l_onoff = 1};
	struct server *sv = prepare();
	struct client *c;
	size_t sockets;

	start_bare(sv, -1, -1, "serve", "--db", sv->db, "--listen",
	    "127.0.0.1:0", NULL);
	until((sv->port = port_of(sv)) != 0);
	sockets = count_descriptors(sv, "socket:");
	c = stream(sv, "/events");
	setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	leave(c);
	until(count_descriptors(sv, "socket:") == sockets);
}

static void
test_who_leaves_far_behind_is_let_go(void)
{
	struct server *sv = serve();
	struct client *c = stream(sv, "/events");

	for (int i = 0; i < 10; i++)
		append_many(sv, "main", 1 + 100 * i, 100, 10000);
	leave(c);
	until(count_connections(sv) == 0);
}

/* --- what /status says -------------------------------------------------- */

static int
status(struct server *sv, const char *path)
{
	struct client *c = get(sv, "/events/status", "SCRIPT_NAME", "/events",
	    "PATH_INFO", "/status", NULL);
	char *value;

	check(want_headers(c) == 200);
	while (!c->closed)
		check(hear(c, now_ms() + PATIENCE_MS) || c->closed);
	value = json(c->out.s + c->at, path);
	if (value == NULL)
		talk_fail("no %s in %s", path, c->out.s + c->at);
	return atoi(value);
}

static void
test_status_counts_streams(void)
{
	struct server *sv = serve();
	struct client *a = stream(sv, "/events"), *b = stream(sv, "/events");

	check(status(sv, "$.streams") == 2);
	leave(a);
	until(status(sv, "$.streams") == 1);
	leave(b);
	until(status(sv, "$.streams") == 0);
	check(status(sv, "$.opened") == 2);
}

static void
test_status_says_why_streams_ended(void)
{
	struct server *sv = serve_with("--stall", "1", NULL);
	struct client *c = stream(sv, "/events");
	struct bytes abort_it = {0}, rubbish = {0};

	leave(c);
	until(status(sv, "$.ended.left") == 1);
	put_record(&abort_it, R_ABORT, 1, NULL, 0, 0);
	say(stream(sv, "/events"), &abort_it);
	bytes_free(&abort_it);
	until(status(sv, "$.ended.aborted") == 1);
	put_text(&rubbish, "what is this?");
	say(stream(sv, "/events"), &rubbish);
	bytes_free(&rubbish);
	until(status(sv, "$.ended.protocol") == 1);
	stream(sv, "/events");
	append_many(sv, "main", 1, 500, 4096);
	until(status(sv, "$.ended.stalled") == 1);
	check(status(sv, "$.ended.left") == 1);
}

static void
test_leaving_tells_the_others_nothing(void)
{
	struct server *sv = serve();
	struct client *a = stream(sv, "/events?topic=a");
	struct client *b = stream(sv, "/events?topic=a");
	struct client *c = stream(sv, "/events?topic=a&topic=b");

	leave(b);
	append(sv, "a", "1");
	leave(c);
	append(sv, "b", "2");
	append(sv, "a", "3");
	want(a, "id: 1\ndata: 1\n\nid: 3\ndata: 3\n\n");
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_silence_is_broken_by_comments),
	    TALK(test_a_comment_ends_its_line_and_no_event),
	    TALK(test_every_silent_stream_has_a_heartbeat),
	    TALK(test_leaving_while_behind_harms_nobody),
	    TALK(test_who_leaves_is_let_go_at_once),
	    TALK(test_many_who_leave_are_let_go),
	    TALK(test_who_leaves_in_the_middle_of_a_request_is_let_go),
	    TALK(test_who_leaves_without_a_word_is_let_go),
	    TALK(test_who_leaves_with_a_reset_is_let_go),
	    TALK(test_who_leaves_far_behind_is_let_go),
	    TALK(test_status_counts_streams),
	    TALK(test_status_says_why_streams_ended),
	    TALK(test_leaving_tells_the_others_nothing),
	};

	return talk_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
