/*
 * script.h - what Redis is asked to do in one go, in its own Lua.
 *
 * Private to store/redis.  KEYS are those of enum redis_key, in that order.
 */
#ifndef REDIS_SCRIPT_H
#define REDIS_SCRIPT_H

#include "store/redis/link/url.h"

enum {
	REDIS_HEAD = 3 + REDIS_KEYS /* words before a script's ARGV */
};

/* Begins a command: how is EVAL or EVALSHA; what follows is the ARGV. */
void redis_head(const char *argv[REDIS_HEAD], const struct redis_url *,
    const char *how, const char *script);

/* ARGV: an id.  What struct redis_state has, in its order. */
extern const char redis_script_state[];

/* The same of the last of ARGV, behind what a function ask answers. */
extern const char redis_script_beside[];

/* ARGV: count, most entries to go through, then `=topic' or `^prefix'... */
extern const char redis_script_last[];

/* ARGV: ms.  The newest entry older than that, or the place before all. */
extern const char redis_script_time[];

/* ARGV: uid, most entries to go through.  Its id, or nil. */
extern const char redis_script_uid[];

/* ARGV: subject, ms.  Its revocations from then on: id, topic... */
extern const char redis_script_revoked[];

/*
 * ARGV: now ms, then for each event five: topic, event, data, uid, time, each
 * with a `=' before it, or empty where there is none.  The ids, `=' before
 * one that was there.
 */
extern const char redis_script_append[];

/* ARGV: now ms, rows, age ms ("": as set).  Entries removed of one go. */
extern const char redis_script_prune[];

/* ARGV: log id, rows, age ms ("": stays).  id, rows, age, length. */
extern const char redis_script_init[];

#endif
