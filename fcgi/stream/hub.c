/*
 * hub.c - opens and closes what all streams share.
 */
#include <errno.h>
#include <stdlib.h>

#include "fcgi/stream/hub.h"

static void
on_idle(uv_idle_t *idle)
{
	(void)idle; /* while it is active, the poll does not wait */
}

void
hub_wake(struct hub *hub)
{
	uv_idle_start(&hub->idle, on_idle);
}

void
hub_end_turn(struct hub *hub)
{
	bool work = hub->todo.first != NULL ||
		    (hub->cold.first != NULL && !hub->cold_waits);

	hub->turn_head_known = false;
	if ((work && !hub->revoking) || hub->over != NULL ||
	    (hub->look && !hub->gathering))
		hub_wake(hub);
}

unsigned
hub_retry_ms(const struct hub *hub)
{
	uint64_t ms = hub->conf->retry_ms;

	return (unsigned)(ms / 2 + (uint64_t)random() % (ms + 1));
}

unsigned
hub_soon_ms(void)
{
	return 100 + (unsigned)random() % 201;
}

int
hub_open(struct hub *hub, poller_event *event, wheel_due *look, void *arg)
{
	const struct serve_conf *conf = hub->conf;

	hub->todo.end = &hub->todo.first;
	hub->cold.end = &hub->cold.first;
	uv_idle_init(hub->loop, &hub->idle);
	uv_timer_init(hub->loop, &hub->show);
	wheel_open(&hub->wheel, hub->loop, &hub->turn, look, arg);
	if (poller_open(&hub->poller, hub->loop, &hub->turn, event, arg) == -1)
		return -1;
	errno = ENOMEM;
	if ((hub->scratch = malloc(SCRATCH_SIZE)) == NULL ||
	    topics_open(&hub->topics) == -1 ||
	    window_open(
		&hub->window, conf->window_bytes, conf->max_event_bytes) == -1)
		return -1;
	pages_open(&hub->pages, conf->page_rows, conf->max_event_bytes);
	hub->pages.reads = hub->count.pages; /* counted before a worker died */
	return 0;
}

void
hub_close(struct hub *hub)
{
	pages_close(&hub->pages);
	window_close(&hub->window);
	topics_close(&hub->topics);
	poller_close(&hub->poller);
	wheel_close(&hub->wheel);
	free(hub->scratch);
}
