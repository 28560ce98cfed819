/*
 * test_post.c - POST on any log: what is published reaches streams under the
 * ids of the answer, and what is refused is not in the log.  test_post_who.c
 * tests who may publish, and test_publish.c what happens when something goes
 * wrong.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/talk/peer/posts.h"

/* --- what is published -------------------------------------------------- */

static void
test_a_form_reaches_a_stream(void)
{
	struct server *sv = serve_ready();
	struct client *c = stream(sv, "/events?topic=a%2Fb");
	struct logged *row;
	char **ids;
	size_t n;

	ids = want_ids(
	    post(sv, FORM, "topic=a%2Fb&event=e&data=x+y%0Az&uid=u-1"), 201, 1);
	want(c, "id: u-1\nevent: e\ndata: x y\ndata: z\n\n");
	want_logged(sv, ids, 1);
	row = log_all(sv, &n);
	check(n == 1 && llabs(row->time_ms - time(NULL) * 1000LL) < 60000);
	ids = want_ids(post(sv, FORM, "topic=a%2Fb&event=e&data=x"), 201, 1);
	want(c, text("id: %s\nevent: e\ndata: x\n\n", ids[0]));
}

static void
test_json_array_and_lines(void)
{
	struct server *sv = serve_ready();
	struct client *c = stream(sv, "/events");
	char *one, **two, **three;

	one = want_id(post(sv, JSON, "{\"data\":{\"n\":1}}"), 201);
	two =
	    want_ids(post(sv, JSON, "[{\"data\":2},{\"data\":\"3\"}]"), 201, 2);
	three = want_ids(
	    post(sv, NDJSON, "{\"data\":4}\n{\"topic\":\"x\"}\n{\"data\":5}"),
	    201, 3);
	want(c, text("id: %s\ndata: {\"n\":1}\n\nid: %s\ndata: 2\n\n"
		     "id: %s\ndata: 3\n\nid: %s\ndata: 4\n\n"
		     "id: %s\ndata: 5\n\n",
		    one, two[0], two[1], three[0], three[2]));
	want_logged(sv, three, 3);
}

/* It is stored as it is; no other type of ours can be published. */
static void
test_the_end_of_a_topic_is_published(void)
{
	struct server *sv = serve_ready();
	struct client *c = stream(sv, "/events?topic=run");
	struct logged *row;
	size_t n;

	want_refusal(post(sv, FORM, "topic=run&event=stream-gap"), 400);
	want_refusal(post(sv, FORM, "topic=run&event=stream-ended"), 400);
	want_id(post(sv, FORM, "topic=run&event=stream-end&data=done"), 201);
	want_event(c, NULL, "stream-end", "done");
	want_end(c);
	want_id(post(sv, JSON,
		    "{\"topic\":\"run\",\"event\":\"stream-end\","
		    "\"data\":{\"status\":2}}"),
	    201);
	want_ids(post(sv, NDJSON,
		     "{\"topic\":\"run\",\"data\":\"last\"}\n"
		     "{\"topic\":\"run\",\"event\":\"stream-end\"}"),
	    201, 2);
	row = log_all(sv, &n);
	check(n == 4);
	for (size_t i = 0; i < n; i++) {
		check(strcmp(row[i].topic, "run") == 0);
		check(i == 2 || strcmp(row[i].event, "stream-end") == 0);
	}
	check(strcmp(row[0].data, "done") == 0);
	check(strcmp(row[1].data, "{\"status\":2}") == 0);
	check(*row[3].data == '\0');
}

static void
test_its_id_is_a_place(void)
{
	struct server *sv = serve_ready();
	char *one = want_id(post(sv, FORM, "data=1"), 201);
	char *two = want_id(post(sv, FORM, "data=2"), 201);
	struct client *c = get(sv, "/events", "HTTP_LAST_EVENT_ID", one, NULL);

	want_start(c);
	check(c->gap == NULL);
	want_event(c, two, "message", "2");
}

