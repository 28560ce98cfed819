/*
 * state.c - is it still the same log, and is all of it still there?
 *
 * A stream can be deleted, flushed, restored from an older copy, or lose its
 * newest entries with a master that fails; its ids then mean something else.
 * Three things tell: another log id; a last id that went back; and, for an
 * older copy that has grown past us, that an entry which we saw is not there or
 * is another one.
 */
#include <stdlib.h>
#include <string.h>

#include "store/redis/redis.h"

/* Redis writes every id with its dash; a number alone is none of its. */
bool
redis_id(const redisReply *r, struct store_id *id)
{
	return (r->type == REDIS_REPLY_STRING ||
		   r->type == REDIS_REPLY_STATUS) &&
	       memchr(r->str, '-', r->len) != NULL &&
	       store_id_parse(&store_dashed, r->str, r->len, id);
}

size_t
redis_id_print(struct store_id id, char buf[STORE_ID_SIZE])
{
	return (size_t)snprintf(buf, STORE_ID_SIZE, "%llu-%llu",
	    (unsigned long long)id.hi, (unsigned long long)id.lo);
}

enum { /* of the reply, as redis_script_state makes it */
	AT_LOG,
	AT_LAST,
	AT_FIRST,
	AT_ENTRY,
	AT_DELETED,
	AT_REVOKED,
	AT_PRUNED,
	AT_CUT,
	AT_GONE,
	AT_CUTS,
	AT_ADDED,
	AT_LENGTH,
	AT_MARKED,
	AT_TIME,
	AT_ROWS,
	AT_AGE,
	AT_OLDEST,
	AT_ALL
};

static bool
well_formed(const redisReply *r)
{
	int i;

	if (r == NULL || r->type != REDIS_REPLY_ARRAY || r->elements != AT_ALL)
		return false;
	for (i = 0; i < AT_ALL; i++)
		if (r->element[i]->type !=
		    (i < AT_GONE ? REDIS_REPLY_STRING : REDIS_REPLY_INTEGER))
			return false;
	return true;
}

/* As init makes it: 32 digits.  Empty: there is no log. */
static bool
is_log_id(const redisReply *r)
{
	return r->len == 0 ||
	       (r->len == 32 && strspn(r->str, "0123456789abcdef") == 32);
}

/* What Redis counts is never so large that we could not count with it. */
static bool
is_count(const redisReply *r, long long least)
{
	return r->integer >= least && r->integer <= (1LL << 53);
}

/* What else is written there has no meaning: it keeps all. */
static uint64_t
kept(const redisReply *r)
{
	return is_count(r, 0) ? (uint64_t)r->integer : 0;
}

/* Where the log has entries it has a first and a last, and in this order. */
static bool
in_order(const struct redis_state *st)
{
	return st->length == 0 || ((st->first.hi > 0 || st->first.lo > 0) &&
				      store_id_cmp(st->first, st->entry) <= 0 &&
				      store_id_cmp(st->entry, st->last) <= 0);
}

/*
 * The time of the oldest entry is the one that it says, or else when it came,
 * which are the milliseconds of its id.
 */
static int64_t
oldest(const struct redis_state *st, const redisReply *said)
{
	uint64_t ms = kept(said) > 0 ? kept(said) : st->first.hi;

	return st->length > 0 && ms > 0 && ms <= (uint64_t)STORE_TIME_MAX
		   ? (int64_t)ms
		   : STORE_NO_TIME;
}

const char *
redis_state_why(const redisReply *r)
{
	return well_formed(r) && !is_log_id(r->element[AT_LOG])
		   ? "the id of its log is not 32 hexadecimal digits"
		   : "not an answer of Redis";
}

bool
redis_state_read(const redisReply *r, struct redis_state *st)
{
	if (!well_formed(r) || !is_log_id(r->element[AT_LOG]) ||
	    !is_count(r->element[AT_GONE], 0) ||
	    !is_count(r->element[AT_CUTS], 0) ||
	    !is_count(r->element[AT_ADDED], -1) ||
	    !is_count(r->element[AT_LENGTH], 0) ||
	    !is_count(r->element[AT_TIME], 0))
		return false;
	memset(st, 0, sizeof(*st));
	snprintf(st->log_id, sizeof(st->log_id), "%s", r->element[AT_LOG]->str);
	st->pruned_gone = r->element[AT_GONE]->integer;
	st->cuts = (uint64_t)r->element[AT_CUTS]->integer;
	st->added = r->element[AT_ADDED]->integer;
	st->length = r->element[AT_LENGTH]->integer;
	st->marked = r->element[AT_MARKED]->integer > 0;
	st->mark_ms = st->marked ? r->element[AT_MARKED]->integer - 1 : 0;
	if (st->mark_ms > STORE_TIME_MAX)
		st->mark_ms = 0;
	st->time_ms = r->element[AT_TIME]->integer;
	st->keep_rows = kept(r->element[AT_ROWS]);
	st->keep_age_ms = kept(r->element[AT_AGE]);
	if (!redis_id(r->element[AT_LAST], &st->last) ||
	    !redis_id(r->element[AT_FIRST], &st->first) ||
	    !redis_id(r->element[AT_ENTRY], &st->entry) ||
	    !redis_id(r->element[AT_DELETED], &st->deleted) ||
	    !redis_id(r->element[AT_REVOKED], &st->revoked) ||
	    !redis_id(r->element[AT_PRUNED], &st->pruned) ||
	    !redis_id(r->element[AT_CUT], &st->cut) || !in_order(st))
		return false;
	st->oldest_ms = oldest(st, r->element[AT_OLDEST]);
	/* Redis itself tells this from version 7 on. */
	if (store_id_cmp(st->deleted, st->cut) < 0)
		st->deleted = st->cut;
	return true;
}

