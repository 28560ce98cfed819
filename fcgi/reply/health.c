/*
 * health.c - does this process deliver?
 */
#include <stdio.h>

#include "fcgi/base/log.h"
#include "fcgi/reply/health.h"

enum {
	PATIENCE_MS = 4000,	     /* or two looks, if there are few */
	EACH_TICKS = 1000 / TICK_MS, /* a turn looks so often at the streams */
	SOME = 64 /* streams, from one look at the clock to the next */
};

static uint64_t
two_of(uint64_t ms)
{
	return 2 * ms > PATIENCE_MS ? 2 * ms : PATIENCE_MS;
}

/*
 * How long a stream may wait for its turn.  It may have to wait for a look,
 * while events gather, but never for the poll: that finds what is new.
 */
static uint64_t
stream_patience_ms(const struct hub *hub)
{
	return two_of(hub->conf->gather_ms);
}

/* How long the log may be unread. */
static uint64_t
log_patience_ms(const struct hub *hub)
{
	uint64_t ms = hub->conf->poll_ms;

	return two_of(ms > hub->conf->gather_ms ? ms : hub->conf->gather_ms);
}

/* --- the streams --------------------------------------------------------- */

/* Whoever made us do more than its share waits for the others. */
static bool
waits_for_share(const struct hub *hub, const struct stream *s)
{
	return s->caller != NULL &&
	       share_over(&hub->shares, &s->caller->address, uv_hrtime());
}

/* Has one of the list waited too long?  *n streams are passed by. */
static bool
any_late(const struct hub *hub, const struct todo *list, uint32_t last,
    uint64_t until, size_t *n)
{
	const struct stream *s;

	for (s = list->first; s != NULL; s = s->todo) {
		if (++*n % SOME == 0 && uv_hrtime() > until)
			return false;
		if (!s->conn.over && s->waits != 0 && s->waits < last &&
		    !waits_for_share(hub, s))
			return true;
	}
	return false;
}

/*
 * Does a stream wait that waited already at the time of patience ago?  Once one
 * did, none may have waited for half as long: else each stream that is a little
 * late would be the end of one trouble and the beginning of the next.
 *
 * Whoever asks may do so in the middle of a step of others, so this has a time
 * of its own.
 */
static bool
find_late(const struct hub *hub)
{
	uint64_t ms = stream_patience_ms(hub);
	uint32_t now = wheel_now(&hub->wheel) + 1;
	uint32_t most = wheel_ticks(hub->late ? ms / 2 : ms);
	uint64_t until = uv_hrtime() + TURN_STEP_NS;
	size_t n = 0;

	if (now <= most)
		return false;
	if (hub->held != 0 && hub->held < now - most && hub->now.streams > 0)
		return true;
	return any_late(hub, &hub->todo, now - most, until, &n) ||
	       any_late(hub, &hub->cold, now - most, until, &n);
}

/* As they are now, or as they were fewer than so many ticks ago. */
static bool
streams_late(struct hub *hub, uint32_t ticks)
{
	uint32_t now = wheel_now(&hub->wheel);

	if (now - hub->judged >= ticks) {
		hub->judged = now;
		hub->late = find_late(hub);
	}
	return hub->late;
}

/* --- the verdict --------------------------------------------------------- */

/* With --poll 0 there need not be a look, so its age says nothing. */
static bool
unread_for_long(const struct hub *hub, int64_t *ms)
{
	*ms = clock_steady_ms() - hub->looked_ms;
	return hub->conf->poll_ms > 0 && *ms > (int64_t)log_patience_ms(hub);
}

/* Is the log not read?  Then why says so. */
static bool
log_fails(struct hub *hub)
{
	char name[256];
	int64_t ms;

	if (!store_healthy(hub->store)) {
		snprintf(
		    hub->why, sizeof(hub->why), "%s", store_why(hub->store));
		return true;
	}
	if (!unread_for_long(hub, &ms))
		return false;
	store_show(hub->conf->db, name, sizeof(name));
	snprintf(hub->why, sizeof(hub->why), "%s: was not read for %d s", name,
	    (int)(ms / 1000));
	return true;
}

/*
 * Streams that wait because the log is not read are no news.  When it is read
 * again they are looked at in any case.
 */
static enum health
judge(struct hub *hub, uint32_t ticks)
{
	if (log_fails(hub)) {
		hub->judged = wheel_now(&hub->wheel) - EACH_TICKS;
		return HEALTH_LOG;
	}
	if (!streams_late(hub, ticks))
		return HEALTH_GOOD;
	snprintf(hub->why, sizeof(hub->why),
	    "streams: some have waited for more than %d s for what they are "
	    "due",
	    (int)(stream_patience_ms(hub) / 1000));
	return HEALTH_LATE;
}

/*
 * Another reason is a change, too: the one before it is over.  But while the
 * log is not read nobody knows how streams are.
 */
static void
tell(struct hub *hub, enum health now)
{
	enum health was = hub->health;
	char name[256];

	hub->health = now;
	if (now == was)
		return;
	store_show(hub->conf->db, name, sizeof(name));
	if (was == HEALTH_LOG)
		log_info(hub->conf->quiet, name, "can be read again");
	else if (now == HEALTH_GOOD)
		log_info(hub->conf->quiet, "streams",
		    "are sent what they are due again");
	if (now != HEALTH_GOOD)
		log_plain(hub->why);
}

/* The streams are as they were fewer than so many ticks ago. */
static const char *
look(struct hub *hub, uint32_t ticks)
{
	enum health now = judge(hub, ticks);

	tell(hub, now);
	return now == HEALTH_GOOD ? NULL : hub->why;
}

const char *
health_why(struct hub *hub)
{
	return look(hub, 1);
}

void
health_turn(struct hub *hub)
{
	log_doubt(store_warning(hub->store));
	look(hub, EACH_TICKS);
}
