/*
 * run.h - encoded events of one topic, one after another in order of ids.
 *
 * Pure.  What a stream still has to get is one contiguous piece of a run.  A
 * `position` counts all bytes that were ever added to the run, so a position
 * stays the same when old events are dropped.  Each topic of the window has a
 * run, and so has each page that was read for a stream behind the window.
 */
#ifndef RUN_H
#define RUN_H

#include "store/store.h"

struct mark {
	struct store_id id;
	uint64_t end; /* position after its last byte */
};

/* All zero is an empty run. */
struct run {
	char *buf;
	size_t cap, head;    /* the oldest byte is buf[head] */
	uint64_t start, end; /* positions of oldest byte and after newest */
	struct mark *marks;  /* count of them from mark_head on */
	size_t mark_cap, mark_head, count;
	struct store_id floor; /* the run has every event after this id */
};

void run_free(struct run *);

/* Drops all events, keeps the memory.  What comes after floor is added next. */
void run_reset(struct run *, struct store_id floor);

/*
 * Room for one event of up to size bytes: write it there, then call run_add.
 * NULL without memory.  Valid until the next call.
 */
char *run_room(struct run *, size_t size);
/* Adds the event of len bytes that was written there.  -1 without memory. */
int run_add(struct run *, struct store_id, size_t len);

/* Drops the oldest event.  Its id becomes the floor.  Returns its bytes. */
size_t run_drop(struct run *);

/* Drops all events up to this id and with it.  The id becomes the floor. */
void run_drop_to(struct run *, struct store_id);

/* The index of the first event after id; count if there is none. */
size_t run_find(const struct run *, struct store_id);

/* Where the event of this index starts, and its mark: id and end. */
uint64_t run_start(const struct run *, size_t index);
static inline const struct mark *
run_mark(const struct run *r, size_t index)
{
	return &r->marks[r->mark_head + index];
}

static inline const char *
run_bytes(const struct run *r, uint64_t position)
{
	return r->buf + r->head + (size_t)(position - r->start);
}

#endif
