/*
 * topics.c - the topics that have listeners, and their subscriptions.
 */
#include <stdlib.h>
#include <string.h>

#include "fcgi/window/topics.h"

int
topics_open(struct topics *ts)
{
	memset(ts, 0, sizeof(*ts));
	return hash_open(&ts->topics) == -1 || hash_open(&ts->subs) == -1 ? -1
									  : 0;
}

static void
free_topic(struct topic *t)
{
	run_free(&t->run);
	free(t->subs);
	free(t);
}

static void
free_topic_node(struct hash_node *node)
{
	free_topic((struct topic *)node);
}

static void
free_sub(struct sub *sub)
{
	free(sub->last);
	free(sub->streams);
	free(sub);
}

static void
free_sub_node(struct hash_node *node)
{
	free_sub((struct sub *)node);
}

void
topics_close(struct topics *ts)
{
	hash_close(&ts->topics, free_topic_node);
	hash_close(&ts->subs, free_sub_node);
	free(ts->due);
	free(ts->most);
	memset(ts, 0, sizeof(*ts));
}

/* --- topics ------------------------------------------------------------- */

static uint32_t
hash_name(const struct topics *ts, const char *name, size_t len, unsigned kind)
{
	return hash_bytes(ts->topics.seed + kind, name, len);
}

struct topic *
topics_find(
    const struct topics *ts, const char *name, size_t len, unsigned kind)
{
	uint32_t hash = hash_name(ts, name, len, kind);
	struct hash_node *n = hash_first(&ts->topics, hash);

	for (; n != NULL; n = hash_next(n)) {
		struct topic *t = (struct topic *)n;

		if (t->len == len && t->kind == kind &&
		    memcmp(t->name, name, len) == 0)
			return t;
	}
	return NULL;
}

/* Counts it, or with -1 no more, where it is looked for only if there is one.
 */
static void
count_kind(struct topics *ts, const struct topic *t, int more)
{
	if (t->kind & TOPIC_PREFIX)
		ts->prefixes[t->len] += (uint32_t)more;
	if (t->kind & TOPIC_BARE)
		ts->bare += (uint32_t)more;
}

static struct topic *
make_topic(struct topics *ts, const struct request_topic *rt, unsigned kind,
    struct store_id floor)
{
	struct topic *t = calloc(1, sizeof(*t) + rt->len);

	if (t == NULL || topics_rank(ts, t) == -1) {
		free(t);
		return NULL;
	}
	t->len = (uint16_t)rt->len;
	t->kind = (uint8_t)kind;
	t->run.floor = floor;
	memcpy(t->name, rt->name, rt->len);
	hash_add(&ts->topics, &t->node, hash_name(ts, rt->name, rt->len, kind));
	count_kind(ts, t, 1);
	return t;
}

void
topics_drop(struct topics *ts, struct topic *t)
{
	if (t->nsubs > 0 || t->queued > 0)
		return;
	topics_unrank(ts, t);
	hash_remove(&ts->topics, &t->node);
	count_kind(ts, t, -1);
	free_topic(t);
}

/*
 * Finds or makes the topic for a new subscription.  While a topic has no
 * listener, no events are added to it.  So when the topic gets a listener
 * again, its run begins at floor.
 */
static struct topic *
want_topic(struct topics *ts, const struct request_topic *rt, bool bare,
    struct store_id floor)
{
	unsigned kind =
	    (rt->prefix ? TOPIC_PREFIX : 0U) | (bare ? TOPIC_BARE : 0U);
	struct topic *t = topics_find(ts, rt->name, rt->len, kind);