static void
test_a_uid_is_published_once(void)
{
	struct server *sv = serve_ready();
	char *id = want_id(post(sv, FORM, "uid=u&data=1"), 201), **ids;
	struct logged *row;
	struct client *c;
	size_t n;

	check(strcmp(want_id(post(sv, FORM, "uid=u&data=2"), 200), id) == 0);
	ids = want_ids(
	    post(sv, JSON, "[{\"uid\":\"u\"},{\"uid\":\"u\"}]"), 200, 2);
	check(strcmp(ids[0], id) == 0 && strcmp(ids[1], id) == 0);
	ids = want_ids(
	    post(sv, JSON, "[{\"uid\":\"u\"},{\"uid\":\"v\"}]"), 201, 2);
	check(strcmp(ids[0], id) == 0);
	want_logged(sv, ids, 2);
	row = log_all(sv, &n);
	check(n == 2 && strcmp(row[0].uid, "u") == 0);
	check(strcmp(row[0].data, "1") == 0);
	c = get(sv, "/events", "HTTP_LAST_EVENT_ID", "u", NULL);
	want_start(c);
	want_event(c, "v", "message", "");
}

/* --- what is refused ---------------------------------------------------- */

static void
test_a_bad_line_takes_all_with_it(void)
{
	struct server *sv = serve_ready();
	struct client *c =
	    post(sv, NDJSON, "{\"data\":1}\n\n{\"data\":2}\n{\"dta\":3}\n");

	check(want_headers(c) == 400);
	check(strncmp(body_of(c), "line 4: ", 8) == 0);
	check(log_count(sv) == 0);
	want_refusal(post(sv, JSON, "[{\"data\":1},{\"uid\":\"7\"}]"), 400);
	check(log_count(sv) == 0);
	want_id(post(sv, FORM, "data=1"), 201);
	check(log_count(sv) == 1);
}

/* The events before it in the same request are not written either. */
static void
test_what_the_log_refuses(void)
{
	struct server *sv = serve_ready();
	const char *bad = log_refuses(sv), *said;
	struct client *c;

	c = post(sv, NDJSON, text("{\"data\":1}\n%s", bad));
	check(want_headers(c) == 400);
	said = body_of(c);
	check(strncmp(said, "the log refused it: ", 20) == 0);
	check(strstr(said, log_shown(sv)) == NULL);
	check(log_count(sv) == 0);
	want_refusal(post(sv, JSON, bad), 400);
	check(log_count(sv) == 0);
	want_id(post(sv, FORM, "data=good"), 201);
	check(log_count(sv) == 1);
}

static void
test_limits(void)
{
	struct server *sv = serve_ready(
	    "--max-event", "100", "--max-request", "1000", "--max-batch", "3");
	char *much = keep(2000);

	memset(much, 'x', 1999);
	want_refusal(post(sv, FORM, text("data=%.101s", much)), 413);
	want_refusal(post(sv, FORM, text("data=%.996s", much)), 413);
	want_refusal(post(sv, FORM, text("topic=%.256s", much)), 413);
	want_refusal(post(sv, JSON, "[{},{},{},{}]"), 413);
	want_refusal(
	    post(sv, JSON, text("[{},{\"data\":\"%.101s\"}]", much)), 413);
	check(log_count(sv) == 0);
	want_id(post(sv, FORM, text("data=%.100s", much)), 201);
	want_logged(sv, want_ids(post(sv, JSON, "[{},{},{}]"), 201, 3), 3);
	check(log_count(sv) == 4);
}

static void
test_other_types(void)
{
	struct server *sv = serve_ready();

	want_refusal(post(sv, "text/plain", "data=1"), 415);
	want_refusal(post(sv, "multipart/form-data; boundary=x", ""), 415);
	want_refusal(post(sv, "", "data=1"), 415);
	check(log_count(sv) == 0);
}

static void
test_synchronous_is_one_of_two(void)
{
	struct server *sv = ready();

	check(run_with(sv, NULL, "serve", "--db", sv->db, "--synchronous",
		  "off", NULL)
		  .status == 2);
	start(sv, "--synchronous", "normal", NULL);
	want_id(post(sv, FORM, "data=1"), 201);
}

/* --- connections -------------------------------------------------------- */

