/*
 * end.c - topics that have ended, and the proper end of their streams.
 */
#include <string.h>

#include "fcgi/stream/end.h"
#include "fcgi/window/sse.h"

/* --- when a stream opens -------------------------------------------------- */

static bool
has_prefix(const struct request *rq)
{
	size_t i;

	for (i = 0; i < rq->ntopics; i++)
		if (rq->topics[i].prefix)
			return true;
	return false;
}

static bool
has_ended(struct store_id id)
{
	return id.hi != 0 || id.lo != 0;
}

/*
 * A topic with listeners knows that it goes on.  Of any other the log is asked,
 * and of one that has ended, too: it may go on since, and who is told that it
 * has ended asks no more.
 */
static enum store_result
find_one(struct hub *hub, const struct request_topic *rt, struct store_id *end)
{
	const struct topic *t = topics_find(&hub->topics, rt->name, rt->len, 0);

	if (t == NULL || !t->end_known)
		t = topics_find(&hub->topics, rt->name, rt->len, TOPIC_BARE);
	if (t != NULL && t->end_known && !has_ended(t->end)) {
		*end = t->end;
		return STORE_OK;
	}
	return store_end(
	    hub->store, (struct store_text){rt->name, rt->len}, end);
}

enum store_result
end_find(struct hub *hub, const struct request *rq, struct stream_start *start)
{
	enum store_result r = STORE_OK, one;
	size_t i;

	start->has_ends = !has_prefix(rq);
	for (i = 0; start->has_ends && i < rq->ntopics; i++) {
		one = find_one(hub, &rq->topics[i], &start->ends[i]);
		if (one != STORE_OK)
			r = one; /* the others are asked all the same */
	}
	return r;
}

bool
end_is_past(const struct request *rq, const struct stream_start *start,
    struct store_id place)
{
	size_t i;

	for (i = 0; start->has_ends && i < rq->ntopics; i++)
		if (!topic_ended(start->ends[i], place))
			return false;
	return start->has_ends;
}

/* Is there any event of those that have not ended? */
enum store_result
end_find_active(struct hub *hub, const struct request *rq,
    const struct stream_start *start, struct store_come *come, bool *active)
{
	struct store_topic topics[REQUEST_TOPICS_MAX];
	struct store_seek seek = {.from = STORE_FROM_LAST,
	    .count = 1,
	    .topics = topics,
	    .come = *come};
	struct store_id id;
	enum store_result r;
	size_t i;

	*active = !start->has_ends;
	for (i = 0; start->has_ends && i < rq->ntopics; i++)
		if (!has_ended(start->ends[i]))
			topics[seek.n++] = (struct store_topic){
			    rq->topics[i].name, rq->topics[i].len, false};
	if (seek.n == 0)
		return STORE_OK;
	r = store_seek(hub->store, &seek, &id);
	*come = seek.come;
	*active = seek.come.left == 0;
	return r;
}

/* --- when a stream is level ----------------------------------------------- */

static void
end_stream(struct hub *hub, struct stream *s)
{
	char buf[RECORD_HEADER + SSE_LAST_SIZE(2 * REQUEST_END_BYTES) +
		 RECORD_END_SIZE];
	size_t len = s->sub->last_len;

	memcpy(
	    buf + RECORD_HEADER, s->sub->last != NULL ? s->sub->last : "", len);
	stream_end_last(hub, s, END_DONE, buf, len);
}

bool
end_level(struct hub *hub, struct stream *s)
{
	enum sub_end end;
	size_t i;

	while ((end = sub_end(s->sub, s->id, &i)) == SUB_UNKNOWN) {
		struct topic *t = s->sub->topics[i];

		if (store_end(hub->store, (struct store_text){t->name, t->len},
			&t->end) != STORE_OK)
			return false;
		t->end_known = true;
	}
	if (end == SUB_ENDED)
		end_stream(hub, s);
	return true;
}