	if (t == NULL)
		t = make_topic(ts, rt, kind, floor);
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

static bool
has_last(const struct sub *sub, const struct sub_form *form)
{
	return sub->last_len == form->last_len &&
	       (sub->last_len == 0 ||
		   memcmp(sub->last, form->last, sub->last_len) == 0);
}

static struct sub *
find_sub(struct topics *ts, struct topic **topics, size_t n,
    const struct sub_form *form, uint32_t hash)
{
	struct hash_node *node = hash_first(&ts->subs, hash);

	for (; node != NULL; node = hash_next(node)) {
		struct sub *sub = (struct sub *)node;

		if (sub->ntopics == n &&
		    memcmp(sub->topics, topics, n * sizeof(*topics)) == 0 &&
		    has_last(sub, form))
			return sub;
	}
	return NULL;
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

/* False without memory. */
static bool
set_last(struct sub *sub, const struct sub_form *form)
{
	if (form->last_len == 0)
		return true;
	if ((sub->last = malloc(form->last_len)) == NULL)
		return false;
	memcpy(sub->last, form->last, form->last_len);
	sub->last_len = form->last_len;
	return true;
}

static struct sub *
make_sub(struct topics *ts, struct topic **topics, size_t n,
    const struct sub_form *form, uint32_t hash)
{
	struct sub *sub = calloc(1, sizeof(*sub) + n * sizeof(*topics));
	size_t i;

	if (sub == NULL || !set_last(sub, form) ||
	    array_room(&ts->due, ts->subs.n, &ts->due_cap, sizeof(*ts->due)))
		goto fail;
	for (i = 0; i < n; i++)
		if (array_room(&topics[i]->subs, topics[i]->nsubs,
			&topics[i]->cap, sizeof(*topics[i]->subs)) == -1)
			goto fail;
	memcpy(sub->topics, topics, n * sizeof(*topics));
	for (i = 0; i < n; i++)
		topics[i]->subs[topics[i]->nsubs++] = sub;
	sub->ntopics = (uint8_t)n;
	hash_add(&ts->subs, &sub->node, hash);
	return sub;
fail:
	if (sub != NULL)
		free_sub(sub);
	return NULL;
}

struct sub *
topics_subscribe(struct topics *ts, const struct request_topic *rt, size_t n,
    const struct sub_form *form, struct store_id floor)
{
	static const struct sub_form plain;
	struct topic *topics[REQUEST_TOPICS_MAX] = {NULL};
	struct sub *sub = NULL;
	size_t i, m = 0;
	uint32_t hash;

	if (form == NULL)
		form = &plain;
	for (i = 0; i < n; i++) {
		if (is_covered(rt, n, i))
			continue;
		topics[m] = want_topic(ts, &rt[i], form->bare, floor);
		if (topics[m] == NULL)
			break;
		m++;
	}
	if (i == n) {
		hash = hash_bytes(ts->subs.seed, topics, m * sizeof(topics[0]));
		hash = hash_bytes(hash, form->last, form->last_len);
		sub = find_sub(ts, topics, m, form, hash);
		if (sub == NULL)
			sub = make_sub(ts, topics, m, form, hash);
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
	uint32_t i;

	if (sub->nstreams > 0)
		return;
	hash_remove(&ts->subs, &sub->node);
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

enum sub_end
sub_end(const struct sub *sub, struct store_id place, size_t *i)
{
	for (*i = 0; *i < sub->ntopics; ++*i) {
		const struct topic *t = sub->topics[*i];

		if (t->kind & TOPIC_PREFIX)
			return SUB_OPEN;
		if (!t->end_known)
			return SUB_UNKNOWN;
		if (!topic_ended(t->end, place))
			return SUB_OPEN;
	}
	return SUB_ENDED;
}

int
topics_join(struct sub *sub, struct stream *s, uint32_t *index)
{
	if (array_room(&sub->streams, sub->nstreams, &sub->cap,
		sizeof(*sub->streams)) == -1)
		return -1;
	*index = sub->nstreams++;
	sub->streams[*index] = s;
	return 0;
}

struct stream *
topics_leave(struct sub *sub, uint32_t index)
{
	struct stream *last = sub->streams[--sub->nstreams];

	if (index == sub->nstreams)
		return NULL;
	sub->streams[index] = last;
	return last;
}

static uint64_t
streams_of(const struct topics *ts, const char *name, size_t len, unsigned kind)
{
	const struct topic *t = topics_find(ts, name, len, kind);
	uint64_t sum = 0;
	uint32_t i;

	for (i = 0; t != NULL && i < t->nsubs; i++)
		sum += t->subs[i]->nstreams;
	return sum;
}

uint64_t
topics_listeners(const struct topics *ts, const char *name, size_t len)
{
	uint64_t sum = streams_of(ts, name, len, 0) +
		       streams_of(ts, name, len, TOPIC_BARE);
	size_t i;

	for (i = 0; i <= len; i++)
		if (ts->prefixes[i] > 0)
			sum +=
			    streams_of(ts, name, i, TOPIC_PREFIX) +
			    streams_of(ts, name, i, TOPIC_PREFIX | TOPIC_BARE);
	return sum;
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
