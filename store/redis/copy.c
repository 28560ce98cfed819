/*
 * copy.c - a log on Redis as the copy of another log.
 *
 * Every id stays what it was: the event to which SQLite gave the number n is
 * the entry 0-n, and is printed and read as n.  So the newest id ever given
 * says how far the copy has come, and nothing else need be kept.  A client
 * that has an id of the old log finds the same place in this one.  What was
 * pruned or revoked in the old log is so in this one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/clock.h"
#include "store/redis/words.h"

enum {
	FIELDS = 6, /* of an event: its id, and five */
	NUMBERS = 7 /* that stand before revocations and events */
};

#define LUA_STREAM                                                     \
	LUA_TOPIC_OF LUA_BEFORE LUA_ENDED                              \
	    "local function stream() local t = {}"                     \
	    " if redis.call('EXISTS', KEYS[1]) == 1 then"              \
	    " local r = redis.call('XINFO', 'STREAM', KEYS[1])"        \
	    " for i = 1, #r, 2 do t[r[i]] = r[i + 1] end end"          \
	    " t.last = t['last-generated-id'] or '0-0' return t end\n" \
	    "local function numbers(n)"                                \
	    " local have = redis.call('HGET', KEYS[2], 'numbers')"     \
	    " if less(have or '0', n) then"                            \
	    " redis.call('HSET', KEYS[2], 'numbers', n) end end\n"

/*
 * ARGV: log id, base, numbers.  Answers the last id, the place up to which
 * revocations were copied, and the newest entry.  An entry that is added and
 * removed at once makes base the place before which all is gone.
 */
static const char begin_script[] = LUA_KNOWN LUA_STREAM
    "local log = redis.call('HGET', KEYS[2], 'id')\n"
    "if not log then return {err = 'NOLOG'} end\n"
    "local s = stream()\n"
    "if log ~= ARGV[1] then\n"
    " if s.last ~= '0-0' then return {err = 'OTHERLOG'} end\n"
    " redis.call('HSET', KEYS[2], 'id', ARGV[1])\n"
    "end\n"
    "if (s.length or 0) == 0 and before(s.last, ARGV[2]) then\n"
    " redis.call('XADD', KEYS[1], ARGV[2], 'data', '')\n"
    " redis.call('XDEL', KEYS[1], ARGV[2])\n"
    " s = stream()\n"
    " redis.call('HSET', KEYS[2], 'pruned', s.last,"
    "  'gone', (s['entries-added'] or 0) - s.length)\n"
    "end\n"
    "numbers(ARGV[3])\n"
    "local newest = s.length and"
    " redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]\n"
    "return {s.last, redis.call('HGET', KEYS[2], 'revoked') or '0-0',"
    " newest or false}\n";

/*
 * ARGV: log id, after, upto, numbers, revoked upto, count of revocations,
 * removed; for each revocation three: topic, subject, time; then for each event
 * six: id, topic, event, data, uid, time.  A text has a `=' before it, or is
 * empty where there is none.
 *
 * An event that was removed before it was copied was never an entry here.  Its
 * id is judged as that of an entry that XDEL took, so the newest such id is
 * noted where Redis notes those.
 */
static const char copy_script[] = LUA_KNOWN LUA_STREAM
    "if redis.call('HGET', KEYS[2], 'id') ~= ARGV[1] or"
    " stream().last ~= ARGV[2] then return {err = 'OTHERLOG'} end\n"
    "redis.call('HLEN', KEYS[3]) redis.call('LLEN', KEYS[4])\n"
    "redis.call('HLEN', KEYS[6])\n"
    "local was = redis.call('HGET', KEYS[2], 'ended') or '0-0'\n"
    "local upto, all = catch_up(was, 2000)\n"
    "local at = 8\n"
    "local function take(names) local add = {}"
    " for _, name in ipairs(names) do local v = ARGV[at] at = at + 1"
    "  if v ~= '' then add[#add + 1] = name"
    "  add[#add + 1] = string.sub(v, 2) end end"
    " return add end\n"
    "for _ = 1, tonumber(ARGV[6]) do"
    " redis.call('XADD', KEYS[5], '*',"
    "  unpack(take({'topic', 'subject', 'time'}))) end\n"
    "if ARGV[6] ~= '0' then"
    " redis.call('HSET', KEYS[2], 'revoked', ARGV[5]) end\n"
    "while at <= #ARGV do\n"
    " local id, topic, uid = ARGV[at], ARGV[at + 1], ARGV[at + 4]\n"
    " if all then upto = id ended[string.sub(topic, 2)] ="
    "  ARGV[at + 2] == '=stream-end' and id end\n"
    " at = at + 1\n"
    " redis.call('XADD', KEYS[1], id,"
    "  unpack(take({'topic', 'event', 'data', 'uid', 'time'})))\n"
    " if uid ~= '' then uid = string.sub(uid, 2)\n"
    "  redis.call('HSET', KEYS[3], uid, id)\n"
    "  if topic_of(uid) then redis.call('HSET', KEYS[2],"
    "   topic_of(uid), string.sub(topic, 2)) end\n"
    "  redis.call('RPUSH', KEYS[4], id .. ' ' .. uid) end\n"
    "end\n"
    "if upto ~= was then note_ended(upto) end\n"
    "local last = stream().last\n"
    "if last == '0-0' and ARGV[3] ~= last then\n"
    " redis.call('XADD', KEYS[1], ARGV[3], 'data', '')\n"
    " redis.call('XDEL', KEYS[1], ARGV[3])\n"
    " redis.call('HSET', KEYS[2], 'pruned', '0-0', 'gone', 1)\n"
    "elseif before(last, ARGV[3]) then\n"
    " redis.call('XSETID', KEYS[1], ARGV[3])\n"
    "end\n"
    "local s = stream()\n"
    "local removed = before(ARGV[7], s.last) and ARGV[7] or s.last\n"
    "if s.length and before(s['max-deleted-entry-id'] or removed,"
    " removed) then redis.call('XSETID', KEYS[1], s.last,"
    " 'ENTRIESADDED', s['entries-added'],"
    " 'MAXDELETEDID', removed) end\n"
    "numbers(ARGV[4])\n"
    "return 'OK'\n";

