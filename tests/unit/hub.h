/*
 * hub.h - a hub with a loop of its own, to which nobody is connected.
 */
#ifndef UNIT_HUB_H
#define UNIT_HUB_H

#include "tests/unit/cm.h"

#include "fcgi/stream/hub.h"

static inline void
no_event(void *arg, struct conn *c, uint32_t events)
{
	(void)arg;
	(void)c;
	(void)events;
}

static inline void
no_look(void *arg, struct conn *c)
{
	(void)arg;
	(void)c;
}

static inline void
lone_hub_open(struct hub *hub, uv_loop_t *loop, const struct serve_conf *conf,
    struct store *store)
{
	hub->conf = conf;
	hub->loop = loop;
	hub->store = store;
	assert_int_equal(uv_loop_init(loop), 0);
	assert_int_equal(hub_open(hub, no_event, no_look, NULL), 0);
}

static inline void
close_handle(uv_handle_t *handle, void *arg)
{
	(void)arg;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

static inline void
lone_hub_close(struct hub *hub, uv_loop_t *loop)
{
	hub_close(hub);
	uv_walk(loop, close_handle, NULL);
	uv_run(loop, UV_RUN_DEFAULT);
	uv_loop_close(loop);
}

#endif
