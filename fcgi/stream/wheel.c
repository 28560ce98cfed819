/*
 * wheel.c - one timer for all connections: heartbeats, stalls, ages.
 *
 * The timer is set for the next slot that holds a connection, so an idle
 * process sleeps from heartbeat to heartbeat.
 */
#include <string.h>

#include "fcgi/stream/wheel.h"

static void on_timer(uv_timer_t *);

void
wheel_open(struct wheel *w, uv_loop_t *loop, struct turn *turn, wheel_due *look,
    void *arg)
{
	memset(w, 0, sizeof(*w));
	uv_timer_init(loop, &w->timer);
	w->timer.data = w;
	w->start_ms = uv_now(loop);
	w->turn = turn;
	w->look = look;
	w->arg = arg;
}

void
wheel_close(struct wheel *w)
{
	uv_timer_stop(&w->timer);
	uv_close((uv_handle_t *)&w->timer, NULL);
}

uint32_t
wheel_now(const struct wheel *w)
{
	return (uint32_t)((uv_now(w->timer.loop) - w->start_ms) / TICK_MS);
}

uint32_t
wheel_ticks(uint64_t ms)
{
	return (uint32_t)((ms + TICK_MS - 1) / TICK_MS);
}

/* Makes sure that the timer fires no later than at this tick. */
static void
set_wheel_timer(struct wheel *w, uint32_t tick)
{
	uint64_t at = w->start_ms + (uint64_t)tick * TICK_MS;
	uint64_t now = uv_now(w->timer.loop), in = at > now ? at - now : 0;

	if (!uv_is_active((uv_handle_t *)&w->timer) ||
	    uv_timer_get_due_in(&w->timer) > in)
		uv_timer_start(&w->timer, on_timer, in, 0);
}

void
wheel_remove(struct wheel *w, struct conn *c)
{
	if (c->prev == NULL)
		return;
	*c->prev = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	c->prev = NULL;
	w->count--;
}

void
wheel_set(struct wheel *w, struct conn *c, uint32_t tick)
{
	struct conn **slot;

	wheel_remove(w, c);
	if (w->count == 0 && !w->turning)
		w->tick = wheel_now(w);
	if (tick <= w->tick)
		tick = w->tick + 1;
	c->due = tick;
	if (tick - w->tick >= WHEEL_SLOTS)
		tick = w->tick + WHEEL_SLOTS - 1;
	slot = &w->slots[tick % WHEEL_SLOTS];
	c->next = *slot;
	c->prev = slot;
	if (c->next != NULL)
		c->next->prev = &c->next;
	*slot = c;
	w->count++;
	if (!w->turning)
		set_wheel_timer(w, tick);
}

void
wheel_each(struct wheel *w, wheel_due *fn)
{
	struct conn *c, *next;
	int i;

	for (i = 0; i <= WHEEL_SLOTS; i++) {
		c = i < WHEEL_SLOTS ? w->slots[i] : w->list;
		for (; c != NULL; c = next) {
			next = c->next;
			fn(w->arg, c);
		}
	}
}

/* Takes the list out of the slot: a look may put connections back. */
static void
take_slot(struct wheel *w)
{
	struct conn **slot = &w->slots[w->tick % WHEEL_SLOTS];

	w->list = *slot;
	*slot = NULL;
	if (w->list != NULL)
		w->list->prev = &w->list;
}

/* Looks at what was taken.  False: the time of the step is over first. */
static bool
look_at_list(struct wheel *w)
{
	struct conn *c;

	while ((c = w->list) != NULL) {
		if (turn_spent(w->turn))
			return false;
		wheel_remove(w, c);
		if (c->due > w->tick)
			wheel_set(w, c, c->due);
		else
			w->look(w->arg, c);
	}
	return true;
}

static void
on_timer(uv_timer_t *timer)
{
	struct wheel *w = timer->data;
	uint32_t now = wheel_now(w), i;
	bool all;

	turn_step(w->turn);
	w->turning = true;
	while ((all = look_at_list(w)) && w->tick < now) {
		w->tick++;
		take_slot(w);
	}
	w->turning = false;
	if (!all) {
		/* With 0 libuv would run it again before the turn goes on. */
		uv_timer_start(&w->timer, on_timer, 1, 0);
		return;
	}
	if (w->count == 0)
		return;
	for (i = 1; i < WHEEL_SLOTS; i++)
		if (w->slots[(w->tick + i) % WHEEL_SLOTS] != NULL)
			break;
	set_wheel_timer(w, w->tick + i);
}
