/*
 * test_sqlite_head.c - the head of a SQLite log is an id that a row has or had,
 * not the number that the next row will not get.
 */
#include "tests/unit/kit.h"

static bool
take_id(void *arg, const struct store_event *ev)
{
	*(uint64_t *)arg = ev->id.lo;
	return true;
}

static void
append_uid(struct log *lg, const char *uid)
{
	struct store_event ev = {.data = {"x", 1}, .uid = {uid, strlen(uid)}};

	assert_int_equal(store_append(lg->writer, &ev, 1), STORE_OK);
}

/*
 * A uid that is there already takes a number, which no row gets.  A copy from
 * before has that number still to give.
 */
static void
test_a_number_that_no_row_has_is_no_place(void **state)
{
	struct log *lg = *state;
	struct store_seek head = {.from = STORE_FROM_HEAD};
	struct store_id place, id;
	struct store_span span;
	char copy[310];
	uint64_t got = 0;
	int turns = 0;

	snprintf(copy, sizeof(copy), "%s.copy", lg->path);
	append_uid(lg, "one");
	append_uid(lg, "two");
	sqlite_run(lg, "VACUUM INTO %Q", copy);
	append_uid(lg, "two");
	kit_reopen(lg, 0);
	assert_int_equal(kit_seek(lg, head, &place), STORE_OK);
	assert_int_equal(place.lo, 2);
	store_close(lg->writer);
	lg->writer = NULL;
	sqlite_replace(lg, copy);
	sqlite_run(lg, "INSERT INTO events(data) VALUES('three')");
	while (got == 0) {
		assert_true(++turns < 1000);
		if (kit_turn(lg, &id) == STORE_REPLACED)
			place = id;
		if (store_read(lg->reader, place, NULL, 0, 1, take_id, &got,
			&span) != STORE_OK)
			got = 0;
	}
	assert_int_equal(got, 3);
}

/* The place that a client was told by a program before this one. */
static void
test_such_a_number_is_understood(void **state)
{
	struct log *lg = *state;
	struct store_seek seek = {.from = STORE_FROM_ID, .id.lo = 3};
	struct store_id place;

	append_uid(lg, "one");
	append_uid(lg, "two");
	append_uid(lg, "two");
	kit_reopen(lg, 0);
	assert_int_equal(kit_seek(lg, seek, &place), STORE_OK);
	assert_int_equal(place.lo, 2);
	seek.id.lo = 4;
	assert_int_equal(kit_seek(lg, seek, &place), STORE_UNKNOWN);
	sqlite_run(lg, "DELETE FROM events");
	kit_reopen(lg, 0);
	seek.id.lo = 2;
	assert_int_equal(kit_seek(lg, seek, &place), STORE_OK);
	assert_int_equal(place.lo, 2);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		test_a_number_that_no_row_has_is_no_place, kit_setup_sqlite,
		kit_teardown),
	    cmocka_unit_test_setup_teardown(test_such_a_number_is_understood,
		kit_setup_sqlite, kit_teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
