/*
 * trouble.h - what an error of Redis means.
 *
 * Private to store/redis.
 */
#ifndef REDIS_TROUBLE_H
#define REDIS_TROUBLE_H

#include <hiredis/hiredis.h>

#include "store/redis/link/url.h"
#include "store/store.h"

/* The message for a place where store_init has made no log. */
extern const char redis_no_log[];

/*
 * STORE_BUSY: it passes by itself.  STORE_FULL: it passes when there is room
 * again.  STORE_ERROR: somebody has to do something.  why says it in words.
 */
enum store_result redis_trouble(
    const struct redis_url *, const redisReply *error, char *why, size_t size);

/*
 * Takes out of a message, in which words of Redis may stand, what a terminal
 * obeys, and the password.
 */
void redis_clean(const struct redis_url *, char *why);

/* What has to be known of an error besides, to say what mends it. */
enum redis_kind {
	REDIS_OTHER,
	REDIS_NO_LOGIN,	  /* no password was given, or a wrong one */
	REDIS_FORBIDDEN,  /* the user may not do it */
	REDIS_WRONG_TYPE, /* the key holds something that is not ours */
	REDIS_NEWER,	  /* the log is of a newer largesse */
	REDIS_TOO_LARGE,  /* an answer was larger than any may be */
};
enum redis_kind redis_trouble_kind(const redisReply *error);

/* Does the error begin with this? */
bool redis_trouble_is(const redisReply *, const char *word);

#endif
