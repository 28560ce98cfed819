/*
 * flush.c - sending to the streams that are due, then to those behind.
 */
#include "fcgi/stream/advance.h"
#include "fcgi/stream/flush.h"
#include "fcgi/stream/todo.h"

enum {
	BEHIND_NS = 5 * 1000000, /* time in one turn for streams behind */
	SEND_COST_NS = 25000, /* what one write costs, mostly the web server */
	READ_SHARE = 4	      /* reading takes at most 1/4 of the time */
};

static uint64_t
most(uint64_t a, uint64_t b, uint64_t c)
{
	if (a < b)
		a = b;
	return a > c ? a : c;
}

/* A stream that did not get everything goes to the list of those behind. */
static void
flush_sub(struct hub *hub, struct sub *sub)
{
	uint32_t i;

	sub->due = false;
	for (i = 0; i < sub->nstreams; i++) {
		struct stream *s = sub->streams[i];

		if (s->queued || s->blocked || s->conn.over)
			continue;
		if (stream_advance(hub, s) >= ADVANCE_MORE && !s->conn.over &&
		    !s->blocked)
			todo_add(hub, s);
	}
}

void
flush_due(struct hub *hub, uint64_t began, uint64_t read_ns)
{
	struct topics *ts = &hub->topics;
	uint64_t gather, writes = hub->count.writes;
	uint32_t i;

	hub->burst.sub = NULL; /* its runs may have changed */
	hub->next_flush = began + read_ns * READ_SHARE;
	if (ts->ndue == 0)
		return;
	for (i = 0; i < ts->ndue; i++)
		flush_sub(hub, ts->due[i]);
	ts->ndue = 0;
	gather = (hub->count.writes - writes) * SEND_COST_NS;
	if (gather > hub->conf->gather_ms * 1000000)
		gather = hub->conf->gather_ms * 1000000;
	hub->next_flush =
	    began + most(gather, read_ns * READ_SHARE, uv_hrtime() - began);
}

void
flush_behind(struct hub *hub)
{
	uint64_t until = uv_hrtime() + BEHIND_NS;

	while (hub->todo != NULL && !hub->todo_waits) {
		struct stream *s = todo_pop(hub);

		if (s->conn.over) {
			if (!s->conn.again) /* else it is there already */
				todo_over(hub, &s->conn);
			continue;
		}
		switch (stream_advance(hub, s)) {
		case ADVANCE_WAIT:
			hub->todo_waits = true;
			todo_add(hub, s);
			break;
		case ADVANCE_MORE:
			todo_add(hub, s);
			break;
		default:
			break;
		}
		if (uv_hrtime() > until)
			break;
	}
}
