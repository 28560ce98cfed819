/*
 * clock.h - what time it is.
 *
 * store/store.h includes this file, so store/ and fcgi/ go by the same clocks.
 * Only the time of the wall clock may be shown, stored or compared with that
 * of another process; it jumps when somebody sets it.  How long something
 * takes or has taken is measured by the steady clock.
 */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>
#include <time.h>

static inline int64_t
clock_read_ns(clockid_t which)
{
	struct timespec ts;

	clock_gettime(which, &ts);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

/* Since 1970. */
static inline int64_t
clock_wall_ms(void)
{
	return clock_read_ns(CLOCK_REALTIME) / 1000000;
}

/* Since a moment that all processes of a machine share; never goes back. */
static inline int64_t
clock_steady_ns(void)
{
	return clock_read_ns(CLOCK_MONOTONIC);
}

static inline int64_t
clock_steady_ms(void)
{
	return clock_steady_ns() / 1000000;
}

#endif
