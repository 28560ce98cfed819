/*
 * turn.h - how long a turn of the loop takes, and how long it may.
 *
 * A turn is what the loop does between two waits.  Each of its steps has a
 * bound in time: a step asks turn_spent before it begins with the next
 * connection, row or page, and leaves the rest for the next turn.  So what one
 * client asks for cannot keep the others waiting.
 */
#ifndef TURN_H
#define TURN_H

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "fcgi/base/tally.h"

enum {
	TURN_STEP_NS = 500000 /* time of one step */
};

/* Times are of uv_hrtime; all zero at first. */
struct turn {
	uint64_t until; /* the step that runs is to end by then */
	uint64_t began; /* 0: the loop has been waiting since `waits` */
	uint64_t waits, ended;
};

/* A step begins.  It may be the first of a turn. */
static inline void
turn_step(struct turn *t)
{
	uint64_t now = uv_hrtime();

	if (t->began == 0)
		t->began = now;
	t->until = now + TURN_STEP_NS;
}

/* Is the time of this step over? */
static inline bool
turn_spent(const struct turn *t)
{
	return uv_hrtime() > t->until;
}

/* Timers have run, and now the loop may wait. */
void turn_waits(struct turn *);

/* The turn is over: counts how long it took. */
void turn_ends(struct turn *, struct counters *, struct gauges *);

#endif
