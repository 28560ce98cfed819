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

/*
 * A uid that looks like a number with its check is told to be gone when its
 * entry is, but to nobody who did not ask for its topic.  So of such a uid the
 * topic is kept in the hash of the log, in this field.
 */
#define LUA_TOPIC_OF                                                     \
	"local function topic_of(uid)"                                   \
	" return string.find(uid, '^%d+%-%l%w%w%w$') and 'topic-of:' .." \
	" uid end\n"

/*
 * Is one number, or one id, before another?  As text: a number of Lua does not
 * hold each of 64 bits.
 */
#define LUA_BEFORE                                                \
	"local function words(id)"                                \
	" return string.match(id, '^(%d+)-(%d+)$') end\n"         \
	"local function less(a, b)"                               \
	" if #a ~= #b then return #a < #b end return a < b end\n" \
	"local function before(x, y)"                             \
	" local a, b = words(x) local c, d = words(y)"            \
	" return less(a, c) or (a == c and less(b, d)) end\n"

/* ARGV: an id.  What struct redis_state has, in its order. */
extern const char redis_script_state[];

/* The same of the last of ARGV, behind what a function ask answers. */
extern const char redis_script_beside[];

/*
 * These two go back through the entries, a bounded number in one call.  ARGV:
 * count or uid, where to begin (`+', or `(' and an id), how many entries to
 * pass, then `=topic' or `^prefix'...  They answer what was found, from where
 * to go on, each an id or nil; what is left of count, or 1 if the entry of the
 * uid is gone and may have had one of the topics; and how many were passed.
 */
extern const char redis_script_last[];
extern const char redis_script_uid[];

/*
 * ARGV: ids.  For each of them, as long as that does not take long, two: the id
 * and the field time of the entry that is there, or of the next one after it.
 * Each may be nil.
 */
extern const char redis_script_entries[];

/* ARGV: ms.  The newest entry older than that, or the place before all. */
extern const char redis_script_time[];

/*
 * ARGV: subject, where to begin, ms, how many entries to pass.  To where it
 * came (nil: there was none), whether there may be more (1 or 0), and the
 * topics which the subject lost since then, each with a `=' before it, or empty
 * for all.
 */
extern const char redis_script_revoked[];

/*
 * ARGV: number of the key, where to begin, entries, bytes that an entry may
 * have, bytes in all.  Whether there may be more (1 or 0), and the entries.
 */
extern const char redis_script_range[];

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
