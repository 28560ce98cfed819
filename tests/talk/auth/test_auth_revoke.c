/*
 * test_auth_revoke.c - a row in largesse_revoke ends streams at once, before
 * they get anything that was published after the row.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/talk/peer/keyed.h"

#define PRIVATE "not for one who was thrown out"

static struct client *
reader(struct server *sv, const char *sub, const char *uri)
{
	return open_with(sv, uri, token_for(sub, "\"*\""));
}

/* A token that was issued at this time, from now. */
static char *
token_from(const char *sub, int seconds)
{
	char *claims = text("{\"sub\":\"%s\",\"iat\":%lld,"
			    "\"largesse\":{\"subscribe\":[\"*\"]}}",
	    sub, (long long)time(NULL) + seconds);

	return kept(forge(FORGE_HS256, claims));
}

/*
 * A token that is newer than the row by the leeway and a second lets in, as
 * soon as its time has come.
 */
static void
want_in_with_a_newer_token(struct server *sv, const char *uri, const char *sub)
{
	char *token = token_from(sub, 4);

	until(want_headers(get_with(sv, uri, token)) == 200);
}

/* A number of /status as it is now. */
static int64_t
status_of(struct server *sv, const char *path)
{
	struct client *c = get(sv, "/events/status", NULL);
	char *number;

	check(want_headers(c) == 200);
	while (!c->ended && hear(c, now_ms() + PATIENCE_MS))
		;
	number = json(
	    text("%.*s", (int)(c->out.len - c->at), c->out.s + c->at), path);
	check(number != NULL);
	return atoll(number);
}

static void
test_subject_is_taken_from_all_topics(void)
{
	struct server *sv = serve_keyed();
	char *token = token_for("al", "\"*\"");
	struct client *a = open_with(sv, "/events?topic=a", token);
	struct client *b = open_with(sv, "/events?topic=b*", token);
	struct client *bo = reader(sv, "bo", "/events?topic=a");

	log_revoke(sv, NULL, "al");
	check(want_farewell(a) > 0);
	check(want_farewell(b) > 0);
	append(sv, "a", PRIVATE);
	want_event(bo, "1", "message", PRIVATE);
	/* The same token is refused, but a newer token is good. */
	a = get_with(sv, "/events?topic=a&last=9", token);
	want_refusal(a, 401);
	check(strstr(a->out.s, PRIVATE) == NULL);
	want_in_with_a_newer_token(sv, "/events?topic=a", "al");
}

/* The clock that made the token is ahead, by less than the leeway or by a day.
 */
static void
test_token_from_the_future_is_revoked(void)
{
	static const int ahead[] = {1, 2, 24 * 3600};
	struct server *sv = serve_keyed();
	struct client *c;
	char *token;
	size_t i;

	for (i = 0; i < sizeof(ahead) / sizeof(ahead[0]); i++) {
		token = token_from(text("u%zu", i), ahead[i]);
		c = open_with(sv, "/events?topic=a", token);
		log_revoke(sv, NULL, text("u%zu", i));
		check(want_farewell(c) > 0);
		c = get_with(sv, "/events?topic=a", token);
		want_refusal(c, 401);
		check(strstr(c->out.s, "revoked") != NULL);
	}
}

/*
 * Both rows are in one transaction, the revocation first.  The event after it
 * does not come.
 */
static void
test_nothing_comes_after_the_row(void)
{
	struct server *sv = serve_keyed();
	struct revocation al = {.subject = "al", .time_ms = 1};
	struct row row = {.topic = column("a"), .data = column(PRIVATE)};
	int i;

	for (i = 0; i < 20; i++) {
		struct client *c = reader(sv, "al", "/events?topic=a");
		struct client *bo = reader(sv, "bo", "/events?topic=a");

		log_revoke_many(sv, &al, 1, &row);
		want_farewell(c);
		want_event(bo, NULL, "message", PRIVATE);
	}
}

/*
 * The same in two transactions, while many readers are still behind.  The event
 * may be in the log before the responder has seen the revocation.
 */
static void
test_nothing_comes_after_the_row_to_those_behind(void)
{
	enum {
		READERS = 60,
		ROUNDS = 4,
		ROWS = 300
	};
	struct server *sv = prepare_keys();
	struct client *c[READERS];
	const struct event *ev;
	int round, i;

	for (i = 0; i < READERS; i++)
		append_many(sv, text("t%d", i), 1, ROWS, 100);
	start(sv, KEYED(sv), "--window", "1K", "--page", "50", NULL);
	for (round = 0; round < ROUNDS; round++) {
		for (i = 0; i < READERS; i++)
			c[i] = get_with(sv,
			    text("/events?topic=t%d&lastEventId=earliest", i),
			    token_for(text("%d-%d", round, i), "\"*\""));
		for (i = 0; i < READERS; i++) {
			log_revoke(sv, NULL, text("%d-%d", round, i));
			append(sv, text("t%d", i), text("after %d", round));
		}
		for (i = 0; i < READERS; i++)
			if (want_headers(c[i]) == 200)
				while ((ev = next_or_end(c[i])) != NULL)
					check(
					    strcmp(ev->data,
						text("after %d", round)) != 0);
	}
}

