/*
 * test_post.c - POST on any log: what was answered 201 is in it, once, and the
 * ids of the answer are places.  What is so on SQLite is in test_publish.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peer.h"

#define FORM "application/x-www-form-urlencoded"
#define JSON "application/json"

static const char *token; /* for all topics */

/* A log and a key.  Readers need no token, so that a test is about one thing.
 */
static struct server *
ready(void)
{
	struct server *sv = prepare();
	const char *key = text("%s/key", sv->dir);
	struct ran r;
	FILE *f = fopen(key, "we");

	check(f != NULL && fputs("0123456789abcdef0123456789abcdef\n", f) >= 0);
	fclose(f);
	r = run_with(sv, NULL, "token", "--key-file", key, "--publish", "*",
	    "--subscribe", "*", NULL);
	check(r.status == 0);
	token = text("Bearer %.*s", (int)strcspn(r.out, "\n"), r.out);
	sv->env = keep(4 * sizeof(*sv->env));
	sv->env[0] = text("LARGESSE_KEY_FILE=%s", key);
	sv->env[1] = "LARGESSE_PUBLIC=*";
	sv->env[2] = "LARGESSE_PUBLISH=yes";
	return sv;
}

#define serve_ready(...)                            \
	({                                          \
		struct server *ready_ = ready();    \
		start(ready_, ##__VA_ARGS__, NULL); \
		ready_;                             \
	})

static struct client *
post(struct server *sv, const char *type, const char *body)
{
	return ask(sv, "POST", "/events", body, "CONTENT_TYPE", type,
	    "HTTP_AUTHORIZATION", token, NULL);
}

/* The n-th id of an answer with this status. */
static char *
want_id(struct client *c, int status, int n)
{
	int came = want_headers(c);
	char *body = body_of(c);

	if (came != status)
		talk_fail("wanted %d; came %d %s", status, came,
		    shown(body, strlen(body)));
	return json(body, text("$.ids[%d]", n));
}

static void
test_what_is_posted_comes(void)
{
	struct server *sv = serve_ready();
	struct client *c = get(sv, "/events?topic=a", NULL);
	char *id;

	want_start(c);
	id = want_id(post(sv, FORM, "topic=a&event=e&data=x+y"), 201, 0);
	want(c, text("id: %s\nevent: e\ndata: x y\n\n", id));
	id = want_id(
	    post(sv, JSON, "[{\"topic\":\"a\"},{\"topic\":\"a\"}]"), 201, 1);
	want_event(c, NULL, "message", "");
	want_event(c, id, "message", "");
}

static void
test_its_id_is_a_place(void)
{
	struct server *sv = serve_ready();
	char *one = want_id(post(sv, FORM, "data=1"), 201, 0);
	char *two = want_id(post(sv, FORM, "data=2"), 201, 0);
	struct client *c = get(sv, "/events", "HTTP_LAST_EVENT_ID", one, NULL);

	want_start(c);
	check(c->gap == NULL);
	want_event(c, two, "message", "2");
}

static void
test_a_uid_is_published_once(void)
{
	struct server *sv = serve_ready();
	char *id = want_id(post(sv, FORM, "uid=u&data=1"), 201, 0);
	struct client *c;

	check(strcmp(want_id(post(sv, FORM, "uid=u&data=2"), 200, 0), id) == 0);
	want_id(post(sv, JSON, "[{\"uid\":\"u\"},{\"uid\":\"v\"}]"), 201, 0);
	check(log_count(sv) == 2);
	c = get(sv, "/events", "HTTP_LAST_EVENT_ID", "u", NULL);
	want_start(c);
	want_event(c, "v", "message", "");
}

static void
test_all_of_a_request_or_nothing(void)
{
	struct server *sv = serve_ready();

	want_refusal(post(sv, JSON, "[{\"data\":1},{\"uid\":\"7\"}]"), 400);
	check(log_count(sv) == 0);
	want_id(post(sv, FORM, "data=1"), 201, 0);
	check(log_count(sv) == 1);
}

static void
test_publishers_at_once_lose_nothing(void)
{
	enum {
		PUBLISHERS = 20,
		ROUNDS = 10
	};
	struct server *sv = serve_ready();
	struct client *c[PUBLISHERS], *st = get(sv, "/events", NULL);
	int i, r;

	want_start(st);
	for (r = 0; r < ROUNDS; r++) {
		for (i = 0; i < PUBLISHERS; i++)
			c[i] = post(sv, FORM, text("data=%d.%d", i, r));
		for (i = 0; i < PUBLISHERS; i++)
			check(want_headers(c[i]) == 201);
		for (i = 0; i < PUBLISHERS; i++)
			check(atoi(strchr(want_next(st)->data, '.') + 1) == r);
	}
	check(log_count(sv) == PUBLISHERS * ROUNDS);
}

static void
test_a_log_that_is_away_is_told(void)
{
	struct server *sv = serve_ready();
	int status;

	log_lose(sv);
	status = want_headers(post(sv, FORM, "uid=u&data=1"));
	check(status == 503 || status == 500);
	log_find(sv);
	do
		status = want_headers(post(sv, FORM, "uid=u&data=1"));
	while (status == 503 || status == 500);
	check(status == 201 || status == 200);
	check(log_count(sv) == 1);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_what_is_posted_comes),
	    TALK(test_its_id_is_a_place),
	    TALK(test_a_uid_is_published_once),
	    TALK(test_all_of_a_request_or_nothing),
	    TALK(test_publishers_at_once_lose_nothing),
	    TALK(test_a_log_that_is_away_is_told),
	};

	return talk_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
