/*
 * seek.c - finding the place where a reader is to start.
 *
 * Every answer says where the log begins and ends.  A uid, a time or the
 * newest few of some topics are looked for by a script in Redis, so the
 * entries that are passed over need not come here.  Nothing but time has an
 * index there that helps: the other two go back through the newest entries.
 *
 * An id that a client came back with has to be that of an entry.  If the entry
 * is not there and cannot have been removed, the id is from another log, or
 * from a part of this one that was lost: the client is told so.
 */
#include <string.h>

#include "store/redis/words.h"

enum {
	TOPICS_MAX = 512
};

/*
 * Asks for the next step back through the log.  What is looked for goes first;
 * a topic goes as `=topic', a prefix as `^prefix'.
 */
static const struct redis_ask *
ask_back(struct redis *rs, const struct store_seek *seek)
{
	bool uid = seek->from == STORE_FROM_UID;
	size_t n = seek->n < TOPICS_MAX ? seek->n : TOPICS_MAX;
	size_t size = 4 * REDIS_NUMBER_SIZE, i;
	char from[STORE_ID_SIZE + 1] = "+";
	struct redis_words w;

	for (i = 0; i < n; i++)
		size += seek->topics[i].len + 1;
	if (!redis_words_begin(&w, rs, "EVAL",
		uid ? redis_script_uid : redis_script_last, 3 + n, size))
		return NULL;
	if (seek->come.begun) {
		from[0] = '(';
		redis_id_print(seek->come.place, from + 1);
	}
	if (uid)
		redis_words_add(&w, seek->uid.s, seek->uid.len);
	else
		redis_words_number(&w, "%lld", (long long)seek->come.left);
	redis_words_add(&w, from, strlen(from));
	redis_words_number(&w, "%lld", seek->check != 0 ? 1 : REDIS_PASS);
	for (i = 0; i < n; i++) {
		const struct store_topic *t = &seek->topics[i];

		redis_words_marked(&w, t->prefix ? '^' : '=', t->name, t->len);
	}
	return redis_ask_words(rs, &w, ASK_SCAN);
}

/*
 * Goes back in steps, of which each takes Redis about a millisecond.  In all
 * it passes so many entries and not more: who asks for what is not there
 * cannot have the whole log searched.  If there are none of the newest, the
 * place is the end that the log had at the first step: what came since is new.
 * A uid that looks like a number with its check is most often none.  It is
 * looked for in the table of uids alone, in one step.
 * *st is the state of the log when STORE_UNKNOWN is returned.
 */
static enum store_result
seek_back(struct redis *rs, struct store_seek *seek, struct store_id *id,
    struct redis_state *st)
{
	const struct redis_ask *a;
	const redisReply *r;
	struct store_id found, place;
	bool uid = seek->from == STORE_FROM_UID;

	if (!seek->come.begun && !uid)
		seek->come.left =
		    seek->count < STORE_LAST_MAX ? seek->count : STORE_LAST_MAX;
	if ((a = ask_back(rs, seek)) == NULL)
		return redis_later(rs);
	r = a->answer;
	if (redis_id(r->element[0], &found))
		seek->come.found = uid ? found : store_id_before(found);
	else if (!seek->come.begun && !uid)
		seek->come.found = a->page.state.last;
	seek->come.left = (uint64_t)r->element[2]->integer;
	seek->come.passed += (uint64_t)r->element[3]->integer + 1;
	if (redis_id(r->element[1], &place) && seek->check == 0 &&
	    seek->come.passed < REDIS_PASS_ALL) {
		seek->come.begun = true;
		seek->come.place = place;
		return STORE_AGAIN;
	}
	*id = seek->come.found;
	if (!uid || id->hi != 0 || id->lo != 0)
		return STORE_OK;
	*st = a->page.state;
	*id = st->last;
	return STORE_UNKNOWN;
}

static const struct redis_ask *
ask_time(struct redis *rs, int64_t time_ms)
{
	struct redis_words w;

	if (!redis_words_begin(
		&w, rs, "EVAL", redis_script_time, 1, REDIS_NUMBER_SIZE))
		return NULL;
	redis_words_number(&w, "%lld", time_ms);
	return redis_ask_words(rs, &w, ASK_PLACE);
}

