/*
 * status.c - gathers the numbers of /status and /metrics.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi/reply/health.h"
#include "fcgi/reply/status.h"

enum {
	SHOW_MS = 20 /* from one writing of what we show to the next */
};

/* --- gathering ---------------------------------------------------------- */

static uint64_t
resident_bytes(void)
{
	unsigned long long all, pages = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	if (f == NULL)
		return 0;
	if (fscanf(f, "%llu %llu", &all, &pages) != 2)
		pages = 0;
	fclose(f);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

void
status_tally(const struct hub *hub, struct tally *t)
{
	t->count = hub->count;
	t->count.pages = hub->pages.reads;
	t->now = hub->now;
	t->now.behind = hub->cold.n;
	t->now.topics = hub->topics.topics.n;
	t->now.subscriptions = hub->topics.subs.n;
	t->now.window_events = hub->window.count;
	t->now.window_bytes = hub->topics.kept_bytes;
}

static void
on_show_time(uv_timer_t *timer)
{
	(void)timer; /* a turn comes after it */
}

/*
 * What we show is written when it has changed, at once or a moment after it was
 * written last: many streams come and go in one moment.
 */
static void
share_shown(struct hub *hub)
{
	uint64_t now = uv_now(hub->loop);
	struct board_side side;

	if (!hub->topics.moved && !hub->slow.changed)
		return;
	if (now - hub->shown_ms < SHOW_MS) {
		if (!uv_is_active((uv_handle_t *)&hub->show))
			uv_timer_start(&hub->show, on_show_time, SHOW_MS, 0);
		return;
	}
	hub->shown_ms = now;
	hub->topics.moved = hub->slow.changed = false;
	show_side(hub, &side);
	board_write(hub->tallies->board, hub->worker, &side);
}

/*
 * To ask how much memory the process has takes a system call, so it is done
 * once a second.
 */
void
status_share(struct hub *hub)
{
	uint32_t now = wheel_now(&hub->wheel);

	if (hub->now.resident_bytes == 0 ||
	    now - hub->measured >= 1000 / TICK_MS) {
		hub->measured = now;
		hub->now.resident_bytes = resident_bytes();
	}
	status_tally(hub, &hub->tallies->of[hub->worker]);
	share_shown(hub);
}

/* Sums up the numbers of all workers, or takes ours if there is only one. */
static void
gather_tally(struct hub *hub, struct status *st)
{
	if (hub->tallies != NULL) {
		status_share(hub);
		tallies_sum(hub->tallies, &st->sum);
		st->workers = hub->tallies->n;
		return;
	}
	status_tally(hub, &st->sum);
	st->sum.now.resident_bytes = resident_bytes();
	st->workers = 1;
}

void
status_gather(struct hub *hub, struct status *st)
{
	memset(st, 0, sizeof(*st));
	gather_tally(hub, st);
	st->started_ms = hub->started_ms;
	st->now_ms = clock_wall_ms();
	if (st->now_ms < st->started_ms) /* the clock may be set back */
		st->now_ms = st->started_ms;
	st->max_streams = hub->max_streams * st->workers;
	st->conf = hub->conf;
	st->log_id = store_log_id(hub->store);
	store_id_print(hub->store, hub->head, st->head);
	st->why = health_why(hub);
	st->tallies = hub->tallies;
	store_size(hub->store, &st->size);
	show_all(hub, &st->shown);
}

/* --- limits ------------------------------------------------------------- */

static const char *
unit_suffix(const struct option *o)
{
	if (o->kind == OPTION_AGE || (o->arg && strcmp(o->arg, "MS") == 0))
		return "_ms";
	if (o->kind == OPTION_BYTES)
		return "_bytes";
	return o->arg && strcmp(o->arg, "ROWS") == 0 ? "_rows" : "";
}

bool
status_limit(const struct status *st, size_t i, char name[64], uint64_t *value)
{
	const struct option *o = &serve_options.list[i];
	char *p;

	if (i >= serve_options.n)
		return false;
	*name = '\0';
	if (o->kind != OPTION_UNSIGNED && o->kind != OPTION_AGE &&
	    o->kind != OPTION_BYTES)
		return true;
	snprintf(name, 64, "%s%s", o->name, unit_suffix(o));
	for (p = name; *p != '\0'; p++)
		if (*p == '-')
			*p = '_';
	*value = *(const uint64_t *)((const char *)st->conf + o->offset);
	if (strcmp(o->name, "max-streams") == 0)
		*value = st->max_streams;
	return true;
}
