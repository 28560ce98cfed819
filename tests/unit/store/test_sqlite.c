/*
 * test_sqlite.c - readers of a SQLite log do not delay its publishers.
 */
#include "tests/unit/kit.h"

static bool
stop_at_two(void *arg, const struct store_event *ev)
{
	(void)ev;
	return ++*(int *)arg < 2;
}

/* A read that stopped in the middle must not block a checkpoint. */
static void
test_a_read_leaves_nothing_open(void **state)
{
	struct log *lg = *state;
	struct store_event ev = {.data = {"x", 1}};
	struct store_span span;
	sqlite3 *db;
	int in_log, done, n = 0, i;

	for (i = 0; i < 200; i++)
		assert_int_equal(store_append(lg->writer, &ev, 1), STORE_OK);
	assert_int_equal(store_read(lg->reader, (struct store_id){0, 0}, NULL,
			     0, 10, stop_at_two, &n, &span),
	    STORE_OK);
	assert_int_equal(n, 2);
	assert_int_equal(sqlite3_open(lg->path, &db), SQLITE_OK);
	sqlite3_exec(db, "SELECT 1 FROM events", NULL, NULL, NULL);
	assert_int_equal(sqlite3_wal_checkpoint_v2(db, NULL,
			     SQLITE_CHECKPOINT_TRUNCATE, &in_log, &done),
	    SQLITE_OK);
	assert_int_equal(in_log, 0);
	sqlite3_close(db);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_a_read_leaves_nothing_open,
		kit_setup_sqlite, kit_teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("sqlite", tests, NULL, NULL);
}