/* The place of an id in a log of this state. */
static enum store_result
judge_id(const struct redis_state *st, struct store_id want, bool whole,
    struct store_id *id)
{
	if (store_id_cmp(want, st->last) > 0) {
		*id = st->last;
		return STORE_UNKNOWN;
	}
	if (!whole && !redis_state_whole(st, want)) {
		*id = redis_state_floor(st);
		return STORE_GONE;
	}
	*id = want;
	return STORE_OK;
}

/* What the answer means; reply is that of the question, beside the state. */
static enum store_result
judge_place(const struct store_seek *seek, const struct redis_state *st,
    const redisReply *reply, struct store_id *id)
{
	struct store_id found;
	bool is = reply != NULL && redis_id(reply, &found);

	switch (seek->from) {
	case STORE_FROM_HEAD:
		*id = st->last;
		return STORE_OK;
	case STORE_FROM_FIRST:
		*id = redis_state_floor(st);
		return STORE_OK;
	case STORE_FROM_ID:
		return judge_id(st, seek->id, false, id);
	case STORE_FROM_TIME:
		*id = is ? found : redis_state_floor(st);
		return STORE_OK;
	case STORE_FROM_UID: /* seek_back */
	case STORE_FROM_LAST:
		break;
	}
	return STORE_ERROR;
}

/* --- an id -------------------------------------------------------------- */

/*
 * The place of an id of which the log is not asked whether it has it.  The
 * state that is at hand may have been asked for by another request, before this
 * id was given.  A client that has the id from another responder must not be
 * told that there is no such place.  So before that is said the log is asked
 * about the id: the answer to that is younger than the id.
 */
static enum store_result
seek_known(struct redis *rs, const struct store_seek *seek, struct store_id *id)
{
	char name[STORE_ID_SIZE];
	const char *argv[] = {"XRANGE", rs->url->key[KEY_EVENTS], name, name};
	const struct redis_ask *a = redis_ask_state(rs);
	enum store_result r;

	if (a == NULL)
		return redis_later(rs);
	r = judge_place(seek, &a->page.state, NULL, id);
	if (r != STORE_UNKNOWN)
		return r;
	redis_id_print(seek->id, name);
	a = redis_ask_command(rs, ASK_ENTRY, 4, argv, NULL);
	return a == NULL ? redis_later(rs)
			 : judge_place(seek, &a->page.state, NULL, id);
}

/* Is it one of the newest entries, which news brought?  Then no need to ask. */
static const redisReply *
find_new(const struct redis *rs, struct store_id id)
{
	const redisReply *es = rs->tail.entries;
	struct store_id at;
	size_t i;

	if (es == NULL || store_id_cmp(id, rs->tail.after) <= 0)
		return NULL;
	for (i = es->elements; i > 0; i--)
		if (redis_id(es->element[i - 1]->element[0], &at) &&
		    store_id_cmp(at, id) <= 0)
			return store_id_cmp(at, id) == 0 ? es->element[i - 1]
							 : NULL;
	return NULL;
}

/*
 * An id whose entry is not there.  Places that are told to clients and are no
 * entry are those just before one, and the end of a log that was emptied.
 */
static enum store_result
judge_missing(const struct redis_state *st, const struct store_seek *seek,
    const struct redis_entry *e, struct store_id *id)
{
	bool is_place =
	    seek->check == 0 &&
	    (store_id_cmp(seek->id, st->last) == 0 ||
		(e->has_next &&
		    store_id_cmp(store_id_before(e->next), seek->id) == 0));

	if (is_place || redis_state_removed(st, seek->id))
		return judge_id(st, seek->id, false, id);
	*id = st->last;
	return STORE_UNKNOWN;
}

/* An id of Redis that a client came back with. */
static enum store_result
seek_entry(struct redis *rs, const struct store_seek *seek, struct store_id *id)
{
	const struct redis_entry *e;

	if (store_id_cmp(seek->id, rs->mark) == 0 ||
	    find_new(rs, seek->id) != NULL)
		return seek_known(rs, seek, id);
	if ((e = redis_entry(rs, seek->id)) == NULL)
		return redis_later(rs);
	if (store_id_cmp(seek->id, e->state.last) > 0)
		return seek_known(rs, seek, id); /* it may have come since */
	return e->is ? judge_id(&e->state, seek->id, false, id)
		     : judge_missing(&e->state, seek, e, id);
}

