/*
 * test_sqlite.c - readers of a SQLite log do not delay its publishers, and a
 * publisher that closes the log sends no reader away.
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

/* --- a log that is locked for a moment ---------------------------------- */

/* Whoever has the log to itself, until somebody waits for it. */
static struct {
	sqlite3 *holder;
	int waits;
	int (*sleep)(sqlite3_vfs *, int);
} alone;

static int
let_in(sqlite3_vfs *vfs, int us)
{
	alone.waits++;
	sqlite3_close(alone.holder);
	alone.holder = NULL;
	return alone.sleep(vfs, us);
}

static int
wait_in_vain(sqlite3_vfs *vfs, int us)
{
	alone.waits++;
	return alone.sleep(vfs, us);
}

/* As the last connection does when it closes; and what SQLite does to wait. */
static void
hold_alone(struct log *lg, int (*wait)(sqlite3_vfs *, int))
{
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);

	store_close(lg->reader);
	store_close(lg->writer);
	lg->reader = lg->writer = NULL;
	alone.waits = 0;
	alone.sleep = vfs->xSleep;
	assert_int_equal(sqlite3_open(lg->path, &alone.holder), SQLITE_OK);
	assert_int_equal(
	    sqlite3_exec(alone.holder,
		"PRAGMA locking_mode = EXCLUSIVE;"
		"INSERT INTO events(data) VALUES(printf('%.9999c', 'x'))",
		NULL, NULL, NULL),
	    SQLITE_OK);
	vfs->xSleep = wait;
}

static void
sleep_as_before(void)
{
	sqlite3_vfs_find(NULL)->xSleep = alone.sleep;
}

static void
test_a_reader_that_opens_the_log_waits_for_a_lock(void **state)
{
	struct log *lg = *state;
	struct store_seek head = {.from = STORE_FROM_HEAD};
	struct store_id id;

	hold_alone(lg, let_in);
	lg->reader = store_open(lg->path, STORE_READ, lg->why, sizeof(lg->why));
	sleep_as_before();
	assert_non_null(lg->reader);
	assert_int_equal(alone.waits, 1);
	assert_int_equal(kit_seek(lg, head, &id), STORE_OK);
	assert_int_equal(id.lo, 1);
}

/* What the other wrote back to the log is not taken for the work of cp. */
static void
test_a_log_that_was_written_back_meanwhile_stays_open(void **state)
{
	struct log *lg = *state;
	struct store_seek head = {.from = STORE_FROM_HEAD};
	struct store_id id;
	int turns;

	hold_alone(lg, let_in);
	lg->reader = store_open(lg->path, STORE_READ, lg->why, sizeof(lg->why));
	sleep_as_before();
	assert_non_null(lg->reader);
	for (turns = 0; turns < 3;
	     turns++) { /* the second looks at the files */
		kit_turn(lg, &id);
		assert_int_equal(kit_seek(lg, head, &id), STORE_OK);
	}
}

/* By then there is a loop, and whoever waits in it delays all others. */
static void
test_a_reader_that_is_open_waits_for_no_lock(void **state)
{
	struct log *lg = *state;
	struct store_seek head = {.from = STORE_FROM_HEAD};
	struct store_id id;
	int waits;

	hold_alone(lg, wait_in_vain);
	lg->reader = store_open_within(
	    lg->path, STORE_READ, 5, lg->why, sizeof(lg->why));
	assert_non_null(lg->reader);
	waits = alone.waits;
	assert_int_not_equal(waits, 0);
	assert_int_equal(kit_turn(lg, &id), STORE_QUIET);
	assert_int_equal(kit_seek(lg, head, &id), STORE_BUSY);
	assert_int_equal(alone.waits, waits);
	sleep_as_before();
	sqlite3_close(alone.holder);
	while (kit_seek(lg, head, &id) == STORE_BUSY)
		kit_turn(lg, &id);
	assert_true(store_healthy(lg->reader));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_a_read_leaves_nothing_open,
		kit_setup_sqlite, kit_teardown),
	    cmocka_unit_test_setup_teardown(
		test_a_reader_that_opens_the_log_waits_for_a_lock,
		kit_setup_sqlite, kit_teardown),
	    cmocka_unit_test_setup_teardown(
		test_a_log_that_was_written_back_meanwhile_stays_open,
		kit_setup_sqlite, kit_teardown),
	    cmocka_unit_test_setup_teardown(
		test_a_reader_that_is_open_waits_for_no_lock, kit_setup_sqlite,
		kit_teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("sqlite", tests, NULL, NULL);
}
