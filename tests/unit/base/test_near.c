/*
 * test_near.c - which word was meant.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fcgi/base/near.h"

static const char *
meant(const char *typed)
{
	static const char *const words[] = {"init", "serve", "publish", "tail",
	    "keep-age", "keep-rows", "topic", "topic-column"};
	struct near near = {.typed = typed};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		near_try(&near, words[i]);
	return near.word != NULL ? near.word : "none";
}

static void
test_near_is_a_slip_of_the_fingers(void **state)
{
	(void)state;
	assert_string_equal(meant("srve"), "serve");
	assert_string_equal(meant("servee"), "serve");
	assert_string_equal(meant("sarve"), "serve");
	assert_string_equal(meant("esrve"), "serve");
	assert_string_equal(meant("publihs"), "publish");
	assert_string_equal(meant("keepage"), "keep-age");
	assert_string_equal(meant("keep_rows"), "keep-rows");
	assert_string_equal(meant("topics"), "topic");
	assert_string_equal(meant("int"), "init");
}

static void
test_near_is_a_beginning(void **state)
{
	(void)state;
	assert_string_equal(meant("pub"), "publish");
	assert_string_equal(meant("topic-"), "topic");
	assert_string_equal(meant("topic-c"), "topic-column");
}

static void
test_near_guesses_nothing_far_off(void **state)
{
	char wide[4096];

	(void)state;
	memset(wide, 's', sizeof(wide));
	wide[sizeof(wide) - 1] = '\0';
	assert_string_equal(meant("subscribe"), "none");
	assert_string_equal(meant(""), "none");
	assert_string_equal(meant("x"), "none");
	assert_string_equal(meant("to"), "none");
	assert_string_equal(meant("start"), "none");
	assert_string_equal(meant(wide), "none");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_near_is_a_slip_of_the_fingers),
	    cmocka_unit_test(test_near_is_a_beginning),
	    cmocka_unit_test(test_near_guesses_nothing_far_off),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("near", tests, NULL, NULL);
}
