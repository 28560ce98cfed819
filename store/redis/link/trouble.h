/*
 * trouble.h - what an error of Redis means.
 *
 * Private to store/.
 */
#ifndef REDIS_TROUBLE_H
#define REDIS_TROUBLE_H

#include <hiredis/hiredis.h>

#include "store/store.h"

/* What is said where store_init has made nothing. */
extern const char redis_no_log[];

/*
 * STORE_BUSY: it passes by itself.  STORE_FULL: when there is room again.
 * STORE_ERROR: when somebody does something.  why says it in words.
 */
enum store_result redis_trouble(
    const redisReply *error, char *why, size_t size);

/* Does the error begin with this? */
bool redis_trouble_is(const redisReply *, const char *word);

#endif