void
redis_state_reject(struct redis_link *l, const redisReply *r)
{
	if (r->type == REDIS_REPLY_ERROR)
		redis_link_refused(l, r);
	else
		redis_link_fail(l, "%s", redis_state_why(r));
}

bool
redis_put_state(struct redis *rs, struct redis_link *l, struct store_id mark)
{
	const char *argv[REDIS_HEAD + 1];
	char id[STORE_ID_SIZE];

	redis_head(argv, rs->url, "EVALSHA", l->sha);
	argv[REDIS_HEAD] = id;
	redis_id_print(mark, id);
	return redis_link_put(l, REDIS_HEAD + 1, argv, NULL);
}

/* An entry that we saw is not there, and was neither trimmed nor deleted. */
static bool
mark_lost(const struct redis_state *st, struct store_id mark)
{
	if (st->marked || (mark.hi == 0 && mark.lo == 0) || st->length == 0)
		return false;
	return store_id_cmp(st->first, mark) < 0 &&
	       store_id_cmp(st->deleted, mark) < 0;
}

/*
 * The copy of a log has numbers, as SQLite gives them, and after a restore the
 * same number may be that of another entry.  Then it has another time.
 */
static bool
mark_is_other(
    const struct redis *rs, const struct redis_state *st, struct store_id mark)
{
	return mark.hi == 0 && store_id_cmp(mark, rs->mark) == 0 &&
	       rs->mark_ms != 0 && st->mark_ms != 0 &&
	       rs->mark_ms != st->mark_ms;
}

enum redis_verdict
redis_state_judge(const struct redis *rs, const struct redis_state *st,
    struct store_id floor, struct store_id mark)
{
	if (st->log_id[0] == '\0')
		return LOG_NONE;
	if (strcmp(st->log_id, rs->base.log_id) != 0 ||
	    store_id_cmp(st->last, floor) < 0 || mark_lost(st, mark) ||
	    mark_is_other(rs, st, mark))
		return LOG_OTHER;
	return LOG_SAME;
}

static void
note_size(struct redis *rs, const struct redis_state *st)
{
	rs->base.size = (struct store_size){
	    .known = true,
	    .rows = st->length,
	    .keep_rows = st->keep_rows,
	    .keep_age_ms = st->keep_age_ms,
	    .oldest_ms = st->oldest_ms,
	};
}

void
redis_state_note(
    struct redis *rs, const struct redis_state *st, struct store_id mark)
{
	if (store_id_cmp(mark, rs->mark) == 0 && st->mark_ms != 0)
		rs->mark_ms = st->mark_ms;
	if (store_id_cmp(rs->newest, st->last) < 0)
		rs->newest = st->last;
	if (store_id_cmp(rs->base.revoked, st->revoked) < 0)
		rs->base.revoked = st->revoked;
	if (rs->ok_ms < st->time_ms)
		rs->ok_ms = st->time_ms;
	if (rs->cuts < st->cuts) {
		rs->cuts = st->cuts;
		rs->cut = st->cut;
	}
	rs->last = st->last;
	rs->entry = st->entry;
	rs->deleted = st->deleted;
	rs->start = redis_state_floor(st);
	note_size(rs, st);
}

void
redis_state_adopt(struct redis *rs, const struct redis_state *st)
{
	memcpy(rs->base.log_id, st->log_id, sizeof(rs->base.log_id));
	rs->newest = rs->known = rs->known_before = rs->told = st->last;
	rs->mark = st->entry;
	rs->mark_ms = 0;
	rs->base.revoked = rs->revoked_known = st->revoked;
	rs->added = st->added;
	rs->counted = st->added >= 0;
	rs->ok_ms = st->time_ms;
	rs->last = st->last;
	rs->entry = st->entry;
	rs->deleted = st->deleted;
	rs->start = redis_state_floor(st);
	rs->base.cuts = rs->cuts = st->cuts;
	rs->cut = st->cut;
	rs->number = (struct store_id){0, 0};
	rs->served.is = false;
	note_size(rs, st);
	redis_newest_begin(rs);
}

struct store_id
redis_state_floor(const struct redis_state *st)
{
	return st->length > 0 ? store_id_before(st->first) : st->last;
}

/*
 * Ids skip, so a place before the oldest entry need not mean a loss.  If all
 * that is gone was removed by our pruning, we know how far that went.  Else
 * anything before the oldest entry may have been lost.
 */
bool
redis_state_whole(const struct redis_state *st, struct store_id id)
{
	int64_t gone = st->added - st->length;

	if (store_id_cmp(redis_state_floor(st), id) <= 0)
		return true;
	if (st->added < 0) /* before version 7 Redis does not count */
		return false;
	if (gone == 0)
		return true;
	return st->pruned_gone == gone && store_id_cmp(st->pruned, id) <= 0;
}

/*
 * An entry that is not there was removed, or this log never had it.  Pruning
 * notes how far it went; of what others removed it is known only that it was
 * trimmed from the front, or the newest that was deleted.  The copy of a log
 * has what was removed there in the place of that (copy.c), though it never had
 * those entries.
 */
bool
redis_state_removed(const struct redis_state *st, struct store_id id)
{
	int64_t gone = st->added - st->length;

	if (store_id_cmp(id, st->deleted) <= 0)
		return true;
	if (gone == 0 && st->added >= 0)
		return false;
	return st->added >= 0 && st->pruned_gone == gone
		   ? store_id_cmp(id, st->pruned) <= 0
		   : store_id_cmp(id, redis_state_floor(st)) <= 0;
}
