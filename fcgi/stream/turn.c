/*
 * turn.c - how long a turn of the loop takes.
 *
 * The loop runs its timers, waits, calls back for what has come, and then does
 * the rest of the turn.  All of this but the wait is counted.
 */
#include "fcgi/stream/turn.h"

void
turn_waits(struct turn *t)
{
	t->waits = uv_hrtime();
	t->began = 0;
}

void
turn_ends(struct turn *t, struct counters *count, struct gauges *most)
{
	uint64_t now = uv_hrtime(), ns = 0, us;

	if (t->ended != 0 && t->waits > t->ended)
		ns = t->waits - t->ended; /* timers */
	if (t->began != 0)
		ns += now - t->began;
	t->ended = now;
	us = ns / 1000;
	count->turns_us += us;
	count->turns[tally_bucket(us)]++;
	if (us > most->longest_turn_us)
		most->longest_turn_us = us;
}
