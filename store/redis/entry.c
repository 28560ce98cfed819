/*
 * entry.c - are the entries there that clients come back with?
 *
 * After a restart thousands of clients may come back in one second, each with
 * an id of its own.  So the ids that are wanted in one turn are asked for by
 * one question.  What it answers is kept for a second, for all who come with
 * the same id.
 */
#include <stdlib.h>
#include <string.h>

#include "store/redis/words.h"

enum {
	ENTRIES = 512, /* ids that are asked for or known at one time */
	BATCH = 128,   /* that one question asks for */
	TRIES = 8,     /* places of the table where an id may be */
	KNOWN_MS = 1000
};

struct redis_entries {
	struct redis_entry at[ENTRIES];
};

static bool
is_stale(const struct redis_entry *e, int64_t now)
{
	return now - e->asked_ms >
	       (e->stage == ENTRY_KNOWN ? KNOWN_MS : REDIS_SILENT_MS);
}

/* The entry of this id in the table, or one that may be taken for it. */
static struct redis_entry *
find_entry(struct redis *rs, struct store_id id, int64_t now)
{
	uint64_t hash = (id.hi ^ (id.lo << 20)) * UINT64_C(0x9e3779b97f4a7c15);
	struct redis_entry *e, *free = NULL;
	size_t i;

	for (i = 0; i < TRIES; i++) {
		e = &rs->entries->at[((hash >> 32) + i) % ENTRIES];
		if (e->stage != ENTRY_FREE && store_id_cmp(e->id, id) == 0)
			return e;
		if (free == NULL &&
		    (e->stage == ENTRY_FREE || is_stale(e, now)))
			free = e;
	}
	/* Else one whose answer somebody has had. */
	for (i = 0; free == NULL && i < TRIES; i++) {
		e = &rs->entries->at[((hash >> 32) + i) % ENTRIES];
		if (e->stage == ENTRY_KNOWN && e->turn != rs->turn)
			free = e;
	}
	if (free != NULL)
		*free = (struct redis_entry){.stage = ENTRY_FREE, .id = id};
	return free;
}

const struct redis_entry *
redis_entry(struct redis *rs, struct store_id id)
{
	int64_t now = clock_steady_ms();
	struct redis_entry *e;

	if (rs->entries == NULL)
		rs->entries = calloc(1, sizeof(*rs->entries));
	if (rs->entries == NULL || (e = find_entry(rs, id, now)) == NULL)
		return NULL;
	if (e->stage == ENTRY_KNOWN && !is_stale(e, now)) {
		e->turn = rs->turn;
		return e;
	}
	if (e->stage == ENTRY_FREE || is_stale(e, now)) {
		e->stage = ENTRY_WANTED;
		e->asked_ms = now;
	}
	if (e->stage == ENTRY_WANTED)
		redis_ask_batch(rs, ASK_ENTRIES);
	return NULL;
}

/* Puts the question together, as it is sent.  False: there is none. */
bool
redis_entries_put(struct redis *rs, struct redis_ask *a)
{
	struct redis_entry *e;
	struct redis_words w;

	a->rows = 0;
	if (rs->entries == NULL ||
	    !redis_words_begin(&w, rs, "EVAL", redis_script_entries, BATCH,
		BATCH * STORE_ID_SIZE))
		return false;
	for (e = rs->entries->at;
	     e < rs->entries->at + ENTRIES && a->rows < BATCH; e++)
		if (e->stage == ENTRY_WANTED) {
			e->stage = ENTRY_ASKED;
			e->order = a->order;
			e->index = a->rows++;
			redis_words_id(&w, e->id);
		}
	if (a->rows > 0)
		return redis_ask_set(a, &w);
	redis_words_free(&w);
	return false;
}

/* Takes the answer.  What Redis had no time for is asked again. */
void
redis_entries_take(struct redis *rs, const struct redis_ask *a)
{
	const redisReply *r = a->answer;
	struct redis_entry *e;
	bool more = false;
	size_t at;

	if (rs->entries == NULL)
		return;
	for (e = rs->entries->at; e < rs->entries->at + ENTRIES; e++) {
		if (e->stage != ENTRY_ASKED || e->order != a->order)
			continue;
		at = 2 * e->index;
		if (at + 1 >= r->elements) {
			e->stage = ENTRY_WANTED;
			more = true;
			continue;
		}
		e->stage = ENTRY_KNOWN;
		e->asked_ms = clock_steady_ms();
		e->turn = rs->turn;
		e->state = a->page.state;
		e->next = (struct store_id){0, 0};
		e->has_next = redis_id(r->element[at], &e->next);
		e->is = e->has_next && store_id_cmp(e->next, e->id) == 0;
		e->time_ms =
		    redis_ms(r->element[at + 1]->type == REDIS_REPLY_STRING
				 ? (struct store_text){r->element[at + 1]->str,
				       r->element[at + 1]->len}
				 : (struct store_text){NULL, 0},
			e->next);
	}
	if (more)
		redis_ask_batch(rs, ASK_ENTRIES);
}

void
redis_entries_forget(struct redis *rs)
{
	free(rs->entries);
	rs->entries = NULL;
}
