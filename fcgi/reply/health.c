/*
 * health.c - does this process deliver?
 */
#include <stdio.h>

#include "fcgi/base/log.h"
#include "fcgi/reply/health.h"

enum {
	PATIENCE_MS = 4000, /* or two looks, if there are few */
	SOME = 64 /* streams, from one look at the clock to the next */
};

/* How long the log may be unread, and a stream may wait for its turn. */
static uint64_t
patience_ms(const struct hub *hub)
{
	uint64_t ms = hub->conf->poll_ms;

	if (ms < hub->conf->gather_ms)
		ms = hub->conf->gather_ms;
	return 2 * ms > PATIENCE_MS ? 2 * ms : PATIENCE_MS;
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
any_late(struct hub *hub, const struct todo *list, uint32_t last, size_t *n)
{
	const struct stream *s;

	for (s = list->first; s != NULL; s = s->todo) {
		if (++*n % SOME == 0 && turn_spent(&hub->turn))
			return false;
		if (!s->conn.over && s->waits != 0 && s->waits < last &&
		    !waits_for_share(hub, s))
			return true;
	}
	return false;
}

/* Does a stream wait that waited already at the time of patience ago? */
static bool
find_late(struct hub *hub)
{
	uint32_t now = wheel_now(&hub->wheel) + 1;
	uint32_t most = wheel_ticks(patience_ms(hub));
	size_t n = 0;

	if (now <= most)
		return false;
	if (hub->held != 0 && hub->held < now - most && hub->now.streams > 0)
		return true;
	turn_step(&hub->turn);
	return any_late(hub, &hub->todo, now - most, &n) ||
	       any_late(hub, &hub->cold, now - most, &n);
}

/* --- the verdict --------------------------------------------------------- */

/* With --poll 0 there need not be a look, so its age says nothing. */
static bool
unread_for_long(const struct hub *hub, int64_t *ms)
{
	*ms = clock_steady_ms() - hub->looked_ms;
	return hub->conf->poll_ms > 0 && *ms > (int64_t)patience_ms(hub);
}

static enum health
judge(struct hub *hub)
{
	char name[256];
	int64_t ms;

	if (!store_healthy(hub->store)) {
		snprintf(
		    hub->why, sizeof(hub->why), "%s", store_why(hub->store));
		return HEALTH_LOG;
	}
	if (unread_for_long(hub, &ms)) {
		store_show(hub->conf->db, name, sizeof(name));
		snprintf(hub->why, sizeof(hub->why),
		    "%s: was not read for %d s", name, (int)(ms / 1000));
		return HEALTH_LOG;
	}
	if (!hub->late)
		return HEALTH_GOOD;
	snprintf(hub->why, sizeof(hub->why),
	    "streams: some have waited for more than %d s for what they are "
	    "due",
	    (int)(patience_ms(hub) / 1000));
	return HEALTH_LATE;
}

/* Streams that wait because the log could not be read are no news. */
static void
tell(struct hub *hub, enum health now)
{
	char name[256];

	if (now > hub->health) {
		log_plain(hub->why);
		hub->health = now;
	}
	if (now != HEALTH_GOOD || hub->health == HEALTH_GOOD)
		return;
	store_show(hub->conf->db, name, sizeof(name));
	if (hub->health == HEALTH_LOG)
		log_info(hub->conf->quiet, name, "can be read again");
	else
		log_info(hub->conf->quiet, "streams",
		    "are sent what they are due again");
	hub->health = HEALTH_GOOD;
}

const char *
health_why(struct hub *hub)
{
	enum health now = judge(hub);

	tell(hub, now);
	return now == HEALTH_GOOD ? NULL : hub->why;
}

void
health_turn(struct hub *hub)
{
	uint32_t now = wheel_now(&hub->wheel);
	const char *warning = store_warning(hub->store);

	if (warning != NULL)
		log_plain(warning);
	if (now - hub->judged >= 1000 / TICK_MS) {
		hub->judged = now;
		hub->late = find_late(hub);
	}
	health_why(hub);
}
