/*
 * window.c - the newest events in memory, encoded once for all streams.
 */
#include <stdlib.h>
#include <string.h>

#include "fcgi/control.h"
#include "fcgi/sse.h"
#include "fcgi/window.h"

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
	free(w->encoded);
	memset(w, 0, sizeof(*w));
}

/* The oldest event goes.  Its topic may have been left by all since. */
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

/* Its events up to this one have to be read from the log. */
static void
leave_to_log(struct topics *ts, struct topic *t, struct store_id id)
{
	ts->kept_bytes -= topic_kept(t);
	run_drop_to(&t->run, id);
	ts->kept_bytes += topic_kept(t);
}

/* A ring twice as large; failing, the oldest event makes room. */
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

static void
add_to(struct window *w, struct topics *ts, struct topic *t, struct store_id id,
    size_t len)
{
	char *room = run_room(&t->run, len);

	topics_due(ts, t);
	if (room != NULL)
		memcpy(room, w->encoded, len);
	if (room == NULL || run_add(&t->run, id, len) == -1) {
		/* Without memory the log has to do: nothing is lost. */
		leave_to_log(ts, t, id);
		return;
	}
	queue_room(w, ts);
	w->queue[(w->first + w->count++) & (w->cap - 1)] = t;
	t->queued++;
	ts->kept_bytes += len + KEEP_BYTES;
}

size_t
window_encode(const struct store *st, const struct store_event *ev,
    uint64_t max, char **buf, size_t *size)
{
	bool fits = ev->data.len <= max && ev->topic.len <= max &&
		    (ev->event.s == NULL || ev->event.len <= max);
	size_t need = fits ? sse_event_size(ev) : CONTROL_GAP_SIZE;
	char id[STORE_ID_SIZE], *grown;

	if (need > *size) {
		if ((grown = realloc(*buf, need)) == NULL)
			return 0;
		*buf = grown;
		*size = need;
	}
	store_id_print(st, ev->id, id);
	return fits ? sse_event(*buf, ev, id)
		    : control_gap(*buf, GAP_TOO_LARGE, id, id);
}

/* Calls for each topic that the event belongs to. */
static bool
next_topic(const struct topics *ts, const struct store_event *ev,
    size_t *prefix_len, struct topic **t)
{
	size_t len = ev->topic.len;

	if (*prefix_len == SIZE_MAX) {
		*prefix_len = 0;
		*t = len > REQUEST_TOPIC_BYTES
			 ? NULL
			 : topics_find(ts, ev->topic.s, len, false);
		if (*t != NULL)
			return true;
	}
	for (; *prefix_len <= len && *prefix_len <= REQUEST_TOPIC_BYTES;
	     (*prefix_len)++) {
		if (ts->prefixes[*prefix_len] == 0)
			continue;
		*t = topics_find(ts, ev->topic.s, *prefix_len, true);
		if (*t != NULL) {
			(*prefix_len)++;
			return true;
		}
	}
	return false;
}

void
window_add(struct window *w, struct topics *ts, const struct store *st,
    const struct store_event *ev)
{
	size_t prefix_len = SIZE_MAX, len = 0;
	struct topic *t;

	if (ev->topic.s == NULL)
		return;
	while (next_topic(ts, ev, &prefix_len, &t)) {
		if (t->nsubs == 0)
			continue;
		if (len == 0)
			len = window_encode(st, ev, w->max_event_bytes,
			    &w->encoded, &w->encoded_size);
		if (len == 0) {
			topics_due(ts, t);
			leave_to_log(ts, t, ev->id);
			continue;
		}
		add_to(w, ts, t, ev->id, len);
	}
	while (ts->kept_bytes > w->max_bytes && w->count > 0)
		drop_oldest(w, ts);
}

void
window_forget(struct window *w, struct topics *ts, struct store_id place)
{
	struct topic *t;
	uint32_t i;

	while (w->count > 0)
		drop_oldest(w, ts);
	for (i = 0; i <= ts->topic_mask; i++)
		for (t = ts->topic_table[i]; t != NULL; t = t->next)
			run_reset(&t->run, place);
	ts->kept_bytes = 0;
}
