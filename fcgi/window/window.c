/*
 * window.c - the newest events in memory, encoded once for all streams.
 */
#include <stdlib.h>
#include <string.h>

#include "fcgi/window/control.h"
#include "fcgi/window/sse.h"
#include "fcgi/window/window.h"

enum {
	FIRST_QUEUE = 256
};

int
window_open(struct window *w, uint64_t max_bytes, uint64_t max_event_bytes)
{
	memset(w, 0, sizeof(*w));
	w->max_bytes = max_bytes;
	w->max_event_bytes = max_event_bytes;
	w->cap = FIRST_QUEUE;
	w->queue = calloc(w->cap, sizeof(*w->queue));
	return w->queue == NULL ? -1 : 0;
}

void
window_close(struct window *w)
{
	free(w->queue);
	memset(w, 0, sizeof(*w));
}

/* Drops the oldest event.  Its topic may have lost its last listener since. */
static void
drop_oldest(struct window *w, struct topics *ts)
{
	struct topic *t = w->queue[w->first];

	w->first = (w->first + 1) & (w->cap - 1);
	w->count--;
	t->queued--;
	if (t->run.count > t->queued)
		ts->kept_bytes -= run_drop(&t->run) + KEEP_BYTES;
	topics_drop(ts, t);
}

/* This event is not in the window: streams must read it from the log. */
static void
leave_to_log(struct topics *ts, struct topic *t, struct store_id id)
{
	ts->kept_bytes -= topic_kept(t);
	run_drop_to(&t->run, id);
	ts->kept_bytes += topic_kept(t);
}

/* Doubles the ring when it is full.  Without memory the oldest event goes. */
static void
queue_room(struct window *w, struct topics *ts)
{
	struct topic **queue;
	uint32_t i;

	if (w->count < w->cap)
		return;
	queue = calloc((size_t)w->cap * 2, sizeof(*queue));
	if (queue == NULL) {
		drop_oldest(w, ts);
		return;
	}
	for (i = 0; i < w->count; i++)
		queue[i] = w->queue[(w->first + i) & (w->cap - 1)];
	free(w->queue);
	w->queue = queue;
	w->first = 0;
	w->cap *= 2;
}

static bool
event_fits(const struct store_event *ev, uint64_t max)
{
	return !ev->too_large && ev->data.len <= max && ev->event.len <= max;
}

size_t
window_encode_size(const struct store_event *ev, uint64_t max)
{
	return event_fits(ev, max) ? sse_event_size(ev) : CONTROL_GAP_SIZE;
}

size_t
window_encode(char *buf, const struct store *st, const struct store_event *ev,
    uint64_t max, bool bare)
{
	bool fits = event_fits(ev, max);
	char id[STORE_ID_SIZE];

	store_event_print_id(st, ev, id);
	if (bare && (!fits || store_is_end(ev)))
		return control_place(buf, sse_id(ev, id), !fits);
	return fits ? sse_event(buf, ev, id)
		    : control_gap(buf, GAP_TOO_LARGE, id, id);
}

/* An event is encoded in the run of its first topic, then copied to others. */
struct encoded {
	const struct store *store;
	const struct store_event *ev;
	const struct topic *first; /* NULL: not yet */
	size_t len;
};

static const char *
first_bytes(const struct encoded *en)
{
	const struct run *r = &en->first->run;

	return run_bytes(r, r->end - en->len);
}

/* False without memory: streams then read the event from the log. */
static bool
add_to_run(struct window *w, struct topic *t, struct encoded *en)
{
	size_t size = en->first != NULL
			  ? en->len
			  : window_encode_size(en->ev, w->max_event_bytes);
	char *room = run_room(&t->run, size);

	if (room == NULL)
		return false;
	if (en->first != NULL)
		memcpy(room, first_bytes(en), en->len);
	else
		en->len = window_encode(room, en->store, en->ev,
		    w->max_event_bytes, t->kind & TOPIC_BARE);
	if (run_add(&t->run, en->ev->id, en->len) == -1)
		return false;
	if (en->first == NULL)
		en->first = t;
	return true;
}

/*
 * The next topic that the event belongs to: its own, then each prefix.  bare is
 * TOPIC_BARE or 0.
 */
static bool
next_topic(const struct topics *ts, const struct store_event *ev, unsigned bare,
    size_t *prefix_len, struct topic **t)
{
	size_t len = ev->topic.len;

	if (*prefix_len == SIZE_MAX) {
		*prefix_len = 0;
		*t = len > REQUEST_TOPIC_BYTES
			 ? NULL
			 : topics_find(ts, ev->topic.s, len, bare);
		if (*t != NULL)
			return true;
	}
	for (; *prefix_len <= len && *prefix_len <= REQUEST_TOPIC_BYTES;
	     (*prefix_len)++) {
		if (ts->prefixes[*prefix_len] == 0)
			continue;
		*t = topics_find(
		    ts, ev->topic.s, *prefix_len, bare | TOPIC_PREFIX);
		if (*t != NULL) {
			(*prefix_len)++;
			return true;
		}
	}
	return false;
}

/* This is the newest event of its topic.  Has the topic ended with it? */
static void
set_end(struct topic *t, const struct store_event *ev)
{
	t->end_known = true;
	t->end = store_is_end(ev) ? ev->id : (struct store_id){0, 0};
}

/* Has anybody this event to get? */
static bool
add_to_topics(struct window *w, struct topics *ts, const struct store *st,
    const struct store_event *ev, unsigned bare)
{
	struct encoded en = {.store = st, .ev = ev};
	size_t prefix_len = SIZE_MAX;
	bool wanted = false;
	struct topic *t;

	while (next_topic(ts, ev, bare, &prefix_len, &t)) {
		set_end(t, ev);
		if (t->nsubs == 0)
			continue;
		wanted = true;
		topics_due(ts, t);
		if (!add_to_run(w, t, &en)) {
			leave_to_log(ts, t, ev->id);
			continue;
		}
		queue_room(w, ts);
		w->queue[(w->first + w->count++) & (w->cap - 1)] = t;
		t->queued++;
		ts->kept_bytes += en.len + KEEP_BYTES;
	}
	return wanted;
}

bool
window_add(struct window *w, struct topics *ts, const struct store *st,
    const struct store_event *ev)
{
	bool wanted;

	if (ev->topic.s == NULL)
		return false;
	wanted = add_to_topics(w, ts, st, ev, 0);
	if (ts->bare > 0)
		wanted |= add_to_topics(w, ts, st, ev, TOPIC_BARE);
	while (ts->kept_bytes > w->max_bytes && w->count > 0)
		drop_oldest(w, ts);
	return wanted;
}

void
window_forget(struct window *w, struct topics *ts, struct store_id place)
{
	struct topic *t = NULL;

	while (w->count > 0)
		drop_oldest(w, ts);
	while ((t = topics_next(ts, t)) != NULL) {
		run_reset(&t->run, place);
		t->end_known = false;
	}
	ts->kept_bytes = 0;
}
