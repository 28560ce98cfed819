/*
 * test_post.c - POST on any log: what is published reaches streams under the
 * ids of the answer, what is refused is not in the log, and who may.
 * Publishing under difficulties is in test_publish.c.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "posts.h"

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

/* What stands before it in the same request is not written either. */
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

/* A browser sends a cookie along with a form from anywhere. */
static void
test_a_cookie_counts_from_our_own_pages(void)
{
	static const char *const origin[] = {"http://localhost:80",
	    "https://friend.example", "https://evil.example", "null",
	    "http://localhost.evil.example", "http://localhost:81"};
	struct server *sv =
	    serve_ready("--allow-origin", "https://friend.example");
	const char *cookie = text("a=b; largesse=%s", sv->token + 7);

	for (int i = 0; i < 6; i++)
		check(want_headers(ask(sv, "POST", "/events", "data=1",
			  "CONTENT_TYPE", FORM, "HTTP_ORIGIN", origin[i],
			  "HTTP_HOST", "localhost:80", "HTTP_COOKIE", cookie,
			  NULL)) == (i < 2 ? 201 : 403));
	check(log_count(sv) == 2);
}

/* Nobody, someone with a token for less, and one batch that goes too far. */
static void
test_who_may(void)
{
	struct server *sv = serve_ready();
	const char *all = sv->token;

	sv->token = "";
	want_refusal(post(sv, FORM, "data=1"), 401);
	want_refusal(post(sv, JSON, "nonsense"), 401);
	sv->token = text("%sx", all);
	want_refusal(post(sv, FORM, "data=1"), 401);
	take_token(sv, "--publish", "a*");
	want_refusal(post(sv, FORM, "data=1"), 403);
	want_refusal(post(sv, FORM, "topic=b&data=1"), 403);
	want_refusal(post(sv, JSON, "[{\"topic\":\"ab\"},{}]"), 403);
	check(log_count(sv) == 0);
	want_logged(sv,
	    want_ids(post(sv, JSON, "[{\"topic\":\"ab\"},{\"topic\":\"a\"}]"),
		201, 2),
	    2);
	take_token(sv, NULL, NULL);
	want_refusal(post(sv, FORM, "topic=a&data=1"), 403);
	check(log_count(sv) == 2);
}

static void
test_not_switched_on(void)
{
	struct server *sv = ready();
	struct client *c;

	sv->env[2] = NULL;
	start(sv, NULL);
	c = post(sv, FORM, "data=1");

	check(want_headers(c) == 405);
	check(strstr(header(c, "Allow"), "POST") == NULL);
	want_refusal(ask(sv, "POST", "/events/status", "data=1", "CONTENT_TYPE",
			 FORM, "PATH_INFO", "/status", NULL),
	    405);
	check(log_count(sv) == 0);
}

/* What is allowed is a page's own affair, and so says OPTIONS. */
static void
test_post_is_allowed_where_it_is_understood(void)
{
	static const char *const others[] = {"/status", "/metrics", "/probe"};
	struct server *sv = serve_ready();
	struct client *c = ask(sv, "DELETE", "/events", NULL, NULL);

	check(want_headers(c) == 405);
	check(strstr(header(c, "Allow"), "POST") != NULL);
	c = ask(sv, "OPTIONS", "/events", NULL, NULL);
	check(want_headers(c) == 204);
	check(strstr(header(c, "Allow"), "POST") != NULL);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		c = ask(sv, "POST", "/events", "data=1", "CONTENT_TYPE", FORM,
		    "PATH_INFO", others[i], NULL);
		check(want_headers(c) == 405);
		check(strcmp(header(c, "Allow"), "GET, HEAD, OPTIONS") == 0);
	}
}

/* A reader's rights will not do, and that is told when it starts. */
static void
test_a_log_that_may_only_be_read(void)
{
	struct server *sv = ready();
	struct ran r;

	log_only_read(sv);
	r = serve_ends(sv);
	want_one_line(&r, 1);
	check(strncmp(r.err, "largesse: --publish: ", 21) == 0);
	check(strstr(r.err, log_shown(sv)) != NULL);
	sv->env[2] = NULL;
	start(sv, NULL);
	stream(sv, "/events");
}

static void
test_publishing_takes_a_key(void)
{
	struct server *sv = prepare();
	struct ran r =
	    run_with(sv, NULL, "serve", "--db", sv->db, "--publish", NULL);

	check(r.status == 2);
	check(strstr(r.err, "--key-file") != NULL);
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

/* The second is there before the first is answered. */
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

static struct client *
cgi(struct server *sv, bool publish, const char *body)
{
	int in[2], out[2];
	struct client *c;

	check(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
	sv->env = (const char *[]){"GATEWAY_INTERFACE=CGI/1.1",
	    "SERVER_PROTOCOL=HTTP/1.1", "SCRIPT_NAME=/cgi-bin/largesse",
	    "REMOTE_ADDR=127.0.0.1", "REQUEST_METHOD=POST",
	    "QUERY_STRING=", text("CONTENT_LENGTH=%zu", strlen(body)),
	    "CONTENT_TYPE=" FORM, text("LARGESSE_DB=%s", sv->db),
	    text("LARGESSE_KEY_FILE=%s/key", sv->dir),
	    text("HTTP_AUTHORIZATION=%s", sv->token),
	    publish ? "LARGESSE_PUBLISH=yes" : NULL, NULL};
	sv->plain = true;
	start_bare(sv, in[0], out[1], NULL);
	close(in[0]);
	close(out[1]);
	check(write(in[1], body, strlen(body)) == (ssize_t)strlen(body));
	c = client_of(out[0]);
	c->plain = true;
	return c; /* in[1] stays open: the length says where the body ends */
}

static void
test_plain_cgi(void)
{
	struct server *sv = ready();
	struct client *c = cgi(sv, true, "data=1&uid=u");

	want_logged(sv, want_ids(c, 201, 1), 1);
	want_exit_0(sv);
	c = cgi(sv, true, "nonsense=1");
	check(want_headers(c) == 400);
	want_exit_0(sv);
	c = cgi(sv, false, "data=1");
	check(want_headers(c) == 405);
	want_exit_0(sv);
	check(log_count(sv) == 1);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_a_form_reaches_a_stream),
	    TALK(test_json_array_and_lines),
	    TALK(test_its_id_is_a_place),
	    TALK(test_a_uid_is_published_once),
	    TALK(test_a_bad_line_takes_all_with_it),
	    TALK(test_what_the_log_refuses),
	    TALK(test_limits),
	    TALK(test_other_types),
	    TALK(test_a_cookie_counts_from_our_own_pages),
	    TALK(test_who_may),
	    TALK(test_not_switched_on),
	    TALK(test_post_is_allowed_where_it_is_understood),
	    TALK(test_a_log_that_may_only_be_read),
	    TALK(test_publishing_takes_a_key),
	    TALK(test_synchronous_is_one_of_two),
	    TALK(test_a_connection_is_used_again),
	    TALK(test_two_requests_at_once),
	    TALK(test_plain_cgi),
	};

	return talk_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