/* The reply, to be freed, or NULL: then it may have been done or not. */
static redisReply *
run_words(struct redis *rs, const struct redis_words *w)
{
	return redis_link_ask(&rs->link, w->argc, w->argv, w->lens,
	    clock_steady_ms() + REDIS_WAIT_MS);
}

/* --- beginning ---------------------------------------------------------- */

static enum store_result
take_beginning(struct redis *rs, const redisReply *r, struct store_copied *done,
    store_each *newest, void *arg)
{
	struct store_event ev;

	if (r->type == REDIS_REPLY_ERROR &&
	    strstr(r->str, "OTHERLOG") != NULL) {
		store_set_why(&rs->base,
		    "%s: has events of another log: copy into a new one",
		    rs->url->shown);
		return STORE_REFUSED;
	}
	if (r->type == REDIS_REPLY_ERROR)
		return redis_append_trouble(rs, r);
	if (r->type != REDIS_REPLY_ARRAY || r->elements < 2 ||
	    !redis_id(r->element[0], &done->upto) ||
	    !redis_id(r->element[1], &done->revoked)) {
		store_set_why(
		    &rs->base, "%s: not an answer of ours", rs->url->shown);
		return STORE_ERROR;
	}
	if (r->elements > 2 && redis_event(r->element[2], 0, &ev))
		newest(arg, &ev);
	return STORE_OK;
}

enum store_result
redis_copy_begin(struct store *store, const struct store_origin *from,
    struct store_copied *done, store_each *newest, void *arg)
{
	struct redis *rs = redis_of(store);
	enum store_result result = STORE_ERROR;
	redisReply *r = NULL;
	struct redis_words w;

	rs->link.most = REDIS_UNBOUNDED; /* the newest event is in it */
	store_set_why(store, "out of memory");
	if (redis_words_begin(
		&w, rs, "EVAL", begin_script, 3, 3 * REDIS_NUMBER_SIZE)) {
		redis_words_add(&w, from->log_id, strlen(from->log_id));
		redis_words_id(&w, from->base);
		redis_words_number(&w, "%lld", (long long)from->numbers);
		r = run_words(rs, &w);
		result = r == NULL ? redis_out_of_reach(rs)
				   : take_beginning(rs, r, done, newest, arg);
	}
	if (r != NULL)
		freeReplyObject(r);
	redis_words_free(&w);
	if (result == STORE_OK)
		snprintf(rs->base.log_id, sizeof(rs->base.log_id), "%s",
		    from->log_id);
	return result;
}

/* --- going on ----------------------------------------------------------- */

/*
 * May the event be copied to Redis?  A uid that looks like an id of Redis was
 * one: the event came from Redis to SQLite before.  The events after it have
 * numbers, and all numbers come before all ids of Redis.  So there is no order
 * in which both kinds could be kept.
 */
static enum store_result
check_copied(struct redis *rs, const struct store_event *ev)
{
	char id[STORE_ID_SIZE], uid[STORE_ID_SIZE];
	struct store_id was;

	if (!redis_words_fit(ev)) {
		store_set_why(
		    &rs->base, "%s: an event is too large", rs->url->shown);
		return STORE_FULL;
	}
	if (ev->uid.s == NULL ||
	    !store_id_parse(&rs->base, ev->uid.s, ev->uid.len, &was))
		return STORE_OK;
	store_id_print(&rs->base, ev->id, id);
	store_id_print(&rs->base, was, uid);
	store_set_why(&rs->base,
	    "%s: event %s cannot go there: its uid %s is an id of Redis, "
	    "where it was before; begin a new log",
	    rs->url->shown, id, uid);
	return STORE_REFUSED;
}

