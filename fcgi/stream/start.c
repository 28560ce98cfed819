/*
 * start.c - where a request wants its stream to start, as a place in the log.
 */
#include <string.h>

#include "fcgi/stream/end.h"
#include "fcgi/stream/start.h"

/*
 * An age counts from the time when the request came.  A request that waits for
 * the log is asked again later, and has to get the same place then.
 */
static int64_t
since(const struct request *rq, int64_t came_ms)
{
	return rq->since_age ? came_ms - rq->since_ms : rq->since_ms;
}

enum store_result
start_now(struct hub *hub, struct store_id *id)
{
	struct store_seek seek = {.from = STORE_FROM_HEAD};
	enum store_result r = STORE_OK;

	if (!hub->turn_head_known)
		r = store_seek(hub->store, &seek, &hub->turn_head);
	if (r != STORE_OK)
		return r;
	hub->turn_head_known = true;
	*id = hub->turn_head;
	return STORE_OK;
}

/* Finds the place, and whether there is a gap before it. */
static enum store_result
find_place(struct hub *hub, const struct request *rq, struct store_come *come,
    struct stream_start *start)
{
	struct store_topic topics[REQUEST_TOPICS_MAX];
	struct store_seek seek = {.from = STORE_FROM_HEAD,
	    .topics = topics,
	    .n = rq->ntopics,
	    .come = *come};
	enum store_result r;
	size_t i;

	for (i = 0; i < rq->ntopics; i++)
		topics[i] = (struct store_topic){rq->topics[i].name,
		    rq->topics[i].len, rq->topics[i].prefix};
	start->gap = GAP_NONE;
	start->asked = rq->last_id;
	switch (rq->start) {
	case START_NOW:
		return start_now(hub, &start->id);
	case START_EARLIEST:
		seek.from = STORE_FROM_FIRST;
		break;
	case START_ID:
		/* Any text may come; no log has the unknown id. */
		if (strcmp(rq->last_id, REQUEST_ID_UNKNOWN) != 0)
			store_seek_named(hub->store, rq->last_id,
			    strlen(rq->last_id), &seek);
		break;
	case START_LAST:
		seek.from = STORE_FROM_LAST;
		seek.count = rq->count;
		break;
	case START_SINCE:
		seek.from = STORE_FROM_TIME;
		seek.time_ms = since(rq, start->came_ms);
		break;
	}
	r = store_seek(hub->store, &seek, &start->id);
	*come = seek.come;
	if (r == STORE_OK && strcmp(rq->last_id, REQUEST_ID_UNKNOWN) == 0)
		r = STORE_UNKNOWN;
	if (r != STORE_GONE && r != STORE_UNKNOWN)
		return r;
	if (r == STORE_UNKNOWN)
		start->gap = GAP_UNKNOWN;
	else
		start->gap = seek.folded ? GAP_FOLDED : GAP_PRUNED;
	return STORE_OK;
}

/* Nothing going on: that is an answer, and no place is needed. */
static enum store_result
find_active(struct hub *hub, const struct request *rq, struct start_come *come,
    struct stream_start *start)
{
	bool active;
	enum store_result r =
	    end_find_active(hub, rq, start, &come->active, &active);

	if (r != STORE_OK)
		return r;
	come->is_active = active;
	start->over = !active;
	return STORE_OK;
}

/*
 * The window has rows as they were when they came.  Where one was folded since,
 * a stream that begins before it must get it as it is now, from the log.
 * Streams that are level stay so.
 */
static void
forget_uncut(struct hub *hub, const struct stream_start *start)
{
	if (start->cuts == hub->cuts || store_id_cmp(start->id, hub->head) >= 0)
		return;
	window_forget(&hub->window, &hub->topics, hub->head);
	hub->cuts = start->cuts;
}

enum store_result
start_find(struct hub *hub, const struct request *rq, struct start_come *come,
    struct stream_start *start)
{
	enum store_result r = end_find(hub, rq, start);

	start->over = false;
	if (r == STORE_OK && rq->form.active && !come->is_active)
		r = find_active(hub, rq, come, start);
	if (r != STORE_OK || start->over)
		return r;
	r = find_place(hub, rq, &come->place, start);
	start->cuts = store_cuts(hub->store);
	if (r == STORE_OK)
		forget_uncut(hub, start);
	if (r == STORE_OK && start->gap == GAP_NONE)
		start->over = end_is_past(rq, start, start->id);
	return r;
}
