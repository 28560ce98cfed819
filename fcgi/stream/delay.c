/*
 * delay.c - how old an event is when the streams have been sent it.
 *
 * A time ahead of our clock counts as no delay.  Of an event that is too large
 * to be read the time is not known, and it is not counted.
 */
#include "fcgi/stream/delay.h"

static uint64_t
age_of(int64_t time_ms, int64_t now_ms)
{
	if (time_ms >= now_ms)
		return 0;
	if (time_ms < now_ms - DELAY_MAX_MS)
		return DELAY_MAX_MS;
	return (uint64_t)(now_ms - time_ms);
}

void
delay_count(struct hub *hub)
{
	int64_t now_ms;
	uint64_t ms;
	unsigned i;

	if (hub->fresh.n == 0)
		return;
	now_ms = clock_wall_ms();
	for (i = 0; i < hub->fresh.n; i++) {
		if (hub->fresh.time_ms[i] == STORE_NO_TIME)
			continue;
		ms = age_of(hub->fresh.time_ms[i], now_ms);
		hub->count.delays[delay_bucket(ms)]++;
		hub->count.delays_ms += ms;
	}
	hub->fresh.n = 0;
}
