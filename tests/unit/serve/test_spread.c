/*
 * test_spread.c - connections are spread over workers: evenly, and as long as
 * one of them has room.  The workers here are copies of one struct, each with
 * what a process would have for itself.
 */
#include <sys/socket.h>

#include <stdlib.h>
#include <unistd.h>

#include "fcgi/serve/spread.h"
#include "tests/unit/cm.h"

enum {
	WORKERS = 4,
	MAX = 1000,
	LATER_MS = 1000 /* a worker that waits so long stands still */
};

struct stage {
	struct spread *made, w[WORKERS];
	uint64_t has[WORKERS];
	int64_t now_ms;
};

static struct stage
open_stage(void)
{
	struct stage st = {.made = spread_make(WORKERS), .now_ms = 1};

	assert_non_null(st.made);
	for (uint64_t i = 0; i < WORKERS; i++) {
		spread_start(st.made, i);
		st.w[i] = *st.made;
		assert_true(spread_join(&st.w[i], i) >= 0);
	}
	return st;
}

/* Worker i takes what was handed to it. */
static void
take(struct stage *st, uint64_t i)
{
	int fd;

	while ((fd = spread_take(&st->w[i], i, st->now_ms)) != -1) {
		close(fd);
		st->has[i]++;
	}
	spread_say(&st->w[i], i, st->has[i]);
}

/* A connection that worker i accepts.  asleep: one that takes nothing now. */
static void
come(struct stage *st, uint64_t i, uint64_t asleep)
{
	int fd = dup(0);

	assert_true(fd >= 0);
	if (!spread_accepted(&st->w[i], i, fd, MAX, st->now_ms)) {
		assert_int_equal(close(fd), 0);
		st->has[i]++;
	}
	for (i = 0; i < WORKERS; i++)
		if (i != asleep)
			take(st, i);
}

static void
leave(struct stage *st, uint64_t i)
{
	if (st->has[i] > 0)
		st->has[i]--;
	spread_say(&st->w[i], i, st->has[i]);
}

/* How many more has the one with most than the one with least, in percent? */
static uint64_t
uneven(const struct stage *st)
{
	uint64_t least = UINT64_MAX, most = 0, i;

	for (i = 0; i < WORKERS; i++) {
		least = st->has[i] < least ? st->has[i] : least;
		most = st->has[i] > most ? st->has[i] : most;
	}
	return most == 0 ? 0 : (most - least) * 100 / most;
}

/* One worker is the fastest to accept, and clients leave where they like. */
static void
test_counts_stay_within_a_tenth(void **state)
{
	struct stage st = open_stage();
	int i;

	(void)state;
	srandom(1);
	for (i = 0; i < 1600; i++)
		come(&st, 0, WORKERS);
	assert_true(uneven(&st) <= 10);
	for (i = 0; i < 5000; i++) {
		leave(&st, (uint64_t)random() % WORKERS);
		come(&st, (uint64_t)random() % 2, WORKERS);
		assert_true(uneven(&st) <= 10);
	}
	spread_free(st.made);
}

static void
test_a_new_worker_fills_up(void **state)
{
	struct stage st = open_stage();
	int i;

	(void)state;
	for (i = 0; i < 1600; i++)
		come(&st, 1, WORKERS);
	spread_leave(st.made, 2);
	st.has[2] = 0;
	come(&st, 0, WORKERS);
	assert_int_equal(st.has[2], 0);
	spread_start(st.made, 2);
	st.w[2] = *st.made;
	spread_join(&st.w[2], 2);
	for (i = 0; i < 400; i++)
		come(&st, 0, WORKERS);
	assert_true(uneven(&st) <= 10);
	spread_free(st.made);
}

/* To the last place; and whoever comes then is told so by somebody. */
static void
test_all_have_room_to_the_last_place(void **state)
{
	struct stage st = open_stage();
	int i;

	(void)state;
	for (i = 0; i < WORKERS * MAX; i++)
		come(&st, 3, WORKERS);
	for (i = 0; i < WORKERS; i++)
		assert_int_equal(st.has[i], MAX);
	come(&st, 3, WORKERS);
	assert_int_equal(st.has[3], MAX + 1);
	leave(&st, 1);
	come(&st, 3, WORKERS);
	assert_int_equal(st.has[1], MAX);
	spread_free(st.made);
}

/* It has been handed one, and does not take it. */
static void
test_a_worker_that_stands_still_is_passed_over(void **state)
{
	struct stage st = open_stage();
	int i;

	(void)state;
	for (i = 0; i < 4; i++)
		come(&st, 0, 2);
	st.now_ms += LATER_MS;
	for (i = 0; i < 300; i++)
		come(&st, 0, 2);
	take(&st, 2);
	assert_int_equal(st.has[2], 1);
	assert_true(st.has[0] >= 90 && st.has[1] >= 90 && st.has[3] >= 90);
	spread_free(st.made);
}

/* But if nobody else has room, it is better than to be turned away. */
static void
test_a_worker_that_only_starts_is_the_last_resort(void **state)
{
	struct stage st = open_stage();
	int i;

	(void)state;
	spread_leave(st.made, 1);
	spread_start(st.made, 1);
	for (i = 0; i < 3 * MAX; i++)
		come(&st, 0, 1);
	assert_false(spread_owes(st.made, 1));
	come(&st, 0, 1);
	assert_true(spread_owes(st.made, 1));
	st.w[1] = *st.made;
	spread_join(&st.w[1], 1);
	take(&st, 1);
	assert_int_equal(st.has[1], 1);
	assert_false(spread_owes(st.made, 1));
	spread_free(st.made);
}

/* More than its socket takes: then they stay where they were accepted. */
static void
test_what_cannot_be_handed_over_is_kept(void **state)
{
	struct stage st = open_stage();
	uint64_t all = 0;
	int i;

	(void)state;
	for (i = 0; i < 3000; i++) {
		int fd = dup(0);

		if (spread_accepted(&st.w[0], 0, fd, MAX, st.now_ms))
			continue;
		close(fd);
		st.has[0]++;
	}
	for (i = 0; i < WORKERS; i++) {
		take(&st, (uint64_t)i);
		all += st.has[i];
		assert_false(spread_owes(st.made, (uint64_t)i));
	}
	assert_int_equal(all, 3000);
	spread_free(st.made);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_counts_stay_within_a_tenth),
	    cmocka_unit_test(test_a_new_worker_fills_up),
	    cmocka_unit_test(test_all_have_room_to_the_last_place),
	    cmocka_unit_test(test_a_worker_that_stands_still_is_passed_over),
	    cmocka_unit_test(test_a_worker_that_only_starts_is_the_last_resort),
	    cmocka_unit_test(test_what_cannot_be_handed_over_is_kept),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
