/*
 * delay.h - how old an event is when the streams have been sent it.
 *
 * An event has the time of its INSERT, or the one that its publisher gave it.
 * When it is read and a stream has its topic, that time is noted in a small
 * list.  An event that nobody listens to is sent to nobody, and so a worker
 * without streams counts nothing.  When all the streams have been written to,
 * all events of the list are counted at once, by one look at the clock.  So an
 * event costs one store and a delivery nothing.
 */
#ifndef DELAY_H
#define DELAY_H

#include "fcgi/stream/hub.h"

/* Counts all that was noted, by their age now. */
void delay_count(struct hub *);

/*
 * An event was read that a stream is to get.  If the list is full, those before
 * it are counted now: they wait for others to be read, which takes a few
 * milliseconds at most.
 */
static inline void
delay_note(struct hub *hub, int64_t time_ms)
{
	if (hub->fresh.n == FRESH_MAX)
		delay_count(hub);
	hub->fresh.time_ms[hub->fresh.n++] = time_ms;
}

#endif
