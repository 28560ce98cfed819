/*
 * test_bytes.c - bytes that grow at one end and are used up at the other.
 */
#include <stdint.h>
#include <string.h>

#include "tests/unit/cm.h"

#include "fcgi/base/bytes.h"

static void
test_bytes_are_added_in_order(void **state)
{
	struct bytes b = {0};
	int i;

	(void)state;
	assert_int_equal(bytes_add(&b, "", 0), 0);
	assert_string_equal(b.s, "");
	for (i = 0; i < 1000; i++)
		assert_int_equal(bytes_add(&b, &"0123456789"[i % 10], 1), 0);
	assert_int_equal(b.len, 1000);
	assert_int_equal(strlen(b.s), 1000);
	for (i = 0; i < 1000; i++)
		assert_int_equal(b.s[i], '0' + i % 10);
	bytes_free(&b);
	assert_null(b.s);
	assert_int_equal(b.len + b.size, 0);
}

static void
test_bytes_there_is_room_for_what_was_asked_and_a_nul(void **state)
{
	const size_t sizes[] = {0, 1, 63, 64, 65, 127, 128, 4096, 100000};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct bytes b = {0};

		assert_int_equal(bytes_add(&b, "abc", 3), 0);
		assert_int_equal(bytes_room(&b, sizes[i]), 0);
		assert_true(b.size > b.len + sizes[i]);
		memset(b.s + b.len, 'x', sizes[i] + 1);
		assert_memory_equal(b.s, "abc", 3);
		bytes_free(&b);
	}
}

static void
test_bytes_that_are_used_make_place(void **state)
{
	struct bytes b = {0};

	(void)state;
	bytes_trim(&b);
	assert_null(b.s);
	assert_int_equal(bytes_add(&b, "GET rest", 8), 0);
	bytes_trim(&b);
	assert_string_equal(b.s, "GET rest");
	b.at = 4;
	bytes_trim(&b);
	assert_string_equal(b.s, "rest");
	assert_int_equal(b.at, 0);
	assert_int_equal(b.len, 4);
	assert_int_equal(bytes_add(&b, " more", 5), 0);
	assert_string_equal(b.s, "rest more");
	bytes_free(&b);
}

static void
test_bytes_keep_some_memory_when_empty(void **state)
{
	struct bytes b = {0};

	(void)state;
	assert_int_equal(bytes_room(&b, BYTES_KEEP / 2), 0);
	b.at = b.len = BYTES_KEEP / 2;
	bytes_trim(&b);
	assert_non_null(b.s);
	assert_int_equal(b.len, 0);
	assert_int_equal(bytes_room(&b, BYTES_KEEP), 0);
	b.len = 10;
	b.at = 9;
	bytes_trim(&b);
	assert_non_null(b.s);
	b.at = 1;
	bytes_trim(&b);
	assert_null(b.s);
	assert_int_equal(b.at + b.len + b.size, 0);
}

static void
test_bytes_without_memory_stay_as_they_are(void **state)
{
	struct bytes b = {0};

	(void)state;
	assert_int_equal(bytes_add(&b, "abc", 3), 0);
	assert_int_equal(bytes_room(&b, SIZE_MAX), -1);
	assert_int_equal(bytes_room(&b, SIZE_MAX / 2), -1);
	assert_string_equal(b.s, "abc");
	assert_int_equal(b.len, 3);
	bytes_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_bytes_are_added_in_order),
	    cmocka_unit_test(
		test_bytes_there_is_room_for_what_was_asked_and_a_nul),
	    cmocka_unit_test(test_bytes_that_are_used_make_place),
	    cmocka_unit_test(test_bytes_keep_some_memory_when_empty),
	    cmocka_unit_test(test_bytes_without_memory_stay_as_they_are),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("bytes", tests, NULL, NULL);
}
