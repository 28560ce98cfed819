/*
 * test_wheel.c - connections are looked at when they are due, and a step that
 * takes long lets the loop go on.
 *
 * The tests set the clock of the wheel, and do not wait.
 */
#include <uv.h>

#include "fcgi/stream/wheel.h"
#include "tests/unit/cm.h"

enum {
	MANY = 50
};

struct fair {
	uv_loop_t loop;
	struct turn turn;
	struct wheel wheel;
	struct conn conns[MANY];
	int looks;
	uint64_t look_ns; /* how long each look takes */
};

static void
look(void *arg, struct conn *c)
{
	struct fair *fair = arg;
	uint64_t until = uv_hrtime() + fair->look_ns;

	assert_null(c->prev);
	fair->looks++;
	while (uv_hrtime() < until)
		;
}

static int
setup(void **state)
{
	struct fair *fair = calloc(1, sizeof(*fair));

	if (fair == NULL || uv_loop_init(&fair->loop) != 0)
		return -1;
	wheel_open(&fair->wheel, &fair->loop, &fair->turn, look, fair);
	*state = fair;
	return 0;
}

static int
teardown(void **state)
{
	struct fair *fair = *state;
	int r;

	wheel_close(&fair->wheel);
	uv_run(&fair->loop, UV_RUN_DEFAULT);
	r = uv_loop_close(&fair->loop);
	free(fair);
	return r;
}

/* So many ticks pass at once, and the timer fires. */
static void
pass(struct fair *fair, uint32_t ticks)
{
	struct wheel *w = &fair->wheel;

	w->start_ms -= (uint64_t)ticks * TICK_MS;
	assert_true(uv_is_active((uv_handle_t *)&w->timer));
	uv_timer_start(&w->timer, w->timer.timer_cb, 0, 0);
	uv_run(&fair->loop, UV_RUN_NOWAIT);
}

/* What is past is due at the next tick, in which it is looked at. */
static void
test_what_is_past_is_due_at_the_next_tick(void **state)
{
	struct fair *fair = *state;
	struct wheel *w = &fair->wheel;
	uint32_t now;

	w->start_ms -= 10 * TICK_MS;
	now = wheel_now(w);
	assert_true(now >= 10);
	wheel_set(w, &fair->conns[0], 3);
	assert_int_equal(fair->conns[0].due, now + 1);
	wheel_set(w, &fair->conns[1], now);
	assert_int_equal(fair->conns[1].due, now + 1);
	pass(fair, 1);
	assert_int_equal(fair->looks, 2);
	assert_int_equal(w->count, 0);
}

/* The wheel goes round more than once before this one is due. */
static void
test_what_is_due_after_rounds_is_looked_at_once(void **state)
{
	struct fair *fair = *state;
	struct wheel *w = &fair->wheel;

	wheel_set(w, &fair->conns[0], 3 * WHEEL_SLOTS);
	pass(fair, WHEEL_SLOTS);
	assert_int_equal(fair->looks, 0);
	assert_int_equal(w->count, 1);
	pass(fair, WHEEL_SLOTS);
	assert_int_equal(fair->looks, 0);
	pass(fair, WHEEL_SLOTS);
	assert_int_equal(fair->looks, 1);
	assert_int_equal(w->count, 0);
}

static void
leave(void *arg, struct conn *c)
{
	struct fair *fair = arg;

	fair->looks++;
	wheel_remove(&fair->wheel, c);
}

static void
test_each_may_leave(void **state)
{
	struct fair *fair = *state;
	uint32_t i;

	for (i = 0; i < MANY; i++)
		wheel_set(&fair->wheel, &fair->conns[i], 1 + i / 3);
	wheel_each(&fair->wheel, leave);
	assert_int_equal(fair->looks, MANY);
	assert_int_equal(fair->wheel.count, 0);
}

/* One turn of the loop looks at no more than there is time for. */
static void
test_a_long_step_goes_on_in_the_next_turn(void **state)
{
	struct fair *fair = *state;
	int turns = 1, i;

	fair->look_ns = 2 * TURN_STEP_NS;
	for (i = 0; i < MANY; i++)
		wheel_set(&fair->wheel, &fair->conns[i], 1);
	pass(fair, 1);
	assert_true(fair->looks < MANY);
	for (; fair->wheel.count > 0; turns++)
		uv_run(&fair->loop, UV_RUN_ONCE);
	assert_int_equal(fair->looks, MANY);
	assert_true(turns >= MANY / 2); /* libuv looks at timers twice in one */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	    T(test_what_is_past_is_due_at_the_next_tick),
	    T(test_what_is_due_after_rounds_is_looked_at_once),
	    T(test_each_may_leave),
	    T(test_a_long_step_goes_on_in_the_next_turn),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
