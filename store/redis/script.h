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
 * The number of a log's schema goes up only where a program that does not know
 * it would do harm.  So each script that reads the state or changes something
 * begins with this, and a log of a newer largesse is left alone.
 */
#define LUA_KNOWN                                                       \
	"if (tonumber(redis.call('HGET', KEYS[2], 'schema')) or 1) > 1" \
	" then return {err = 'NEWER'} end\n"

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

/*
 * Which topics have ended: a hash of topics, each with the id of the entry that
 * ended it.  It is true up to the entry that the hash of the log names in the
 * field `ended'.  Whoever adds entries goes through those first that came since
 * by XADD, as many as one call may; what is beyond is left to the next.
 */
#define LUA_ENDED                                                         \
	"local ended = {}\n"                                              \
	"local function value(e, name) local v = false"                   \
	" for i = 1, #e[2], 2 do"                                         \
	" if e[2][i] == name then v = e[2][i + 1] end end return v end\n" \
	"local function is_end(e)"                                        \
	" return value(e, 'event') == 'stream-end' end\n"                 \
	"local function catch_up(upto, left) local n = 4\n"               \
	" if not redis.call('XREVRANGE', KEYS[1], '+', '(' .. upto,"      \
	"  'COUNT', 1)[1] then return upto, true end\n"                   \
	" while left > 0 do"                                              \
	"  local es = redis.call('XRANGE', KEYS[1], '(' .. upto, '+',"    \
	"   'COUNT', n)\n"                                                \
	"  for _, e in ipairs(es) do upto = e[1]"                         \
	"   ended[value(e, 'topic') or 'main'] = is_end(e) and upto"      \
	"   left = left - 1 - #(value(e, 'data') or '') / 4096 end\n"     \
	"  if #es < n then return upto, true end\n"                       \
	"  n = math.min(n * 2, 100) end\n"                                \
	" return upto, false end\n"                                       \
	"local function note_ended(upto) local del = {}\n"                \
	" for topic, id in pairs(ended) do"                               \
	"  if id then redis.call('HSET', KEYS[6], topic, id)"             \
	"  else del[#del + 1] = topic end"                                \
	"  if #del == 500 then redis.call('HDEL', KEYS[6], unpack(del))"  \
	"  del = {} end end\n"                                            \
	" if del[1] then redis.call('HDEL', KEYS[6], unpack(del)) end\n"  \
	" redis.call('HSET', KEYS[2], 'ended', upto) ended = {} end\n"

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
 * Has a topic ended?  ARGV: two places between which the asker knows all, how
 * many entries to pass before the second one; then for each topic two: the id
 * of its end as the asker knows it, or empty, and the topic.  The script
 * answers: up to where the hash of ended topics is true; whether entries after
 * the first place are left out (1 or 0); how far it came before the second one,
 * if the hash is not true up to there (nil: all the way); of the entries that
 * it passed the newest of each topic, two for each: the id, and the topic with
 * a `!' before it if it ended there, else a `='; and for each topic that was
 * asked for, as long as that does not take long, the id of its end or nil, as
 * far as the hash goes.
 */
extern const char redis_script_ends[];

/* Goes through what XADD added; whether there is more of it (1 or 0). */
extern const char redis_script_ended[];

/*
 * Drops ends from the hash whose entries XTRIM took.  ARGV: where to go on, `0'
 * at first.  Answers the same, `0' at last.
 */
extern const char redis_script_trimmed[];

/* The same for cuts that lie before the oldest entry. */
extern const char redis_script_passed[];

/*
 * These two are for topics that have ended.  ARGV: where to go on, ms: the ends
 * are older than that, and `=topic' or `^prefix'.  The first goes through the
 * hash of ended topics from `0' on, and answers where to go on and the newest
 * such end, or nil.  The second has one ARGV more: the place to which it goes
 * from `-' on, through the entries.  It removes what is due, and answers how
 * many these were and where to go on, nil at last.
 */
extern const char redis_script_due[];
extern const char redis_script_prune_ended[];

/*
 * Is there a cut?  ARGV: a place, the number of cuts that are known, then
 * topics as above.  1 or 0.
 */
extern const char redis_script_cut[];

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
