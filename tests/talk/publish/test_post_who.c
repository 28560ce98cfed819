/*
 * test_post_who.c - who may POST: with a token or a cookie, if the option is
 * set, and if the log may be written at all.
 */
#include <string.h>

#include "tests/talk/peer/posts.h"

/* A browser sends its cookie even with a form from another site. */
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

/*
 * Refused are a client without a token, one whose token covers less, and a
 * batch in which one event goes too far.
 */
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

/* Whoever may publish to a topic may end it, and no other topic. */
static void
test_who_may_publish_may_end(void)
{
	struct server *sv = serve_ready();

	take_token(sv, "--publish", "run/7");
	want_refusal(post(sv, FORM, "topic=run/8&event=stream-end"), 403);
	check(log_count(sv) == 0);
	want_id(post(sv, FORM, "topic=run/7&event=stream-end"), 201);
	check(log_count(sv) == 1);
}

static void
want_taken(struct client *c)
{
	const char *line;

	check(want_headers(c) == 409);
	line = body_of(c);
	check(strcmp(line, "the uid is that of an event of another topic: "
			   "nothing was published\n") == 0);
	want_end(c);
}

/* Who may publish to a chat may not take the uids of the orders. */
static void
test_a_uid_is_of_one_topic(void)
{
	struct server *sv = serve_ready();
	const char *all = sv->token, *chat;
	char *id;

	take_token(sv, "--publish", "chat/7");
	chat = sv->token;
	id = want_id(post(sv, FORM, "topic=chat/7&uid=order-1001"), 201);
	sv->token = all;
	want_taken(post(sv, FORM, "topic=orders&uid=order-1001&data=pay"));
	want_taken(post(sv, FORM, "uid=order-1001"));
	want_taken(post(sv, JSON,
	    "[{\"topic\":\"orders\",\"data\":1},"
	    "{\"topic\":\"orders\",\"uid\":\"order-1001\"}]"));
	want_taken(post(sv, NDJSON,
	    "{\"topic\":\"orders\",\"uid\":\"o\"}\n{\"uid\":\"o\"}"));
	check(log_count(sv) == 1);
	want_id(post(sv, FORM, "topic=orders&uid=order-1002"), 201);
	sv->token = chat;
	want_taken(post(sv, FORM, "topic=chat/7&uid=order-1002"));
	check(
	    strcmp(want_id(post(sv, FORM, "topic=chat/7&uid=order-1001"), 200),
		id) == 0);
	want_refusal(post(sv, FORM, "topic=orders&uid=order-1002"), 403);
	check(log_count(sv) == 2);
}

/* The place of an event is told to those who may read its topic. */
static void
test_a_uid_of_another_topic_is_no_place(void)
{
	struct server *sv = serve_ready();
	static const char *const ids[] = {"order-1", "order-2"};
	const char *told;
	char *gap[2];
	struct client *c;

	want_id(post(sv, FORM, "topic=chat&data=1"), 201);
	want_id(post(sv, FORM, "topic=orders&uid=order-1"), 201);
	want_id(post(sv, FORM, "topic=chat&data=2"), 201);
	for (int i = 0; i < 2; i++) {
		c = get(sv, "/events?topic=chat", "HTTP_LAST_EVENT_ID", ids[i],
		    NULL);
		want_start(c);
		told = want_gap(c);
		gap[i] = text("%s %s %s", json(told, "$.reason"),
		    json(told, "$.id"), c->last_id.s);
	}
	if (strcmp(gap[0], gap[1]) != 0)
		talk_fail("%s, but without such a uid %s", gap[0], gap[1]);
}

/* `publish` says that a uid is taken, in one line. */
static void
test_publish_tells_of_a_uid_of_another_topic(void)
{
	struct server *sv = prepare();
	struct ran r = run_with(sv, NULL, "publish", sv->db, "--topic", "a",
	    "--uid", "u", "1", NULL);

	check(r.status == 0);
	r = run_with(sv, NULL, "publish", sv->db, "--topic", "b", "--uid", "u",
	    "2", NULL);
	want_one_line(&r, 1);
	check(strstr(r.err, "the uid is that of an event of another topic") !=
	      NULL);
	check(log_count(sv) == 1);
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
test_not_switched_on(void)
{
	struct server *sv = ready();
	struct client *c;

	sv->env[2] = NULL;
	start(sv, NULL);
	c = post(sv, FORM, "data=1");

	check(want_headers(c) == 405);
	check(strstr(header(c, "Allow"), "POST") == NULL);
	check(strcmp(body_of(c),
		  "only GET, HEAD, OPTIONS are understood here: "
		  "publishing is not switched on "
		  "(serve --publish or LARGESSE_PUBLISH=1)\n") == 0);
	want_refusal(ask(sv, "POST", "/events/status", "data=1", "CONTENT_TYPE",
			 FORM, "PATH_INFO", "/status", NULL),
	    405);
	check(log_count(sv) == 0);
}

/* Each path says by itself which methods it allows; OPTIONS says the same. */
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

/* With the right to read only, the start fails and says why. */
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

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_a_cookie_counts_from_our_own_pages),
	    TALK(test_who_may),
	    TALK(test_who_may_publish_may_end),
	    TALK(test_a_uid_is_of_one_topic),
	    TALK(test_a_uid_of_another_topic_is_no_place),
	    TALK(test_publish_tells_of_a_uid_of_another_topic),
	    TALK(test_publishing_takes_a_key),
	    TALK(test_not_switched_on),
	    TALK(test_post_is_allowed_where_it_is_understood),
	    TALK(test_a_log_that_may_only_be_read),
	};

	return talk_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