static void
test_a_connection_is_used_again(void)
{
	struct server *sv = serve_ready();
	struct client *c = join(sv);

	c->keep_conn = true;
	for (int i = 1; i <= 50; i++) {
		say_post(sv, c, "data=1");
		want_logged(sv, want_ids(c, 201, 1), 1);
		check(log_count(sv) == i);
		c->ended = false;
	}
	say_post(sv, c, "nonsense=1");
	check(want_headers(c) == 400);
	body_of(c);
	c->ended = false;
	say_post(sv, c, "data=1");
	want_logged(sv, want_ids(c, 201, 1), 1);
	check(log_count(sv) == 51);
}

/* The second request comes before the first is answered. */
static void
test_two_requests_at_once(void)
{
	struct server *sv = serve_ready();
	struct client *c = join(sv);
	struct bytes b = {0};
	struct logged *row;
	size_t n;
	char *id;

	c->keep_conn = true;
	put_request(&b, 1, KEEP_CONN, "POST", "/events", "data=1",
	    "CONTENT_TYPE", FORM, "HTTP_AUTHORIZATION", sv->token, NULL);
	put_request(&b, 2, KEEP_CONN, "POST", "/events", "data=2",
	    "CONTENT_TYPE", FORM, "HTTP_AUTHORIZATION", sv->token, NULL);
	put_request(&b, 3, KEEP_CONN, "GET", "/events/health", NULL, NULL);
	check(say(c, &b));
	bytes_free(&b);
	id = want_id(c, 201);
	until(log_count(sv) == 2);
	row = log_all(sv, &n);
	check(n == 2 && strcmp(row[0].id, id) == 0);
	check(strcmp(row[1].data, "2") == 0);
}

/* --- plain CGI ---------------------------------------------------------- */

/* announced: the length of the body as the program is told it. */
static struct client *
cgi(struct server *sv, bool publish, const char *body, size_t announced)
{
	int in[2], out[2];
	struct client *c;

	check(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
	sv->env = (const char *[]){"GATEWAY_INTERFACE=CGI/1.1",
	    "SERVER_PROTOCOL=HTTP/1.1", "SCRIPT_NAME=/cgi-bin/largesse",
	    "REMOTE_ADDR=127.0.0.1", "REQUEST_METHOD=POST",
	    "QUERY_STRING=", text("CONTENT_LENGTH=%zu", announced),
	    "CONTENT_TYPE=" FORM, text("LARGESSE_DB=%s", sv->db),
	    text("LARGESSE_KEY_FILE=%s/key", sv->dir),
	    text("HTTP_AUTHORIZATION=%s", sv->token),
	    publish ? "LARGESSE_PUBLISH=yes" : NULL, NULL};
	sv->plain = true;
	start_bare(sv, in[0], out[1], NULL);
	close(in[0]);
	close(out[1]);
	check(write(in[1], body, strlen(body)) == (ssize_t)strlen(body));
	if (announced > strlen(body))
		close(in[1]); /* the client is gone in the middle of it */
	c = client_of(out[0]);
	c->plain = true;
	return c; /* in[1] stays open: the length says where the body ends */
}

static void
test_plain_cgi(void)
{
	struct server *sv = ready();
	struct client *c = cgi(sv, true, "data=1&uid=u", 12);

	want_logged(sv, want_ids(c, 201, 1), 1);
	want_exit_0(sv);
	c = cgi(sv, true, "nonsense=1", 10);
	check(want_headers(c) == 400);
	want_exit_0(sv);
	c = cgi(sv, false, "data=1", 6);
	check(want_headers(c) == 405);
	want_exit_0(sv);
	c = cgi(sv, true, "data=pay+10", 13);
	check(want_headers(c) == 400);
	check(strstr(body_of(c), "shorter than its Content-Length") != NULL);
	want_exit_0(sv);
	check(log_count(sv) == 1);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_a_form_reaches_a_stream),
	    TALK(test_json_array_and_lines),
	    TALK(test_the_end_of_a_topic_is_published),
	    TALK(test_its_id_is_a_place),
	    TALK(test_a_uid_is_published_once),
	    TALK(test_a_bad_line_takes_all_with_it),
	    TALK(test_what_the_log_refuses),
	    TALK(test_limits),
	    TALK(test_other_types),
	    TALK(test_synchronous_is_one_of_two),
	    TALK(test_a_connection_is_used_again),
	    TALK(test_two_requests_at_once),
	    TALK(test_plain_cgi),
	};

	return talk_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
