/*
 * redis_own.h - a redis-server that belongs to one test, and a responder on
 * it that takes events by POST.
 */
#ifndef REDIS_OWN_H
#define REDIS_OWN_H

#include <stdlib.h>
#include <string.h>

#include "tests/redis.h"

#include "tests/talk/peer/keyed.h"
#include "tests/talk/peer/peer.h"

/* What it says to this, as text. */
static inline char *
tell(struct redis_server *rs, const char *command)
{
	redisReply *r = redisCommand(rs->to, command);
	char *s;

	if (r == NULL || r->type == REDIS_REPLY_ERROR)
		talk_fail("redis: %s: %s", command,
		    r == NULL ? rs->to->errstr : r->str);
	s = r->type == REDIS_REPLY_INTEGER
		? text("%lld", r->integer)
		: text("%s", r->str != NULL ? r->str : "");
	freeReplyObject(r);
	return s;
}

/* Makes a key file, and a token that may publish, as its header says it. */
static inline const char *
make_token(struct server *sv, const char *key)
{
	struct ran r;

	forge_write(key, FORGE_SECRET "\n", sizeof(FORGE_SECRET));
	chmod(key, 0600);
	r = run_with(
	    sv, NULL, "token", "--key-file", key, "--publish", "*", NULL);
	check(r.status == 0);
	return text("Bearer %.*s", (int)strcspn(r.out, "\n"), r.out);
}

/* A heartbeat a second; readers need no token.  The publishers' is returned. */
static inline const char *
start_posting(struct server *sv)
{
	const char *key = key_path(sv, "key"), *token = make_token(sv, key);

	start(sv, "--heartbeat", "1", "--key-file", key, "--public", "*",
	    "--publish", NULL);
	return token;
}

static inline struct client *
post(struct server *sv, const char *token, const char *body)
{
	return ask(sv, "POST", "/events", body, "CONTENT_TYPE",
	    "application/x-www-form-urlencoded", "HTTP_AUTHORIZATION", token,
	    NULL);
}

#endif
