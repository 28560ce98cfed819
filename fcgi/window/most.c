/*
 * most.c - which topics have the most streams.
 *
 * All topics are in a heap: each has at least as many streams as the two below
 * it.  A stream that comes or goes moves its topics up or down by a few places,
 * and whoever asks for the first few looks at a few places, also among millions
 * of topics.
 */
#include <stdlib.h>

#include "fcgi/window/topics.h"

static void
put_at(struct topics *ts, uint32_t i, struct topic *t)
{
	ts->most[i] = t;
	t->rank = i;
}

static void
move_up(struct topics *ts, struct topic *t)
{
	uint32_t i = t->rank, above;

	for (; i > 0; i = above) {
		above = (i - 1) / 2;
		if (ts->most[above]->nstreams >= t->nstreams)
			break;
		put_at(ts, i, ts->most[above]);
	}
	put_at(ts, i, t);
}

static void
move_down(struct topics *ts, struct topic *t, uint32_t n)
{
	uint32_t i = t->rank, below;

	while ((below = 2 * i + 1) < n) {
		if (below + 1 < n &&
		    ts->most[below + 1]->nstreams > ts->most[below]->nstreams)
			below++;
		if (ts->most[below]->nstreams <= t->nstreams)
			break;
		put_at(ts, i, ts->most[below]);
		i = below;
	}
	put_at(ts, i, t);
}

int
topics_rank(struct topics *ts, struct topic *t)
{
	uint32_t n = ts->topics.n, cap = n + n / 2 + 16;
	struct topic **grown;

	if (n >= ts->most_cap) {
		grown = realloc(ts->most, cap * sizeof(*grown));
		if (grown == NULL)
			return -1;
		ts->most = grown;
		ts->most_cap = cap;
	}
	put_at(ts, n, t); /* without a stream the last place is its own */
	return 0;
}

void
topics_unrank(struct topics *ts, struct topic *t)
{
	uint32_t n = ts->topics.n - 1;
	struct topic *last = ts->most[n];

	if (last == t)
		return;
	put_at(ts, t->rank, last);
	move_up(ts, last);
	move_down(ts, last, n);
}

void
topics_count(struct topics *ts, struct topic *t, int more)
{
	t->nstreams += (uint32_t)more;
	ts->moved = true;
	if (more > 0)
		move_up(ts, t);
	else
		move_down(ts, t, ts->topics.n);
}

/* The place of the greatest of n places. */
static size_t
greatest(const struct topics *ts, const uint32_t *at, size_t n)
{
	size_t i, best = 0;

	for (i = 1; i < n; i++)
		if (ts->most[at[i]]->nstreams > ts->most[at[best]]->nstreams)
			best = i;
	return best;
}

/*
 * The next is always one of those directly below the ones that were taken, or
 * the first of all.
 */
size_t
topics_most(const struct topics *ts, const struct topic **list, size_t max)
{
	uint32_t at[TOPICS_MOST + 2] = {0}, i;
	size_t n = 0, open = ts->topics.n > 0, next;

	if (max > TOPICS_MOST)
		max = TOPICS_MOST;
	while (n < max && open > 0) {
		next = greatest(ts, at, open);
		i = at[next];
		if (ts->most[i]->nstreams == 0)
			break;
		list[n++] = ts->most[i];
		at[next] = at[--open];
		if (2 * i + 1 < ts->topics.n)
			at[open++] = 2 * i + 1;
		if (2 * i + 2 < ts->topics.n)
			at[open++] = 2 * i + 2;
	}
	return n;
}
