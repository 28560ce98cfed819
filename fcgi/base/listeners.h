/*
 * listeners.h - how many streams each topic has, in all workers.
 *
 * A worker knows the topics of its own streams (window/topics.h).  Of those of
 * the others it sees two counters for each topic, which may be those of another
 * topic, too.  So the smaller of the two counts: it is never too small, and too
 * large only where a topic shares both.  A stream that comes or goes costs a
 * few additions, and whoever is asked reads a few numbers.
 */
#ifndef LISTENERS_H
#define LISTENERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	LISTENERS_SLOTS = 1 << 16,
	LISTENERS_ROWS = 2,
	LISTENERS_NAME = 255 /* bytes, the longest name */
};

/* Of one worker: the counters, and how many prefixes of each length it has. */
struct listeners_table {
	uint32_t prefixes[LISTENERS_NAME + 1];
	uint32_t slots[LISTENERS_ROWS][LISTENERS_SLOTS];
};

struct listeners {
	uint64_t n;
	uint32_t seed;
	struct listeners_table of[];
};

/*
 * Memory for n workers; processes forked later share it.  Only what is written
 * to takes any.  NULL without memory.
 */
struct listeners *listeners_make(uint64_t n, uint32_t seed);
void listeners_free(struct listeners *); /* takes NULL */

/*
 * A stream of this worker listens to the topic, or with more -1 not any more.
 * prefix: to all topics that begin with the name.
 */
void listeners_count(struct listeners *, uint64_t worker, const char *name,
    size_t len, bool prefix, int more);

/* The worker is gone, and its streams with it. */
void listeners_forget(struct listeners *, uint64_t worker);

/*
 * How many streams get the events of this topic, in all workers but this one.
 */
uint64_t listeners_others(
    const struct listeners *, uint64_t worker, const char *name, size_t len);

/*
 * How many streams of this worker have this very topic, or prefix; as
 * everywhere here it may be too large, and is never too small.
 */
uint64_t listeners_of(const struct listeners *, uint64_t worker,
    const char *name, size_t len, bool prefix);

#endif
