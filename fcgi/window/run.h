/*
 * run.h - events of one topic, encoded, in order of ids, one after another.
 *
 * Pure.  What a stream is due is one contiguous piece of a run.  A place in
 * a run is counted in bytes from the run's beginning of time (`position`), so
 * that dropping old events moves nothing.  The window's topics are runs, and
 * so is a page that was read for a stream behind the window.
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
	struct store_id floor; /* no event after it is missing here */
};

void run_free(struct run *);

/* Empties it but keeps its memory; all after floor will be added anew. */
void run_reset(struct run *, struct store_id floor);

/*
 * Room for one event of up to size bytes, to be written there and then added;
 * NULL without memory.  Good until the next call.
 */
char *run_room(struct run *, size_t size);
/* The len bytes just written are the event of this id.  -1 without memory. */
int run_add(struct run *, struct store_id, size_t len);

/* Forgets the oldest event; its id is the floor.  Returns its bytes. */
size_t run_drop(struct run *);

/* Forgets all up to and with id, which is the floor then. */
void run_drop_to(struct run *, struct store_id);

/* The first event after id: its index from the oldest, count if none. */
size_t run_find(const struct run *, struct store_id);

/* The event of this index: where it starts and ends. */
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
