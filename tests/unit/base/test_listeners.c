/*
 * test_listeners.c - how many streams a topic has in the other workers: never
 * too few, and seldom too many.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fcgi/base/listeners.h"

enum {
	WORKERS = 3,
	TOPICS = 2000,
	SEED = 12345
};

static int
setup(void **state)
{
	*state = listeners_make(WORKERS, SEED);
	return *state == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	listeners_free(*state);
	return 0;
}

static void
count(struct listeners *all, uint64_t worker, const char *name, bool prefix,
    int more)
{
	listeners_count(all, worker, name, strlen(name), prefix, more);
}

static uint64_t
others(struct listeners *all, uint64_t worker, const char *name)
{
	return listeners_others(all, worker, name, strlen(name));
}

static void
test_only_the_others_are_counted(void **state)
{
	struct listeners *all = *state;

	count(all, 0, "a", false, 1);
	count(all, 1, "a", false, 1);
	count(all, 1, "a", false, 1);
	assert_int_equal(others(all, 0, "a"), 2);
	assert_int_equal(others(all, 1, "a"), 1);
	assert_int_equal(others(all, 2, "a"), 3);
	assert_int_equal(others(all, 2, "b"), 0);
	count(all, 1, "a", false, -1);
	assert_int_equal(others(all, 2, "a"), 2);
	listeners_forget(all, 0);
	assert_int_equal(others(all, 2, "a"), 1);
}

static void
test_a_prefix_counts_for_each_topic_under_it(void **state)
{
	struct listeners *all = *state;
	char name[LISTENERS_NAME];

	memset(name, 'x', sizeof(name));
	count(all, 0, "", true, 1);
	count(all, 1, "run/", true, 1);
	listeners_count(all, 1, name, sizeof(name), true, 1);
	assert_int_equal(others(all, 2, "run/7"), 2);
	assert_int_equal(others(all, 2, "run/"), 2);
	assert_int_equal(others(all, 2, "run"), 1);
	assert_int_equal(listeners_others(all, 2, name, sizeof(name)), 2);
	count(all, 1, "run/", true, -1);
	assert_int_equal(others(all, 2, "run/7"), 1);
}

static void
test_among_many_topics_few_get_too_many(void **state)
{
	struct listeners *all = *state;
	char name[32];
	int i, too_many = 0;

	for (i = 0; i < TOPICS; i++) {
		snprintf(name, sizeof(name), "run/%d", i);
		count(all, (uint64_t)i % 2, name, false, 1);
	}
	for (i = 0; i < TOPICS; i++) {
		snprintf(name, sizeof(name), "run/%d", i);
		assert_in_range(others(all, 2, name), 1, 3);
		too_many += others(all, 2, name) > 1;
		snprintf(name, sizeof(name), "other/%d", i);
		too_many += others(all, 2, name) > 0;
	}
	print_message("# %d of %d\n", too_many, 2 * TOPICS);
	assert_in_range(too_many, 0, 2 * TOPICS / 200);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		test_only_the_others_are_counted, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_a_prefix_counts_for_each_topic_under_it, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_among_many_topics_few_get_too_many, setup, teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("listeners", tests, NULL, NULL);
}