static void
test_topic_is_taken_from_all_its_readers(void)
{
	struct server *sv = serve();
	struct client *news = get(sv, "/events?topic=news/uk", NULL);
	struct client *all = get(sv, "/events?topic=*&topic=x", NULL);
	struct client *prefix = get(sv, "/events?topic=news*", NULL);
	struct client *two = get(sv, "/events?topic=x&topic=news/uk", NULL);
	struct client *other = get(sv, "/events?topic=news/fr", NULL);
	struct client *more = get(sv, "/events?topic=news/uk2", NULL);

	want_start(news);
	want_start(all);
	want_start(prefix);
	want_start(two);
	want_start(other);
	want_start(more);
	log_revoke(sv, "news/uk", NULL);
	want_farewell(news);
	want_farewell(all);
	want_farewell(prefix);
	want_farewell(two);
	want_nothing_more(other, sv, "news/fr");
	want_nothing_more(more, sv, "news/uk2");
	/* The clients may come back: nothing forbids it. */
	news = get(sv, "/events?topic=news/uk", NULL);
	want_start(news);
	log_revoke(sv, "news/*", NULL);
	want_farewell(news);
	want_farewell(other);
	want_farewell(more);
}

static void
test_subject_is_taken_from_a_topic(void)
{
	struct server *sv = serve_keyed();
	char *token = token_for("al", "\"*\"");
	struct client *chat = open_with(sv, "/events?topic=chat/7", token);
	struct client *news = open_with(sv, "/events?topic=news", token);
	struct client *bo = reader(sv, "bo", "/events?topic=chat/7");

	log_revoke(sv, "chat/*", "al");
	want_farewell(chat);
	want_nothing_more(news, sv, "news");
	want_nothing_more(bo, sv, "chat/7");
	want_refusal(get_with(sv, "/events?topic=chat/8", token), 401);
	want_refusal(get_with(sv, "/events?topic=*", token), 401);
	open_with(sv, "/events?topic=news", token);
	want_in_with_a_newer_token(sv, "/events?topic=chat/8", "al");
}

/* Each responder reads the log, so each one learns of the revocation. */
static void
test_revoked_in_every_responder(void)
{
	struct server *one = serve_keyed(), *two = prepare_keys();
	struct client *a, *b;

	two->db = one->db;
	start(two, KEYED(two), "--workers", "2", NULL);
	a = reader(one, "al", "/events?topic=a");
	b = reader(two, "al", "/events?topic=a");
	log_revoke(one, NULL, "al");
	want_farewell(a);
	want_farewell(b);
}

/* A user that the web server lets in again is let in. */
static void
test_users_are_the_web_servers_business(void)
{
	struct server *sv =
	    serve_with("--trust-user", "--user-topic", "{user}", NULL);
	struct client *c =
	    get(sv, "/events?topic={user}", "REMOTE_USER", "al", NULL);

	want_start(c);
	log_revoke(sv, NULL, "al");
	want_farewell(c);
	want_start(get(sv, "/events?topic={user}", "REMOTE_USER", "al", NULL));
}

/* Whom an application hands over is known by the name that it gave. */
static void
test_handed_over_readers_are_the_applications_business(void)
{
	struct server *sv = serve_with("--handover", NULL);
	const char *al = "/events?topic=run/7&subject=al";
	struct client *c = get(sv, al, "LARGESSE_HANDED_OVER", "on", NULL);
	struct client *bo = get(sv, "/events?topic=run/7&subject=bo",
	    "LARGESSE_HANDED_OVER", "on", NULL);

	want_start(c);
	want_start(bo);
	log_revoke(sv, NULL, "al");
	want_farewell(c);
	append(sv, "run/7", "for bo");
	want_event(bo, "1", "message", "for bo");
	want_start(get(sv, al, "LARGESSE_HANDED_OVER", "on", NULL));
	check(want_headers(get(sv, al, NULL)) == 403);
	check(want_headers(
		  get(sv, al, "HTTP_LARGESSE_HANDED_OVER", "on", NULL)) == 403);
}

static void
test_many_are_revoked_together(void)
{
	enum {
		READERS = 30,
		ROWS = 5000
	};
	struct server *sv = serve_keyed();
	struct revocation *rv = keep(ROWS * sizeof(*rv));
	struct client *c[READERS], *stays;
	int i;

	for (i = 0; i < READERS; i++)
		c[i] = reader(sv, text("s%d", i * 100), "/events?topic=a");
	stays = reader(sv, "stays", "/events?topic=a");
	for (i = 0; i < ROWS; i++)
		rv[i].subject = text("s%d", i);
	log_revoke_many(sv, rv, ROWS, NULL);
	for (i = 0; i < READERS; i++)
		want_farewell(c[i]);
	want_nothing_more(stays, sv, "a");
}

/* A revocation that is older than the responder ends no stream. */
static void
test_old_rows_end_nothing(void)
{
	struct server *sv = prepare();
	struct client *c;

	log_revoke(sv, "main", NULL);
	start(sv, NULL);
	c = get(sv, "/events", NULL);
	want_start(c);
	append(sv, "main", "one");
	want_event(c, "1", "message", "one");
	want_nothing_more(c, sv, "main");
}

/* A reader whose socket is full is ended, too. */
static void
test_reader_that_is_stuck(void)
{
	struct server *sv = serve_keyed();
	struct client *c = reader(sv, "al", "/events?topic=a");

	append_many(sv, "a", 1, 3000, 1000);
	until(status_of(sv, "$.blocked") > 0);
	log_revoke(sv, NULL, "al");
	until(status_of(sv, "$.streams") == 0);
	leave(c);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_subject_is_taken_from_all_topics),
	    TALK(test_token_from_the_future_is_revoked),
	    TALK(test_nothing_comes_after_the_row),
	    TALK(test_nothing_comes_after_the_row_to_those_behind),
	    TALK(test_topic_is_taken_from_all_its_readers),
	    TALK(test_subject_is_taken_from_a_topic),
	    TALK(test_revoked_in_every_responder),
	    TALK(test_users_are_the_web_servers_business),
	    TALK(test_handed_over_readers_are_the_applications_business),
	    TALK(test_many_are_revoked_together),
	    TALK(test_old_rows_end_nothing),
	    TALK(test_reader_that_is_stuck),
	};

	return talk_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
