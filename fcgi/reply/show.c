/*
 * show.c - the topics with the most streams, and the slowest streams.
 *
 * A worker knows its own.  So that each worker can answer for all, each puts
 * the first few of its own on the board (base/board.h).  A topic that is among
 * the first of one worker and not of another has there as many streams as the
 * counters say that all workers see (base/listeners.h), and no more than the
 * last of the other's list.
 */
#include <stdlib.h>
#include <string.h>

#include "fcgi/reply/status.h"

enum {
	CANDIDATES = 2 * BOARD_TOPICS /* whose streams are added up exactly */
};

/* --- our own ------------------------------------------------------------- */

static uint16_t
put_name(char name[BOARD_NAME], const struct topic *t)
{
	memcpy(name, t->name, t->len);
	if ((t->kind & TOPIC_PREFIX) != 0)
		name[t->len] = '*';
	return (uint16_t)(t->len + ((t->kind & TOPIC_PREFIX) != 0));
}

static int
by_streams(const void *a, const void *b)
{
	const struct board_topic *s = a, *t = b;

	return (s->streams < t->streams) - (s->streams > t->streams);
}

/*
 * Streams that get nothing but what was published have a topic of their own;
 * people see one.  The larger of the two stands for both.
 */
static void
show_topics(const struct topics *ts, struct board_side *side)
{
	const struct topic *list[CANDIDATES], *twin;
	size_t n = topics_most(ts, list, CANDIDATES), i;

	side->whole = n < CANDIDATES;
	for (i = 0; i < n; i++) {
		const struct topic *t = list[i];
		struct board_topic *to = &side->topics[side->ntopics];

		twin = topics_find(ts, t->name, t->len, t->kind ^ TOPIC_BARE);
		if (twin != NULL && (twin->nstreams > t->nstreams ||
					(twin->nstreams == t->nstreams &&
					    (t->kind & TOPIC_BARE) != 0)))
			continue;
		if (side->ntopics == BOARD_TOPICS) {
			side->whole = false;
			break;
		}
		to->len = put_name(to->name, t);
		to->streams = t->nstreams + (twin ? twin->nstreams : 0);
		side->ntopics++;
	}
	qsort(side->topics, side->ntopics, sizeof(side->topics[0]), by_streams);
}

/* Puts it where it belongs; the last one makes room. */
static void
add_slow(struct board_side *side, const struct board_slow *slow)
{
	uint32_t i = side->nslow;

	if (i == BOARD_SLOW && side->slow[i - 1].since_ms <= slow->since_ms)
		return;
	if (i == BOARD_SLOW)
		i--;
	else
		side->nslow++;
	for (; i > 0 && side->slow[i - 1].since_ms > slow->since_ms; i--)
		side->slow[i] = side->slow[i - 1];
	side->slow[i] = *slow;
}

static void
show_slow(const struct hub *hub, struct board_side *side)
{
	uint32_t now = wheel_now(&hub->wheel);
	uint64_t now_ms = (uint64_t)clock_wall_ms();
	const struct stream *s;
	unsigned i;

	for (i = 0; i < hub->slow.n; i++) {
		struct board_slow slow = {.len = 0};

		s = hub->slow.of[i];
		slow.len = put_name(slow.name, s->sub->topics[0]);
		slow.more = (uint16_t)(s->sub->ntopics - 1);
		slow.since_ms = now_ms - (uint64_t)(now - s->written) * TICK_MS;
		if (hub->conf->status_addresses && s->caller != NULL)
			address_print(&s->caller->address, slow.address);
		add_slow(side, &slow);
	}
}

void
show_side(const struct hub *hub, struct board_side *side)
{
	memset(side, 0, sizeof(*side));
	show_topics(&hub->topics, side);
	show_slow(hub, side);
}

/* --- those of all workers ------------------------------------------------ */

static bool
is_name(const struct board_topic *a, const struct board_topic *b)
{
	return a->len == b->len && memcmp(a->name, b->name, a->len) == 0;
}

/* How many streams of this worker, whose side this is, have the topic. */
static uint64_t
streams_of_worker(const struct listeners *all, uint64_t worker,
    const struct board_side *side, const struct board_topic *t)
{
	bool prefix = t->len > 0 && t->name[t->len - 1] == '*';
	uint64_t n, most;
	uint32_t i;

	for (i = 0; i < side->ntopics; i++)
		if (is_name(&side->topics[i], t))
			return side->topics[i].streams;
	if (side->whole || side->ntopics == 0)
		return 0;
	most = side->topics[side->ntopics - 1].streams;
	n = listeners_of(all, worker, t->name, t->len - (size_t)prefix, prefix);
	return n < most ? n : most;
}

static int
by_name(const void *a, const void *b)
{
	const struct board_topic *s = a, *t = b;
	int cmp = memcmp(s->name, t->name, s->len < t->len ? s->len : t->len);

	return cmp != 0 ? cmp : (int)s->len - (int)t->len;
}

/* Makes one of those that have one name.  Returns how many are left. */
static size_t
join_names(struct board_topic *list, size_t n)
{
	size_t i, left = 0;

	qsort(list, n, sizeof(*list), by_name);
	for (i = 0; i < n; i++)
		if (left > 0 && is_name(&list[left - 1], &list[i]))
			list[left - 1].streams += list[i].streams;
		else
			list[left++] = list[i];
	qsort(list, left, sizeof(*list), by_streams);
	return left;
}

static void
merge_topics(const struct tallies *all, const struct board_side *sides,
    struct board_topic *list, struct board_side *to)
{
	size_t n = 0, i, w;

	for (w = 0; w < all->n; w++)
		for (i = 0; i < sides[w].ntopics; i++)
			list[n++] = sides[w].topics[i];
	n = join_names(list, n);
	if (n > CANDIDATES)
		n = CANDIDATES;
	for (i = 0; i < n; i++)
		for (list[i].streams = w = 0; w < all->n; w++)
			list[i].streams += streams_of_worker(
			    all->listeners, w, &sides[w], &list[i]);
	qsort(list, n, sizeof(*list), by_streams);
	to->ntopics = n < BOARD_TOPICS ? (uint32_t)n : BOARD_TOPICS;
	memcpy(to->topics, list, to->ntopics * sizeof(*list));
}

void
show_all(const struct hub *hub, struct board_side *to)
{
	const struct tallies *all = hub->tallies;
	struct board_side *sides;
	struct board_topic *list;
	uint64_t w;
	uint32_t i;

	if (all == NULL) {
		show_side(hub, to);
		return;
	}
	memset(to, 0, sizeof(*to));
	sides = calloc(all->n, sizeof(*sides));
	list = calloc(all->n * BOARD_TOPICS, sizeof(*list));
	for (w = 0; sides != NULL && list != NULL && w < all->n; w++) {
		if (w == hub->worker)
			show_side(hub, &sides[w]);
		else
			board_read(all->board, w, &sides[w]);
		for (i = 0; i < sides[w].nslow; i++)
			add_slow(to, &sides[w].slow[i]);
	}
	if (sides != NULL && list != NULL)
		merge_topics(all, sides, list, to);
	free(sides);
	free(list);
}
