/*
 * newest.c - the newest entry of each topic, as far as this process saw it.
 *
 * Every entry goes by here, with the news or in a page.  Of each the table has
 * the topic, as two hashes, and whether the topic ended with it.  So of a topic
 * that was written to of late nobody need ask Redis; and an answer of Redis
 * that is older than an entry which a stream has had is set right by the table.
 *
 * The table is bounded: it has two halves, and when the newer one is full the
 * older one is forgotten.  It has all entries after the place `low', and may
 * have newer ones than the news has told of yet.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "store/hash.h"
#include "store/redis/redis.h"

enum {
	HALF_FIRST = 256, /* places at first... */
	HALF_MAX = 16384  /* ...and at most; one in two is taken */
};

static void
free_half(struct redis_half *h)
{
	free(h->at);
	memset(h, 0, sizeof(*h));
}

void
redis_newest_free(struct redis *rs)
{
	free_half(&rs->topics.now);
	free_half(&rs->topics.before);
}

/* Nothing is known of what was written before the last news. */
void
redis_newest_begin(struct redis *rs)
{
	struct redis_newest *t = &rs->topics;

	redis_newest_free(rs);
	t->low = t->middle = rs->known;
	t->passed = 0;
	while (t->seed[0] == 0 || t->seed[1] == 0)
		if (getrandom(t->seed, sizeof(t->seed), 0) == -1)
			t->seed[0] = t->seed[1] = (uint64_t)random() | 1;
}

struct redis_topic
redis_newest_key(const struct redis *rs, struct store_text topic)
{
	const uint64_t *seed = rs->topics.seed;

	return (struct redis_topic){
	    store_hash(STORE_HASH_BEGIN ^ seed[0], topic.s, topic.len),
	    store_hash(STORE_HASH_BEGIN + seed[1], topic.s, topic.len)};
}

static bool
is_key(struct redis_topic a, struct redis_topic b)
{
	return a.a == b.a && a.b == b.b;
}

/* The place of a key: where it is, or where it may go.  NULL: no places. */
static struct redis_fact *
place_of(const struct redis_half *h, struct redis_topic key)
{
	size_t i = (size_t)(key.a ^ key.a >> 32);

	if (h->size == 0)
		return NULL;
	while (h->at[i & (h->size - 1)].is &&
	       !is_key(h->at[i & (h->size - 1)].key, key))
		i++;
	return &h->at[i & (h->size - 1)];
}

static struct redis_fact *
find_in(const struct redis_half *h, struct redis_topic key)
{
	struct redis_fact *f = place_of(h, key);

	return f != NULL && f->is ? f : NULL;
}

struct redis_fact *
redis_newest_find(const struct redis *rs, struct redis_topic key)
{
	struct redis_fact *f = find_in(&rs->topics.now, key);

	return f != NULL ? f : find_in(&rs->topics.before, key);
}

/* Sees that there is room for one more.  False: it is full. */
static bool
grow(struct redis_half *h)
{
	struct redis_half more = {
	    .size = h->size == 0 ? HALF_FIRST : 2 * h->size, .n = h->n};
	size_t i;

	if (h->n < h->size / 2)
		return true;
	if (more.size > HALF_MAX)
		return false;
	more.at = calloc(more.size, sizeof(*more.at));
	if (more.at == NULL)
		return false;
	for (i = 0; i < h->size; i++)
		if (h->at[i].is)
			*place_of(&more, h->at[i].key) = h->at[i];
	free_half(h);
	*h = more;
	return true;
}

/* The newer half is full.  What is new from now on has a half of its own. */
static void
turn_over(struct redis *rs)
{
	struct redis_newest *t = &rs->topics;

	if (t->before.n > 0)
		t->low = t->middle;
	t->middle = rs->known;
	free_half(&t->before);
	t->before = t->now;
	memset(&t->now, 0, sizeof(t->now));
	t->passed = REDIS_PASS_ALL;
}

static struct redis_fact *
add_to(struct redis_half *h, struct redis_topic key)
{
	struct redis_fact *f = place_of(h, key);

	if (!f->is)
		h->n++;
	*f = (struct redis_fact){.key = key, .is = true};
	return f;
}

struct redis_fact *
redis_newest_note(
    struct redis *rs, struct redis_topic key, struct store_id id, bool ended)
{
	const struct redis_fact *have = redis_newest_find(rs, key);
	struct redis_fact *f;

	if (have != NULL && store_id_cmp(have->id, id) > 0)
		return NULL;
	if (!grow(&rs->topics.now))
		turn_over(rs);
	if (!grow(&rs->topics.now)) {
		redis_newest_begin(rs); /* no memory */
		return NULL;
	}
	f = add_to(&rs->topics.now, key);
	f->id = id;
	f->ended = ended;
	return f;
}

bool
redis_newest_older(
    struct redis *rs, struct redis_topic key, struct store_id id, bool ended)
{
	struct redis_newest *t = &rs->topics;
	struct redis_half *h = t->before.n > 0 ? &t->before : &t->now;
	struct redis_fact *f;

	if (redis_newest_find(rs, key) != NULL)
		return true;
	if (!grow(h))
		return false;
	f = add_to(h, key);
	f->id = id;
	f->ended = ended;
	return true;
}

/* Of an entry that was too long its topic may not have come: then nothing. */
static void
note_entry(struct redis *rs, const redisReply *entry)
{
	const redisReply *f = entry->element[1];
	struct store_text topic = {NULL, 0};
	struct store_event ev = {.event = {NULL, 0}};
	size_t i;

	for (i = 0; i + 1 < f->elements; i += 2) {
		const redisReply *v = f->element[i + 1];

		if (strcmp(f->element[i]->str, "topic") == 0)
			topic = (struct store_text){v->str, v->len};
		else if (strcmp(f->element[i]->str, "event") == 0)
			ev.event = (struct store_text){v->str, v->len};
	}
	if (topic.s == NULL && entry->elements > 2)
		return;
	if (topic.s == NULL)
		topic = (struct store_text){"main", 4};
	redis_id(entry->element[0], &ev.id);
	redis_newest_note(
	    rs, redis_newest_key(rs, topic), ev.id, store_is_end(&ev));
}

void
redis_newest_entries(
    struct redis *rs, const redisReply *entries, struct store_id after)
{
	struct store_id last;
	size_t i;

	if (entries->elements == 0 ||
	    !redis_id(
		entries->element[entries->elements - 1]->element[0], &last) ||
	    store_id_cmp(last, after) <= 0)
		return;
	for (i = 0; i < entries->elements; i++)
		note_entry(rs, entries->element[i]);
}
