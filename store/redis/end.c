/*
 * end.c - has a topic ended?
 *
 * Redis has no index by topic.  So those who add events keep a hash of the
 * topics that have ended (LUA_ENDED).  It is true up to an entry, and entries
 * that XADD added since are gone back through, but not more than so many: what
 * an older one says is not known, and the topic has not ended until somebody
 * adds events or prunes, and so brings the hash up to date.
 *
 * newest.c has what came since this process began.  What Redis answers goes
 * there, too: it holds until an entry of the topic comes.  Streams open by the
 * thousand, so the topics that are wanted in one turn go in few questions.
 */
#include <stdlib.h>
#include <string.h>

#include "store/clock.h"
#include "store/redis/words.h"

enum {
	WISHES = 4096, /* topics that are asked for at one time */
	TRIES = 16,    /* places of the table where a topic may be */
	BATCH = 256,   /* that one question asks for, ... */
	BYTES = 65536, /* ...and how long they may be */
	KNOWN_MS = 250
};

/* A topic that somebody asked for. */
struct wish {
	char *topic; /* NULL: free */
	size_t len;
	struct redis_topic key;
	struct store_id end; /* as the table has it, or 0 */
	bool asked;
	uint64_t order; /* of the question, and the place in that */
	size_t index;
	int64_t asked_ms;
};

struct redis_wishes {
	struct wish at[WISHES];
};

static bool
is_none(struct store_id id)
{
	return id.hi == 0 && id.lo == 0;
}

static void
free_wish(struct wish *w)
{
	free(w->topic);
	memset(w, 0, sizeof(*w));
}

void
redis_ends_forget(struct redis *rs)
{
	size_t i;

	for (i = 0; rs->wishes != NULL && i < WISHES; i++)
		free(rs->wishes->at[i].topic);
	free(rs->wishes);
	rs->wishes = NULL;
}

/* --- wanting ------------------------------------------------------------ */

/* The topic's place in the table, or one that is free; NULL: none is. */
static struct wish *
find_wish(struct redis *rs, struct redis_topic key, int64_t now)
{
	struct wish *w, *free = NULL;
	size_t i;

	for (i = 0; i < TRIES; i++) {
		w = &rs->wishes->at[((size_t)(key.b >> 32) + i) % WISHES];
		if (w->topic != NULL && now - w->asked_ms > REDIS_SILENT_MS)
			free_wish(w);
		if (w->topic == NULL)
			free = free == NULL ? w : free;
		else if (w->key.a == key.a && w->key.b == key.b)
			return w;
	}
	return free;
}

/* Wants it to be asked, if that is not done yet. */
static void
want(struct redis *rs, struct store_text topic, struct redis_topic key,
    struct store_id end)
{
	int64_t now = clock_steady_ms();
	struct wish *w;

	if (rs->wishes == NULL)
		rs->wishes = calloc(1, sizeof(*rs->wishes));
	if (rs->wishes == NULL || (w = find_wish(rs, key, now)) == NULL)
		return;
	if (w->topic == NULL) {
		if ((w->topic = malloc(topic.len + 1)) == NULL)
			return;
		memcpy(w->topic, topic.s, topic.len);
		w->len = topic.len;
		w->key = key;
		w->end = end;
		w->asked_ms = now;
	}
	if (!w->asked) {
		w->asked_ms = now;
		redis_ask_batch(rs, ASK_ENDS);
	}
}

/* --- the question ------------------------------------------------------- */

static void
put_wish(struct redis_words *words, const struct wish *w)
{
	if (is_none(w->end))
		redis_words_add(words, "", 0);
	else
		redis_words_id(words, w->end);
	redis_words_add(words, w->topic, w->len);
}

/* Puts the question together, as it is sent.  False: there is none. */
bool
redis_ends_put(struct redis *rs, struct redis_ask *a)
{
	const struct redis_newest *t = &rs->topics;
	struct redis_words words;
	size_t bytes = 0;
	struct wish *w;

	a->rows = 0;
	a->page.after = t->low;
	a->page.upto = rs->told;
	if (rs->wishes == NULL ||
	    !redis_words_begin(&words, rs, "EVAL", redis_script_ends,
		3 + 2 * BATCH, (3 + BATCH) * STORE_ID_SIZE))
		return false;
	redis_words_id(&words, rs->told);
	redis_words_id(&words, t->low);
	redis_words_number(
	    &words, "%lld", t->passed < REDIS_PASS_ALL ? REDIS_PASS : 0);
	for (w = rs->wishes->at; w < rs->wishes->at + WISHES; w++) {
		if (w->topic == NULL || w->asked ||
		    (a->rows > 0 && bytes + w->len > BYTES))
			continue;
		w->asked = true;
		w->order = a->order;
		w->index = a->rows++;
		bytes += w->len;
		put_wish(&words, w);
		if (a->rows == BATCH)
			break;
	}
	if (a->rows > 0)
		return redis_ask_set(a, &words);
	redis_words_free(&words);
	return false;
}

/* --- the answer --------------------------------------------------------- */

/*
 * Entries that XADD added.  Those that news has not told of yet come first, and
 * then those from before the table began.  False: there is no room for all.
 */
