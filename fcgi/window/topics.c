/*
 * topics.c - the topics that have listeners, and their subscriptions.
 */
#include <sys/random.h>

#include <stdlib.h>
#include <string.h>

#include "fcgi/window/topics.h"

enum {
	FIRST_SIZE = 64
};

int
topics_open(struct topics *ts)
{
	memset(ts, 0, sizeof(*ts));
	/* Names come from outside: nobody is to choose which ones collide. */
	if (getrandom(&ts->seed, sizeof(ts->seed), 0) != sizeof(ts->seed))
		ts->seed = 2166136261U;
	ts->topic_table = calloc(FIRST_SIZE, sizeof(*ts->topic_table));
	ts->sub_table = calloc(FIRST_SIZE, sizeof(*ts->sub_table));
	ts->topic_mask = ts->sub_mask = FIRST_SIZE - 1;
	return ts->topic_table == NULL || ts->sub_table == NULL ? -1 : 0;
}

static void
free_topic(struct topic *t)
{
	run_free(&t->run);
	free(t->subs);
	free(t);
}

static void
free_sub(struct sub *sub)
{
	free(sub->streams);
	free(sub);
}

void
topics_close(struct topics *ts)
{
	struct topic *t;
	struct sub *sub;
	uint32_t i;

	for (i = 0; ts->topic_table != NULL && i <= ts->topic_mask; i++)
		while ((t = ts->topic_table[i]) != NULL) {
			ts->topic_table[i] = t->next;
			free_topic(t);
		}
	for (i = 0; ts->sub_table != NULL && i <= ts->sub_mask; i++)
		while ((sub = ts->sub_table[i]) != NULL) {
			ts->sub_table[i] = sub->next;
			free_sub(sub);
		}
	free(ts->topic_table);
	free(ts->sub_table);
	free(ts->due);
	memset(ts, 0, sizeof(*ts));
}

static uint32_t
hash_bytes(uint32_t h, const void *bytes, size_t len)
{
	const unsigned char *p = bytes;

	for (; len > 0; len--)
		h = (h ^ *p++) * 16777619U;
	return h ^ h >> 15;
}

/* --- topics ------------------------------------------------------------- */

struct topic *
topics_find(const struct topics *ts, const char *name, size_t len, bool prefix)
{
	uint32_t h = hash_bytes(ts->seed + prefix, name, len);
	struct topic *t = ts->topic_table[h & ts->topic_mask];

	for (; t != NULL; t = t->next)
		if (t->hash == h && t->len == len && t->prefix == prefix &&
		    memcmp(t->name, name, len) == 0)
			return t;
	return NULL;
}

/* Twice the buckets once there are as many topics; failing is no harm. */
static void
grow_topics(struct topics *ts)
{
	uint32_t size = (ts->topic_mask + 1) * 2, i;
	struct topic **table, *t;

	if (ts->ntopics <= ts->topic_mask ||
	    (table = calloc(size, sizeof(*table))) == NULL)
		return;
	for (i = 0; i <= ts->topic_mask; i++)
		while ((t = ts->topic_table[i]) != NULL) {
			ts->topic_table[i] = t->next;
			t->next = table[t->hash & (size - 1)];
			table[t->hash & (size - 1)] = t;
		}
	free(ts->topic_table);
	ts->topic_table = table;
	ts->topic_mask = size - 1;
}

static struct topic *
make_topic(
    struct topics *ts, const struct request_topic *rt, struct store_id floor)
{
	struct topic *t = calloc(1, sizeof(*t) + rt->len), **bucket;

	if (t == NULL)
		return NULL;
	t->hash = hash_bytes(ts->seed + rt->prefix, rt->name, rt->len);
	t->len = (uint16_t)rt->len;
	t->prefix = rt->prefix;
	t->run.floor = floor;
	memcpy(t->name, rt->name, rt->len);
	ts->ntopics++;
	grow_topics(ts);
	bucket = &ts->topic_table[t->hash & ts->topic_mask];
	t->next = *bucket;
	*bucket = t;
	if (t->prefix)
		ts->prefixes[t->len]++;
	return t;
}

void
topics_drop(struct topics *ts, struct topic *t)
{
	struct topic **p = &ts->topic_table[t->hash & ts->topic_mask];

	if (t->nsubs > 0 || t->queued > 0)
		return;
	while (*p != t)
		p = &(*p)->next;
	*p = t->next;
	ts->ntopics--;
	if (t->prefix)
		ts->prefixes[t->len]--;
	free_topic(t);
}

/*
 * Finds or makes the topic for a new subscription.  If the topic has lost its
 * last listener, events were not added to it since: its run begins at floor.
 */
static struct topic *
want_topic(
    struct topics *ts, const struct request_topic *rt, struct store_id floor)
{
	struct topic *t = topics_find(ts, rt->name, rt->len, rt->prefix);

	if (t == NULL)
		t = make_topic(ts, rt, floor);
	else if (t->nsubs == 0)
		t->run.floor = floor;
	return t;
}

/* --- subscriptions ------------------------------------------------------ */

/* Does a prefix in the set cover the i-th topic? */
static bool
is_covered(const struct request_topic *rt, size_t n, size_t i)
{
	size_t j;

	for (j = 0; j < n; j++)
		if (j != i && rt[j].prefix && rt[i].len >= rt[j].len &&
		    memcmp(rt[i].name, rt[j].name, rt[j].len) == 0)
			return true;
	return false;
}