static size_t
count_bytes(const struct store_copy *cp)
{
	size_t bytes = NUMBERS * REDIS_NUMBER_SIZE, i;

	for (i = 0; i < cp->n; i++)
		bytes +=
		    REDIS_NUMBER_SIZE + redis_words_event_size(&cp->events[i]);
	for (i = 0; i < cp->nrevoked; i++)
		bytes += cp->revoked[i].topic.len + cp->revoked[i].subject.len +
			 2 + REDIS_NUMBER_SIZE;
	return bytes;
}

static bool
put_copy(struct redis *rs, struct redis_words *w, const struct store_copy *cp)
{
	uint64_t numbers = cp->upto.hi == 0 ? cp->upto.lo : 0;
	size_t i;

	if (!redis_words_begin(w, rs, "EVAL", copy_script,
		NUMBERS + cp->nrevoked * 3 + cp->n * FIELDS, count_bytes(cp)))
		return false;
	for (i = 0; i < cp->n; i++)
		if (cp->events[i].id.hi == 0)
			numbers = cp->events[i].id.lo;
	if (cp->upto.hi == 0)
		numbers = cp->upto.lo;
	redis_words_add(w, cp->log_id, strlen(cp->log_id));
	redis_words_id(w, cp->after);
	redis_words_id(w, cp->upto);
	redis_words_number(w, "%lld", (long long)numbers);
	redis_words_id(w, cp->revoked_upto);
	redis_words_number(w, "%lld", (long long)cp->nrevoked);
	redis_words_id(w, cp->removed);
	for (i = 0; i < cp->nrevoked; i++) {
		redis_words_text(w, cp->revoked[i].topic);
		redis_words_text(w, cp->revoked[i].subject);
		redis_words_number(w, "=%lld", cp->revoked[i].time_ms);
	}
	for (i = 0; i < cp->n; i++) {
		redis_words_id(w, cp->events[i].id);
		redis_words_event(
		    w, &cp->events[i], (int64_t)cp->events[i].id.hi);
	}
	return true;
}

enum store_result
redis_copy_in(struct store *store, const struct store_copy *cp)
{
	struct redis *rs = redis_of(store);
	enum store_result result = STORE_OK;
	redisReply *r = NULL;
	struct redis_words w;
	size_t i;

	for (i = 0; i < cp->n; i++)
		if ((result = check_copied(rs, &cp->events[i])) != STORE_OK)
			return result;
	if (!put_copy(rs, &w, cp)) {
		store_set_why(store, "out of memory");
		result = STORE_ERROR;
	} else if ((r = run_words(rs, &w)) == NULL)
		result = redis_out_of_reach(rs);
	else if (r->type == REDIS_REPLY_ERROR &&
		 strstr(r->str, "OTHERLOG") != NULL) {
		store_set_why(store,
		    "%s: somebody else wrote to it while it was copied to",
		    rs->url->shown);
		result = STORE_REFUSED;
	} else if (r->type == REDIS_REPLY_ERROR)
		result = redis_append_trouble(rs, r);
	else if (r->type != REDIS_REPLY_STRING || strcmp(r->str, "OK") != 0) {
		store_set_why(
		    store, "%s: not an answer of ours", rs->url->shown);
		result = STORE_BUSY; /* it may have been done */
	}
	if (r != NULL)
		freeReplyObject(r);
	redis_words_free(&w);
	return result;
}

/* --- for readers -------------------------------------------------------- */

/*
 * The highest number that SQLite gave to an event of this log, when the log
 * was there.  All events with numbers may be gone by now.
 */
enum store_result
redis_numbers(struct store *store, uint64_t *n)
{
	struct redis *rs = redis_of(store);
	const char *argv[] = {"HGET", rs->url->key[KEY_LOG], "numbers"};
	const size_t lens[] = {4, strlen(argv[1]), 7};
	const struct redis_ask *a;

	if (rs->base.log_id[0] == '\0')
		return redis_later(rs);
	if ((a = redis_ask_command(rs, ASK_TEXT, 3, argv, lens)) == NULL)
		return redis_later(rs);
	*n = a->answer->type == REDIS_REPLY_STRING
		 ? strtoull(a->answer->str, NULL, 10)
		 : 0;
	return STORE_OK;
}

enum store_result
redis_removed(struct store *store, struct store_id *id)
{
	struct redis *rs = redis_of(store);

	if (rs->base.log_id[0] == '\0')
		return redis_later(rs);
	*id = rs->deleted;
	return STORE_OK;
}
