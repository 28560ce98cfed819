/*
 * cuts.c - topics of which entries in the middle of the log were removed.
 *
 * A run that has ended may be pruned while older entries of other topics stay.
 * The log notes up to which entry it went: that is a cut.  A client of the
 * topic that comes back from before the cut is told so, and clients of other
 * topics are not.  A hash has the newest cut of each topic, with its number:
 * cuts are numbered as they are made, so who knows of some finds those that are
 * newer.  How many there are and the newest id of all goes with the state of
 * the log: so Redis is asked only for a place that is older than that.
 *
 * What somebody takes out with XDEL is no cut: nobody notes it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/redis/words.h"

/* --- asking --------------------------------------------------------------- */

static const struct redis_ask *
ask_cut(struct redis *rs, const struct store_seek *seek, struct store_id place)
{
	size_t size = 2 * REDIS_NUMBER_SIZE, i;
	struct redis_words w;

	for (i = 0; i < seek->n; i++)
		size += seek->topics[i].len + 1;
	if (!redis_words_begin(
		&w, rs, "EVAL", redis_script_cut, 2 + seek->n, size))
		return NULL;
	redis_words_id(&w, place);
	redis_words_number(&w, "%lld", (long long)seek->cuts);
	for (i = 0; i < seek->n; i++)
		redis_words_marked(&w, seek->topics[i].prefix ? '^' : '=',
		    seek->topics[i].name, seek->topics[i].len);
	return redis_ask_words(rs, &w, ASK_CUT);
}

/*
 * Who is told of a cut may not get entries after that which are gone: pages
 * from before are forgotten.
 */
static enum store_result
tell_cut(struct redis *rs, uint64_t cuts)
{
	struct redis_ask *a;

	for (a = rs->ask; a < rs->ask + REDIS_ASKS; a++)
		if (a->kind == ASK_PAGE && a->stage == ASK_DONE &&
		    a->page.state.cuts < cuts)
			redis_ask_free(rs, a);
	if (rs->tail.state.cuts < cuts)
		redis_page_free(&rs->tail);
	rs->base.cuts = cuts;
	return STORE_GONE;
}

/* What the reader knows from now on is what was judged by. */
enum store_result
redis_find_cut(
    struct redis *rs, const struct store_seek *seek, struct store_id place)
{
	const struct redis_ask *a;

	if (rs->cuts <= seek->cuts || store_id_cmp(place, rs->cut) >= 0) {
		rs->base.cuts = rs->cuts;
		return STORE_OK;
	}
	if (seek->n == 0 && seek->cuts == 0)
		return tell_cut(rs, rs->cuts);
	if ((a = ask_cut(rs, seek, place)) == NULL)
		return redis_later(rs);
	if (a->answer->integer != 0)
		return tell_cut(rs, a->page.state.cuts);
	rs->base.cuts = a->page.state.cuts;
	return STORE_OK;
}

/* --- pruning -------------------------------------------------------------- */

/* Takes the place to go on from, or none.  False: it is no such thing. */
static bool
take_at(const redisReply *r, char *at, size_t size)
{
	if (r->type == REDIS_REPLY_NIL) {
		*at = '\0';
		return true;
	}
	if (r->type != REDIS_REPLY_STRING || r->len == 0 || r->len >= size)
		return false;
	snprintf(at, size, "%s", r->str);
	return true;
}

static int64_t
refuse_answer(const struct redis_once *o, char *why, size_t size)
{
	snprintf(why, size, "%s: not an answer of Redis", o->url->shown);
	return -1;
}

/* The answer, of two parts of which one is a place; NULL and why. */
static redisReply *
prune_step(struct redis_once *o, const char *script, const char **argv,
    int argc, char *why, size_t size)
{
	redisReply *r = redis_once_script(o, script, argc, argv, why, size);

	if (r == NULL || (r->type == REDIS_REPLY_ARRAY && r->elements == 2))
		return r;
	freeReplyObject(r);
	refuse_answer(o, why, size);
	return NULL;
}

/* Finds the newest end that is due: 1 and upto, or 0: none is; or -1. */
static int
find_old_ends(struct redis_once *o, const char *limit, const char *pattern,
    char upto[STORE_ID_SIZE], char *why, size_t size)
{
	char at[24] = "0";
	const char *argv[] = {at, limit, pattern};
	struct store_id newest = {0, 0}, id;
	redisReply *r;
	bool is;

	do {
		r = prune_step(o, redis_script_due, argv, 3, why, size);
		if (r == NULL)
			return -1;
		is = take_at(r->element[0], at, sizeof(at)) && *at != '\0';
		if (redis_id(r->element[1], &id) &&
		    store_id_cmp(newest, id) < 0)
			newest = id;
		freeReplyObject(r);
		if (!is)
			return (int)refuse_answer(o, why, size);
	} while (strcmp(at, "0") != 0);
	redis_id_print(newest, upto);
	return newest.hi != 0 || newest.lo != 0;
}

/* Goes through the entries up to there, and removes those that are due. */
static int64_t
remove_due(struct redis_once *o, const char *limit, const char *pattern,
    const char *upto, char *why, size_t size)
{
	char at[STORE_ID_SIZE + 1] = "-";
	const char *argv[] = {at, limit, pattern, upto};
	int64_t removed = 0;
	redisReply *r;
	bool is;

	while (*at != '\0') {
		r = prune_step(o, redis_script_prune_ended, argv, 4, why, size);
		if (r == NULL)
			return -1;
		is = r->element[0]->type == REDIS_REPLY_INTEGER &&
		     take_at(r->element[1], at, sizeof(at));
		removed += r->element[0]->integer;
		freeReplyObject(r);
		if (!is)
			return refuse_answer(o, why, size);
	}
	return removed;
}

/* A pattern as the scripts take it, to be freed. */
static char *
mark_pattern(const char *topic)
{
	size_t len = strlen(topic);
	bool prefix = len > 0 && topic[len - 1] == '*';
	char *s;

	if (asprintf(&s, "%c%.*s", prefix ? '^' : '=',
		(int)(len - (prefix ? 1 : 0)), topic) == -1)
		return NULL;
	return s;
}

int64_t
redis_prune_ended(
    struct redis_once *o, const struct store_keep *keep, char *why, size_t size)
{
	int64_t now = clock_wall_ms(), removed = -1, limit;
	char *pattern = mark_pattern(keep->topic != NULL ? keep->topic : "*");
	char upto[STORE_ID_SIZE], text[24];

	limit = keep->age_ms < (uint64_t)now ? now - (int64_t)keep->age_ms : 0;
	snprintf(text, sizeof(text), "%lld", (long long)limit);
	if (pattern == NULL)
		snprintf(why, size, "out of memory");
	else
		removed = find_old_ends(o, text, pattern, upto, why, size);
	if (removed == 1)
		removed = remove_due(o, text, pattern, upto, why, size);
	free(pattern);
	return removed;
}
