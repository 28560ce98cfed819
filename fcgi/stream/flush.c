/*
 * flush.c - sending to the streams that are due, then to those behind.
 *
 * Streams that have news come first.  What the time of the step is too short
 * for goes into the list todo, which is next; and only then the log is read for
 * streams that are behind.  So nobody who is behind delays a live event.
 */
#include "fcgi/stream/advance.h"
#include "fcgi/stream/delay.h"
#include "fcgi/stream/end.h"
#include "fcgi/stream/flush.h"
#include "fcgi/stream/stream.h"
#include "fcgi/stream/todo.h"
#include "fcgi/stream/way.h"

enum {
	SEND_COST_NS = 25000, /* what one write costs, mostly the web server */
	READ_SHARE = 4,	      /* reading takes at most 1/4 of the time... */
	REST_NS = 100 * 1000000, /* ...but no pause for it is longer */
	ROWS_A_WRITE = 4,	 /* are enough: see reads_on */
	AHEAD_NS = 10 * 1000000	 /* of reading before a flush */
};

static uint64_t
most(uint64_t a, uint64_t b, uint64_t c)
{
	if (a < b)
		a = b;
	return a > c ? a : c;
}

/*
 * Sends to a stream, and puts it where the rest of its work will be done.  It
 * has had its turn if it came further, or has nothing to wait for.
 */
static void
advance(struct hub *hub, struct stream *s, bool cold)
{
	struct store_id id = s->id;
	uint32_t offset = s->offset;
	enum advance came = stream_advance(hub, s, cold);

	if (came == ADVANCE_LEVEL || came == ADVANCE_STUCK ||
	    s->offset != offset || store_id_cmp(s->id, id) != 0)
		s->waits = 0;
	switch (came) {
	case ADVANCE_LEVEL:
		stream_is_level(hub, s);
		if (end_level(hub, s)) {
			if (s->poll && way_is_done(hub, s))
				stream_end_poll(hub, s);
			break;
		}
		hub->cold_waits = true;
		todo_add_cold(hub, s);
		break;
	case ADVANCE_MORE:
		if (cold)
			todo_add_cold(hub, s);
		else
			todo_add(hub, s);
		break;
	case ADVANCE_COLD:
		todo_add_cold(hub, s);
		break;
	case ADVANCE_WAIT:
		hub->cold_waits = true;
		todo_add_cold(hub, s);
		break;
	case ADVANCE_STUCK:
		break;
	}
}

/* --- those that have news ------------------------------------------------ */

/*
 * When may the log be read again?  A read that took seconds, because the disk
 * or a lock did, is no reason for a pause of more seconds.
 */
static uint64_t
after_rest(uint64_t began, uint64_t read_ns)
{
	uint64_t rest = REST_NS;

	if (read_ns < REST_NS / (READ_SHARE - 1))
		rest = read_ns * (READ_SHARE - 1);
	return began + read_ns + rest;
}

/* All streams of the flush have been sent to: when may the next one begin? */
static void
flush_ends(struct hub *hub)
{
	struct flush *f = &hub->flush;
	uint64_t gather = (hub->count.writes - f->writes) * SEND_COST_NS;

	delay_count(hub);
	if (gather > hub->conf->gather_ms * 1000000)
		gather = hub->conf->gather_ms * 1000000;
	hub->next_flush = most(
	    f->began + gather, after_rest(f->began, f->read_ns), uv_hrtime());
}

/* Once the time is over, the streams are only put into the list. */
static void
flush_sub(struct hub *hub, struct sub *sub, bool *spent)
{
	uint32_t i;

	sub->due = false;
	for (i = 0; i < sub->nstreams; i++) {
		struct stream *s = sub->streams[i];

		if (s->queued || s->blocked || s->conn.over)
			continue;
		if (*spent || (*spent = turn_spent(&hub->turn)))
			todo_add(hub, s);
		else
			advance(hub, s, false);
	}
}

/*
 * A turn reads some hundred rows.  If they are of as many topics, each of which
 * has a stream of its own, every row would be a write, and a write costs the
 * web server the same with ten rows in it.  So while the log has more, that is
 * read first: the more a flush is late, the more rows there are in a write.
 */
static bool
reads_on(struct hub *hub, uint64_t began, uint64_t read_ns)
{
	struct ahead *a = &hub->ahead;

	if (a->began == 0)
		a->began = began;
	a->read_ns += read_ns;
	return hub->look_again && a->read_ns < AHEAD_NS &&
	       hub->count.events - a->events <
		   (uint64_t)ROWS_A_WRITE * hub->topics.ndue;
}

void
flush_due(struct hub *hub, uint64_t began, uint64_t read_ns)
{
	struct topics *ts = &hub->topics;
	bool spent = false;
	uint32_t i;

	/* Its runs may have changed, and its subscription may be another. */
	hub->burst.sub = NULL;
	if (reads_on(hub, began, read_ns)) {
		hub->next_flush = 0;
		return;
	}
	began = hub->ahead.began;
	read_ns = hub->ahead.read_ns;
	hub->ahead = (struct ahead){.events = hub->count.events};
	hub->next_flush = after_rest(began, read_ns);
	if (ts->ndue == 0) {
		hub->fresh.n = 0; /* whoever listened to them has left */
		return;
	}
	hub->flush =
	    (struct flush){began, read_ns, hub->count.writes, .left = 0};
	turn_step(&hub->turn);
	for (i = 0; i < ts->ndue; i++)
		flush_sub(hub, ts->due[i], &spent);
	ts->ndue = 0;
	if (spent)
		hub->flush.left = hub->todo.n;
	else
		flush_ends(hub);
}

bool
flush_goes_on(const struct hub *hub)
{
	return hub->flush.left > 0;
}

/* --- those that wait ------------------------------------------------------ */

/* A stream that was over when its turn came is freed at the end of the turn. */
static bool
was_over(struct hub *hub, struct stream *s)
{
	if (s->conn.over && !s->conn.again) /* else it is there already */
		todo_over(hub, &s->conn);
	return s->conn.over;
}

void
flush_todo(struct hub *hub)
{
	turn_step(&hub->turn);
	while (hub->todo.first != NULL && !turn_spent(&hub->turn)) {
		struct stream *s = todo_pop(&hub->todo);

		if (!was_over(hub, s))
			advance(hub, s, false);
		if (hub->flush.left > 0 && --hub->flush.left == 0)
			flush_ends(hub);
	}
}

/*
 * Has its client made us do more than its share?  Then the stream waits as long
 * as there are others in the list.
 */
static bool
is_over_share(const struct hub *hub, const struct stream *s)
{
	return s->caller != NULL &&
	       share_over(&hub->shares, &s->caller->address, uv_hrtime());
}

void
flush_cold(struct hub *hub)
{
	uint64_t passed = 0;

	turn_step(&hub->turn);
	while (hub->cold.first != NULL && !hub->cold_waits &&
	       !turn_spent(&hub->turn)) {
		struct stream *s = todo_pop(&hub->cold);

		if (was_over(hub, s))
			continue;
		if (passed < hub->cold.n && is_over_share(hub, s)) {
			todo_add_cold(hub, s);
			passed++;
			continue;
		}
		passed = 0;
		advance(hub, s, true);
	}
}
