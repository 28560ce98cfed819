/*
 * seek.c - finding the place where a reader is to start.
 *
 * Every answer says where the log begins and ends.  A uid, a time or the
 * newest few of some topics are looked for by a script in Redis, so the
 * entries that are passed over need not come here.
 */
#include <string.h>

#include "store/redis/words.h"

#define PASS_MAX "20000" /* entries that are gone through at most */

enum {
	TOPICS_MAX = 512
};

/* The newest count; a topic goes as `=topic', a prefix as `^prefix'. */
static const struct redis_ask *
ask_last(struct redis *rs, const struct store_seek *seek)
{
	uint64_t most = seek->count < 1000000 ? seek->count : 1000000;
	size_t n = seek->n < TOPICS_MAX ? seek->n : TOPICS_MAX;
	size_t size = REDIS_NUMBER_SIZE, i;
	struct redis_words w;

	for (i = 0; i < n; i++)
		size += seek->topics[i].len + 1;
	if (!redis_words_begin(&w, rs, "EVAL", redis_script_last, 2 + n, size))
		return NULL;
	redis_words_number(&w, "%lld", (long long)most);
	redis_words_add(&w, PASS_MAX, strlen(PASS_MAX));
	for (i = 0; i < n; i++) {
		const struct store_topic *t = &seek->topics[i];

		redis_words_marked(&w, t->prefix ? '^' : '=', t->name, t->len);
	}
	return redis_ask_words(rs, &w, true);
}

static const struct redis_ask *
ask_time(struct redis *rs, int64_t time_ms)
{
	struct redis_words w;

	if (!redis_words_begin(
		&w, rs, "EVAL", redis_script_time, 1, REDIS_NUMBER_SIZE))
		return NULL;
	redis_words_number(&w, "%lld", time_ms);
	return redis_ask_words(rs, &w, true);
}

static const struct redis_ask *
ask_uid(struct redis *rs, struct store_text uid)
{
	struct redis_words w;

	if (!redis_words_begin(&w, rs, "EVAL", redis_script_uid, 2, 1))
		return NULL;
	redis_words_add(&w, uid.s, uid.len);
	redis_words_add(&w, PASS_MAX, strlen(PASS_MAX));
	return redis_ask_words(rs, &w, true);
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
	case STORE_FROM_UID:
		*id = is ? found : st->last;
		return is ? STORE_OK : STORE_UNKNOWN;
	case STORE_FROM_LAST:
		*id = is ? store_id_before(found) : st->last;
		return STORE_OK;
	case STORE_FROM_TIME:
		*id = is ? found : redis_state_floor(st);
		return STORE_OK;
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
	a = redis_ask_command(rs, 4, argv, NULL, true);
	return a == NULL ? redis_later(rs)
			 : judge_place(seek, &a->page.state, NULL, id);
}

enum store_result
redis_seek(
    struct store *store, struct store_seek *seek, struct store_id *id)
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
		a = ask_uid(rs, seek->uid);
		break;
	case STORE_FROM_LAST:
		a = ask_last(rs, seek);
		break;
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
