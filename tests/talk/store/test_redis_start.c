/*
 * test_redis_start.c - something is wrong with the log on Redis when the
 * program starts with a socket that was handed to it: it waits.
 */
#include <stdio.h>

#include "tests/talk/peer/redis_own.h"

#define PASSWORD "change-me"

static struct redis_server own; /* of this file */

/* A Redis without a log, and a responder that nobody has started yet. */
static struct server *
prepare_redis(const char *before_host)
{
	struct server *sv = prepare_nothing();

	if (own.dir[0] != '\0')
		redis_gone(&own);
	check(redis_new(&own));
	sv->db = text("redis+unix://%s%s?stream=%s", before_host, own.socket,
	    redis_stream(sv));
	return sv;
}

static void
make_log(struct server *sv)
{
	struct ran r = run_with(sv, NULL, "init", sv->db, NULL);

	if (r.status != 0)
		talk_fail("init: %s", r.err);
}

static const char *
start_publishing(struct server *sv)
{
	const char *key = key_path(sv, "key"), *token = make_token(sv, key);

	start_bare(sv, listening_socket(sv), -1, "serve", "--db", sv->db,
	    "--key-file", key, "--public", "*", "--publish", NULL);
	return token;
}

static int
health(struct server *sv)
{
	return want_headers(ask(sv, "GET", "/events/health", NULL, NULL));
}

/* It says why in one line, and tells whoever comes to come back. */
static void
want_waiting(struct server *sv, const char *token, const char *words)
{
	until(health(sv) == 503);
	want_sent_away(sv, NULL);
	check(want_headers(post(sv, token, "data=never")) == 503);
	until(errors_with(sv, words) == 1);
	check(errors_with(sv, "waiting for the log") == 1);
	check(errors_with(sv, PASSWORD) == 0);
}

/* It serves, and has said so. */
static void
want_serving(struct server *sv, const char *token)
{
	struct client *c;

	until(health(sv) == 200);
	c = get_in_the_end(sv, "earliest");
	until(want_headers(post(sv, token, "data=one&uid=u")) / 100 == 2);
	want_event(c, "u", "message", "one");
	check(errors_with(sv, "can be read again") == 1);
	stop(sv);
}

static void
test_a_log_that_is_not_made_yet(void)
{
	struct server *sv = prepare_redis("");
	const char *token = start_publishing(sv);

	want_waiting(sv, token, "not an event log");
	make_log(sv);
	want_serving(sv, token);
	check(errors_with(sv, "ended by") == 0); /* no writer was in vain */
}

static void
test_a_key_that_is_something_else(void)
{
	struct server *sv = prepare_redis("");
	const char *token;

	tell(&own, text("SET %s x", redis_stream(sv)));
	token = start_publishing(sv);
	want_waiting(sv, token, "WRONGTYPE");
	tell(&own, text("DEL %s", redis_stream(sv)));
	make_log(sv);
	want_serving(sv, token);
}

static void
test_a_wrong_password(void)
{
	struct server *sv = prepare_redis(":" PASSWORD "@");
	const char *token;

	tell(&own, "CONFIG SET requirepass " PASSWORD);
	make_log(sv);
	tell(&own, "CONFIG SET requirepass sesame");
	token = start_publishing(sv);
	want_waiting(sv, token, "WRONGPASS: the user or the password is wrong");
	tell(&own, "CONFIG SET requirepass " PASSWORD);
	want_serving(sv, token);
}

static void
test_a_password_that_is_missing(void)
{
	struct server *sv = prepare_redis("");
	const char *token;

	make_log(sv);
	tell(&own, "CONFIG SET requirepass " PASSWORD);
	token = start_publishing(sv);
	want_waiting(sv, token, "it wants a password");
	tell(&own, "ACL SETUSER default nopass");
	want_serving(sv, token);
}

/*
 * Redis ends while it is waited for: then the store itself waits for Redis, and
 * the log that Redis has when it comes back is served.
 */
static void
test_a_redis_that_ends_meanwhile(void)
{
	struct server *sv = prepare_redis("");
	const char *token = start_publishing(sv);

	want_waiting(sv, token, "not an event log");
	redis_stop(&own, SIGKILL);
	until(errors_with(sv, "waiting for the log") == 2);
	check(health(sv) == 503);
	check(redis_start(&own));
	make_log(sv);
	want_serving(sv, token);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_a_log_that_is_not_made_yet),
	    TALK(test_a_key_that_is_something_else),
	    TALK(test_a_wrong_password),
	    TALK(test_a_password_that_is_missing),
	    TALK(test_a_redis_that_ends_meanwhile),
	};
	int failed =
	    talk_main_redis(argc, argv, tests, sizeof(tests) / sizeof(*tests));

	if (own.dir[0] != '\0')
		redis_gone(&own);
	return failed;
}