static struct sub *
find_sub(struct topics *ts, struct topic **topics, size_t n, uint32_t h)
{
	struct sub *sub = ts->sub_table[h & ts->sub_mask];

	for (; sub != NULL; sub = sub->next)
		if (sub->hash == h && sub->ntopics == n &&
		    memcmp(sub->topics, topics, n * sizeof(*topics)) == 0)
			return sub;
	return NULL;
}

static void
grow_subs(struct topics *ts)
{
	uint32_t size = (ts->sub_mask + 1) * 2, i;
	struct sub **table, *sub;

	if (ts->nsubs <= ts->sub_mask ||
	    (table = calloc(size, sizeof(*table))) == NULL)
		return;
	for (i = 0; i <= ts->sub_mask; i++)
		while ((sub = ts->sub_table[i]) != NULL) {
			ts->sub_table[i] = sub->next;
			sub->next = table[sub->hash & (size - 1)];
			table[sub->hash & (size - 1)] = sub;
		}
	free(ts->sub_table);
	ts->sub_table = table;
	ts->sub_mask = size - 1;
}

/* Room for one more of size bytes in an array.  -1 without memory. */
static int
array_room(void *array, uint32_t n, uint32_t *cap, size_t size)
{
	void **a = array, *grown;
	uint32_t want = *cap == 0 ? 1 : *cap + (*cap + 1) / 2;

	if (n < *cap)
		return 0;
	if ((grown = realloc(*a, want * size)) == NULL)
		return -1;
	*a = grown;
	*cap = want;
	return 0;
}

static struct sub *
make_sub(struct topics *ts, struct topic **topics, size_t n, uint32_t h)
{
	struct sub *sub = calloc(1, sizeof(*sub) + n * sizeof(*topics));
	struct sub **bucket;
	size_t i;

	if (sub == NULL ||
	    array_room(&ts->due, ts->nsubs, &ts->due_cap, sizeof(*ts->due)))
		goto fail;
	for (i = 0; i < n; i++)
		if (array_room(&topics[i]->subs, topics[i]->nsubs,
			&topics[i]->cap, sizeof(*topics[i]->subs)) == -1)
			goto fail;
	memcpy(sub->topics, topics, n * sizeof(*topics));
	for (i = 0; i < n; i++)
		topics[i]->subs[topics[i]->nsubs++] = sub;
	sub->ntopics = (uint8_t)n;
	sub->hash = h;
	ts->nsubs++;
	grow_subs(ts);
	bucket = &ts->sub_table[h & ts->sub_mask];
	sub->next = *bucket;
	*bucket = sub;
	return sub;
fail:
	free(sub);
	return NULL;
}

struct sub *
topics_subscribe(struct topics *ts, const struct request_topic *rt, size_t n,
    struct store_id floor)
{
	struct topic *topics[REQUEST_TOPICS_MAX] = {NULL};
	struct sub *sub = NULL;
	size_t i, m = 0;
	uint32_t h;

	for (i = 0; i < n; i++) {
		if (is_covered(rt, n, i))
			continue;
		if ((topics[m] = want_topic(ts, &rt[i], floor)) == NULL)
			break;
		m++;
	}
	if (i == n) {
		h = hash_bytes(ts->seed, topics, m * sizeof(topics[0]));
		sub = find_sub(ts, topics, m, h);
		if (sub == NULL)
			sub = make_sub(ts, topics, m, h);
	}
	for (i = 0; sub == NULL && i < m; i++)
		topics_drop(ts, topics[i]);
	return sub;
}

static void
remove_sub(struct topic *t, const struct sub *sub)
{
	uint32_t i = 0;

	while (t->subs[i] != sub)
		i++;
	t->subs[i] = t->subs[--t->nsubs];
}

/* The topic has no listener any more: frees its events. */
static void
quiet_topic(struct topics *ts, struct topic *t)
{
	struct store_id floor = t->run.floor;

	ts->kept_bytes -= topic_kept(t);
	run_free(&t->run);
	t->run.floor = floor;
	topics_drop(ts, t);
}

void
topics_forget(struct topics *ts, struct sub *sub)
{
	struct sub **p = &ts->sub_table[sub->hash & ts->sub_mask];
	uint32_t i;

	if (sub->nstreams > 0)
		return;
	while (*p != sub)
		p = &(*p)->next;
	*p = sub->next;
	ts->nsubs--;
	for (i = 0; sub->due && i < ts->ndue; i++)
		if (ts->due[i] == sub) {
			ts->due[i] = ts->due[--ts->ndue];
			break;
		}
	for (i = 0; i < sub->ntopics; i++) {
		remove_sub(sub->topics[i], sub);
		if (sub->topics[i]->nsubs == 0)
			quiet_topic(ts, sub->topics[i]);
	}
	free_sub(sub);
}

int
sub_join(struct sub *sub, struct stream *s, uint32_t *index)
{
	if (array_room(&sub->streams, sub->nstreams, &sub->cap,
		sizeof(*sub->streams)) == -1)
		return -1;
	*index = sub->nstreams++;
	sub->streams[*index] = s;
	return 0;
}

struct stream *
sub_leave(struct sub *sub, uint32_t index)
{
	struct stream *last = sub->streams[--sub->nstreams];

	if (index == sub->nstreams)
		return NULL;
	sub->streams[index] = last;
	return last;
}

void
topics_due(struct topics *ts, struct topic *t)
{
	uint32_t i;

	for (i = 0; i < t->nsubs; i++)
		if (!t->subs[i]->due) {
			t->subs[i]->due = true;
			ts->due[ts->ndue++] = t->subs[i];
		}
}
