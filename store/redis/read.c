/*
 * read.c - a page of the log, from what has come.
 *
 * News brought the newest entries; older ones come in pages that were asked
 * for.  Either has all entries between two places, of all topics, so one page
 * serves every reader whose place lies between the two.
 */
#include "store/redis/redis.h"

/* The first entry after a place. */
static size_t
find_after(const redisReply *entries, struct store_id after)
{
	size_t low = 0, high = entries->elements, mid;
	struct store_id id = {0, 0};

	while (low < high) {
		mid = low + (high - low) / 2;
		redis_id(entries->element[mid]->element[0], &id);
		if (store_id_cmp(id, after) <= 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* Hands out what a page has after a place. */
static void
give_entries(struct redis *rs, const struct redis_page *p,
    struct store_id after, const struct store_topic *topics, size_t n,
    size_t limit, store_each *each, void *arg, struct store_span *span)
{
	const redisReply *es = p->entries;
	size_t i = es == NULL ? 0 : find_after(es, after);
	bool more = limit > 0;
	struct store_event ev;

	span->upto = after;
	for (; more && es != NULL && i < es->elements; i++) {
		if (!redis_event(es->element[i], rs->base.event_max, &ev))
			continue;
		span->upto = ev.id;
		if (!store_topic_match(topics, n, ev.topic.s, ev.topic.len))
			continue;
		more = each(arg, &ev) && --limit > 0;
	}
	if (more && store_id_cmp(span->upto, p->upto) < 0)
		span->upto = p->upto;
	span->at_end = more && store_id_cmp(span->upto, rs->newest) >= 0;
}

/* Whoever asks now whether the place is still there is answered from this. */
static void
note_served(struct redis *rs, struct store_id after,
    const struct redis_state *st, bool whole)
{
	rs->served.is = true;
	rs->served.after = after;
	rs->served.state = *st;
	rs->served.whole = whole;
}

enum store_result
redis_read(struct store *store, struct store_id after,
    const struct store_topic *topics, size_t n, size_t limit, store_each *each,
    void *arg, struct store_span *span)
{
	struct redis *rs = redis_of(store);
	const struct redis_page *p = &rs->tail;
	const struct redis_ask *a;

	rs->served.is = false;
	if (rs->base.log_id[0] == '\0')
		return redis_later(rs);
	if (store_id_cmp(after, rs->newest) >= 0) {
		*span = (struct store_span){after, true};
		note_served(
		    rs, after, &(struct redis_state){.last = after}, true);
		return STORE_OK;
	}
	if (p->owner == NULL || store_id_cmp(after, p->after) < 0 ||
	    store_id_cmp(after, p->upto) >= 0) {
		a = redis_ask_page(rs, after);
		if (a == NULL)
			return redis_later(rs);
		p = &a->page;
	}
	give_entries(rs, p, after, topics, n, limit, each, arg, span);
	note_served(rs, after, &p->state,
	    p == &rs->tail || redis_state_whole(&p->state, p->after));
	return STORE_OK;
}