/*
 * A number with its check, in a log that was copied from SQLite: the entry has
 * to be the one that the check was made of.  Else the whole text may be the uid
 * of an event, which is looked for before anything else is said of it.  If the
 * table has the uid and the entry is gone (come.left is 1), it was one.
 */
static enum store_result
seek_checked(struct redis *rs, struct store_seek *seek, struct store_id *id)
{
	struct store_seek uid = *seek;
	struct redis_entry none = {.is = false};
	const struct redis_entry *e;
	struct redis_state st = {.length = 0};
	enum store_result r;

	if (!seek->come.by_uid) {
		if ((e = redis_entry(rs, seek->id)) == NULL)
			return redis_later(rs);
		if (e->is &&
		    store_id_check(seek->id, e->time_ms) == seek->check) {
			rs->number = seek->id;
			rs->number_ms = e->time_ms;
			return judge_id(&e->state, seek->id, false, id);
		}
		seek->come.other = e->is;
		seek->come.by_uid = true;
	}
	uid.from = STORE_FROM_UID;
	uid.come = seek->come;
	r = seek_back(rs, &uid, id, &st);
	seek->come = uid.come;
	return r == STORE_UNKNOWN && !seek->come.other && seek->come.left == 0
		   ? judge_missing(&st, seek, &none, id)
		   : r;
}

static enum store_result
seek_id(struct redis *rs, struct store_seek *seek, struct store_id *id)
{
	if (seek->check != 0)
		return seek_checked(rs, seek, id);
	return seek->named && seek->id.hi != 0 ? seek_entry(rs, seek, id)
					       : seek_known(rs, seek, id);
}

/* --- any place ---------------------------------------------------------- */

static enum store_result
seek_from(struct redis *rs, struct store_seek *seek, struct store_id *id)
{
	const struct redis_ask *a;
	struct redis_state st;

	if (rs->base.log_id[0] == '\0')
		return redis_later(rs);
	if (seek->from == STORE_FROM_ID && !seek->named && rs->served.is &&
	    store_id_cmp(seek->id, rs->served.after) == 0) {
		rs->served.is = false;
		return judge_id(
		    &rs->served.state, seek->id, rs->served.whole, id);
	}
	switch (seek->from) {
	case STORE_FROM_UID:
	case STORE_FROM_LAST:
		if (seek->from == STORE_FROM_UID || seek->count > 0)
			return seek_back(rs, seek, id, &st);
		return seek_from(
		    rs, &(struct store_seek){.from = STORE_FROM_HEAD}, id);
	case STORE_FROM_TIME:
		a = ask_time(rs, seek->time_ms);
		break;
	case STORE_FROM_ID:
		return seek_id(rs, seek, id);
	default:
		a = redis_ask_state(rs);
	}
	return a == NULL ? redis_later(rs)
			 : judge_place(seek, &a->page.state, a->answer, id);
}

/* Who is told that a place is gone knows of all cuts, too. */
enum store_result
redis_seek(struct store *store, struct store_seek *seek, struct store_id *id)
{
	struct redis *rs = redis_of(store);
	enum store_result r = seek_from(rs, seek, id);

	if (r == STORE_OK &&
	    (seek->from == STORE_FROM_ID || seek->from == STORE_FROM_UID))
		return redis_find_cut(rs, seek, *id);
	if (r != STORE_LATER && r != STORE_AGAIN)
		rs->base.cuts = rs->cuts;
	return r;
}

/* What is known without asking; of a number, its time has to be known, too. */
bool
redis_place(struct store *store, struct store_id *id, int64_t *time_ms)
{
	struct redis *rs = redis_of(store);
	struct store_id at = *id;
	const redisReply *entry;
	struct store_event ev;

	if (store_id_cmp(at, rs->last) == 0 &&
	    (rs->entry.hi > 0 || rs->entry.lo > 0))
		at = rs->entry;
	if (at.hi == 0) {
		entry = find_new(rs, at);
		if (entry != NULL && redis_event(entry, 0, &ev))
			*time_ms = ev.time_ms;
		else if (at.lo != 0 && store_id_cmp(at, rs->number) == 0)
			*time_ms = rs->number_ms;
		else
			return false;
	}
	*id = at;
	return true;
}
