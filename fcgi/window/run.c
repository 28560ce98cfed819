/*
 * run.c - encoded events of one topic, one after another in order of ids.
 *
 * When a third of the buffer is no longer used, the bytes that are used move
 * to its front instead of the buffer growing.  So a byte is moved only a few
 * times, and a buffer is at most about half as large again as its events.
 * (bytes.h doubles: in the window that would cost too much memory.)
 */
#include <stdlib.h>
#include <string.h>

#include "fcgi/window/run.h"

enum {
	FIRST_BYTES = 1024,
	FIRST_MARKS = 16
};

void
run_free(struct run *r)
{
	free(r->buf);
	free(r->marks);
	memset(r, 0, sizeof(*r));
}

void
run_reset(struct run *r, struct store_id floor)
{
	r->start = r->end;
	r->head = r->mark_head = r->count = 0;
	r->floor = floor;
}

/* No event is left: frees the memory, keeps the positions and the floor. */
static void
free_buffers(struct run *r)
{
	free(r->buf);
	free(r->marks);
	r->buf = NULL;
	r->marks = NULL;
	r->cap = r->head = r->mark_cap = r->mark_head = 0;
}

char *
run_room(struct run *r, size_t size)
{
	size_t live = (size_t)(r->end - r->start), cap;
	char *buf;

	if (r->cap - r->head - live >= size && r->buf != NULL)
		return r->buf + r->head + live;
	if (r->buf != NULL && live + size <= r->cap / 3 * 2) {
		memmove(r->buf, r->buf + r->head, live);
		r->head = 0;
		return r->buf + live;
	}
	cap = (live + size) / 2 * 3;
	if (cap < FIRST_BYTES)
		cap = FIRST_BYTES;
	if ((buf = malloc(cap)) == NULL)
		return NULL;
	if (r->buf != NULL)
		memcpy(buf, r->buf + r->head, live);
	free(r->buf);
	r->buf = buf;
	r->cap = cap;
	r->head = 0;
	return buf + live;
}

static int
room_for_mark(struct run *r)
{
	struct mark *m;
	size_t cap;

	if (r->mark_head + r->count < r->mark_cap)
		return 0;
	if (r->mark_head > r->mark_cap / 3) {
		memmove(r->marks, r->marks + r->mark_head,
		    r->count * sizeof(*r->marks));
		r->mark_head = 0;
		return 0;
	}
	cap = r->mark_cap == 0 ? FIRST_MARKS : r->mark_cap / 2 * 3;
	if ((m = realloc(r->marks, cap * sizeof(*m))) == NULL)
		return -1;
	r->marks = m;
	r->mark_cap = cap;
	return 0;
}

int
run_add(struct run *r, struct store_id id, size_t len)
{
	if (room_for_mark(r) == -1)
		return -1;
	r->end += len;
	r->marks[r->mark_head + r->count++] = (struct mark){id, r->end};
	return 0;
}

uint64_t
run_start(const struct run *r, size_t index)
{
	return index == 0 ? r->start : run_mark(r, index - 1)->end;
}

size_t
run_drop(struct run *r)
{
	const struct mark *m = run_mark(r, 0);
	size_t len = (size_t)(m->end - r->start);

	r->floor = m->id;
	r->start = m->end;
	r->head += len;
	r->mark_head++;
	if (--r->count == 0)
		free_buffers(r);
	return len;
}

void
run_drop_to(struct run *r, struct store_id id)
{
	while (r->count > 0 && store_id_cmp(run_mark(r, 0)->id, id) <= 0)
		run_drop(r);
	if (store_id_cmp(r->floor, id) < 0)
		r->floor = id;
}

size_t
run_find(const struct run *r, struct store_id id)
{
	size_t low = 0, high = r->count, mid;

	/* Most callers ask for what comes after the newest event. */
	if (high > 0 && store_id_cmp(run_mark(r, high - 1)->id, id) <= 0)
		return high;
	while (low < high) {
		mid = low + (high - low) / 2;
		if (store_id_cmp(run_mark(r, mid)->id, id) <= 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}
