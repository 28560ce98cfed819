/*
 * seek.c - finding the place where a reader is to start.
 *
 * Every answer says where the log begins and ends.  A uid, a time or the
 * newest few of some topics are looked for by a script in Redis, so the
 * entries that are passed over need not come here.  Nothing but time has an
 * index there that helps: the other two go back through the newest entries.
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
	redis_words_number(&w, "%lld", REDIS_PASS);
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
 */
static enum store_result
seek_back(struct redis *rs, struct store_seek *seek, struct store_id *id)
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
	if (redis_id(r->element[1], &place) &&
	    seek->come.passed < REDIS_PASS_ALL) {
		seek->come.begun = true;
		seek->come.place = place;
		return STORE_AGAIN;
	}
	*id = seek->come.found;
	if (!uid || id->hi != 0 || id->lo != 0)
		return STORE_OK;
	*id = a->page.state.last;
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

/*
 * The place of an id.  The state that is at hand may have been asked for by
 * another request, before this id was given.  A client that has the id from
 * another responder must not be told that there is no such place.  So before
 * that is said the id itself is asked about: the answer to that is younger
 * than the id.
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

enum store_result
redis_seek(struct store *store, struct store_seek *seek, struct store_id *id)
{
	struct redis *rs = redis_of(store);
	const struct redis_ask *a;

	if (rs->base.log_id[0] == '\0')
		return redis_later(rs);
	if (seek->from == STORE_FROM_ID && rs->served.is &&
	    store_id_cmp(seek->id, rs->served.after) == 0) {
		rs->served.is = false;
		return judge_id(
		    &rs->served.state, seek->id, rs->served.whole, id);
	}
	switch (seek->from) {
	case STORE_FROM_UID:
	case STORE_FROM_LAST:
		if (seek->from == STORE_FROM_UID || seek->count > 0)
			return seek_back(rs, seek, id);
		return redis_seek(
		    store, &(struct store_seek){.from = STORE_FROM_HEAD}, id);
	case STORE_FROM_TIME:
		a = ask_time(rs, seek->time_ms);
		break;
	case STORE_FROM_ID:
		return seek_known(rs, seek, id);
	default:
		a = redis_ask_state(rs);
	}
	return a == NULL ? redis_later(rs)
			 : judge_place(seek, &a->page.state, a->answer, id);
}
