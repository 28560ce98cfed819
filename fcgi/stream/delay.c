/*
 * delay.c - how old an event is when the streams have been sent it.
 *
 * A time ahead of our clock counts as no delay.  An event whose time is more
 * than DELAY_MAX_MS ago was not late: it was copied here, or has a time of its
 * publisher's.  It is not counted, nor is one that is too large to be read.
 */
#include "fcgi/stream/delay.h"

static void
count_one(struct counters *count, int64_t time_ms, int64_t now_ms)
{
	uint64_t ms = time_ms < now_ms ? (uint64_t)(now_ms - time_ms) : 0;

	count->delays[delay_bucket(ms)]++;
	count->delays_ms += ms;
}

void
delay_count(struct hub *hub)
{
	int64_t now_ms;
	unsigned i;

	if (hub->fresh.n == 0)
		return;
	now_ms = clock_wall_ms();
	for (i = 0; i < hub->fresh.n; i++)
		if (hub->fresh.time_ms[i] != STORE_NO_TIME &&
		    hub->fresh.time_ms[i] >= now_ms - DELAY_MAX_MS)
			count_one(&hub->count, hub->fresh.time_ms[i], now_ms);
	hub->fresh.n = 0;
}