static bool
take_passed(struct redis *rs, const redisReply *passed, struct store_id told)
{
	bool room = true;
	size_t i;

	for (i = 0; i + 1 < passed->elements; i += 2) {
		const redisReply *topic = passed->element[i + 1];
		struct redis_topic key = redis_newest_key(
		    rs, (struct store_text){topic->str + 1, topic->len - 1});
		struct store_id id = {0, 0};
		bool ended = topic->str[0] == '!';

		redis_id(passed->element[i], &id);
		if (store_id_cmp(id, told) > 0)
			redis_newest_note(rs, key, id, ended);
		else
			room = redis_newest_older(rs, key, id, ended) && room;
	}
	return room;
}

/* How far back does the table go now? */
static void
take_reached(struct redis *rs, const redisReply *reached, bool room)
{
	struct redis_newest *t = &rs->topics;
	struct store_id id = t->upto;

	t->passed = room ? t->passed + REDIS_PASS : REDIS_PASS_ALL;
	redis_id(reached, &id);
	if (room && store_id_cmp(id, t->low) < 0)
		t->low = id;
}

/*
 * What is known of a topic by an answer, and by what came until now.  What the
 * hash says may be old, as long as the table does not go back to there.
 */
static struct redis_fact *
judge_end(struct redis *rs, const struct wish *w, const redisReply *r)
{
	const struct redis_newest *t = &rs->topics;
	struct redis_fact *have = redis_newest_find(rs, w->key);
	struct store_id end = {0, 0};
	bool ended = (store_id_cmp(t->upto, t->low) >= 0 || !is_none(w->end)) &&
		     redis_id(r, &end);

	if (have == NULL || store_id_cmp(end, have->id) > 0)
		return redis_newest_note(rs, w->key, end, ended);
	/* It is gone, or the topic is open again. */
	if (have->ended && store_id_cmp(end, have->id) != 0 &&
	    (store_id_cmp(have->id, t->upto) <= 0 ||
		store_id_cmp(have->id, w->end) == 0))
		have->ended = false;
	return have;
}

static bool
take_end(struct redis *rs, const struct wish *w, const struct redis_ask *a,
    const redisReply *r)
{
	const struct redis_newest *t = &rs->topics;
	struct redis_fact *f = judge_end(rs, w, r);
	bool sure = store_id_cmp(t->upto, t->low) >= 0;

	if (f == NULL ||
	    (!sure && is_none(f->id) && t->passed < REDIS_PASS_ALL))
		return false;
	f->unsure = !sure && is_none(f->id);
	f->upto = a->page.state.last;
	f->told_ms = clock_steady_ms();
	return true;
}

/* Takes the answer.  What could not be told yet is asked again. */
void
redis_ends_take(struct redis *rs, const struct redis_ask *a)
{
	const redisReply *r = a->answer, *ends = r->element[4];
	struct redis_newest *t = &rs->topics;
	bool all = r->element[1]->integer == 0, more = false, room;
	size_t i;

	redis_id(r->element[0], &t->upto);
	room = take_passed(rs, r->element[3], a->page.upto);
	if (store_id_cmp(a->page.after, t->low) == 0 &&
	    store_id_cmp(t->upto, t->low) < 0 && t->passed < REDIS_PASS_ALL)
		take_reached(rs, r->element[2], room);
	for (i = 0; rs->wishes != NULL && i < WISHES; i++) {
		struct wish *w = &rs->wishes->at[i];

		if (w->topic == NULL || !w->asked || w->order != a->order)
			continue;
		if (all && w->index < ends->elements &&
		    take_end(rs, w, a, ends->element[w->index])) {
			free_wish(w);
			continue;
		}
		w->asked = false;
		more = true;
	}
	if (more)
		redis_ask_batch(rs, ASK_ENDS);
}

/* --- the engine's function ---------------------------------------------- */

/*
 * Does the table say all?  News may be behind the place where a stream begins.
 * An end that may have been deleted since has to be looked for.
 */
static bool
is_sure(const struct redis *rs, const struct redis_fact *f)
{
	if (store_id_cmp(rs->told, rs->newest) < 0 &&
	    store_id_cmp(f->upto, rs->newest) < 0)
		return false;
	if (!f->unsure && (!f->ended || store_id_cmp(f->id, rs->deleted) > 0 ||
			      store_id_cmp(f->id, rs->start) <= 0))
		return true;
	return clock_steady_ms() - f->told_ms <= KNOWN_MS;
}

/* The topic of an end that was pruned has no entries. */
enum store_result
redis_end_of(struct store *store, struct store_text topic, struct store_id *end)
{
	struct redis *rs = redis_of(store);
	struct redis_topic key = redis_newest_key(rs, topic);
	const struct redis_fact *f;

	if (rs->base.log_id[0] == '\0')
		return redis_later(rs);
	f = redis_newest_find(rs, key);
	if (f == NULL || !is_sure(rs, f)) {
		want(rs, topic, key,
		    f != NULL && f->ended ? f->id : (struct store_id){0, 0});
		return redis_later(rs);
	}
	*end = f->ended && store_id_cmp(f->id, rs->start) > 0
		   ? f->id
		   : (struct store_id){0, 0};
	return STORE_OK;
}
