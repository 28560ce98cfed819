/*
 * test_away.c - what stands in the place of a log that is away.
 */
#include "tests/unit/kit.h"

static void
append_to(const char *path)
{
	FILE *f = fopen(path, "ae");

	assert_non_null(f);
	fputs("x", f);
	fclose(f);
}

/* Somebody copies a log to its place, which takes a while. */
static void
test_what_is_still_written_is_left_alone(void **state)
{
	struct store *st = store_open_away("it is away");
	char dir[DIR_SIZE], path[DIR_SIZE + 20], wal[DIR_SIZE + 20];
	int i;

	(void)state;
	assert_int_equal(dir_make(dir), 0);
	snprintf(path, sizeof(path), "%s/events.db", dir);
	snprintf(wal, sizeof(wal), "%s/events.db-wal", dir);
	assert_true(store_away_rests(st, path)); /* nothing is there */
	append_to(path);
	assert_false(store_away_rests(st, path));
	append_to(wal);
	assert_false(store_away_rests(st, path));
	append_to(path);
	assert_false(store_away_rests(st, path));
	assert_true(store_away_rests(st, path));
	/* Not for ever: publishers write, too. */
	for (i = 0; i < 100; i++) {
		append_to(wal);
		if (store_away_rests(st, path))
			break;
	}
	assert_in_range(i, 1, 99);
	store_close(st);
	assert_int_equal(dir_remove(dir), 0);
}

static void
test_it_has_no_places(void **state)
{
	struct store *st = store_open_away("it is away");
	char buf[STORE_ID_SIZE];

	(void)state;
	store_place_print(st, (struct store_id){0, 41}, buf);
	assert_string_equal(buf, "41");
	store_close(st);
}

static void
note_revoked(void *arg, const struct store_revocation *rv)
{
	(void)rv;
	*(int *)arg = 1;
}

/* A token is not taken as one that nobody revoked. */
static void
test_it_knows_nothing_and_says_so(void **state)
{
	struct store *st = store_open_away("it is away");
	struct store_id id = {0, 7}, after = {0, 0};
	struct store_span span;
	int told = 0;

	(void)state;
	assert_int_equal(
	    store_read(st, after, NULL, 0, 1, NULL, NULL, &span), STORE_BUSY);
	assert_int_equal(store_news(st, &id), STORE_QUIET);
	assert_int_equal(
	    store_revocations(st, &after, 1, note_revoked, &told), STORE_BUSY);
	assert_int_equal(store_revoked(st, (struct store_text){"al", 2}, 0,
			     note_revoked, &told),
	    STORE_BUSY);
	assert_int_equal(told, 0);
	assert_string_equal(store_why(st), "it is away");
	store_close(st);
}

/* A read fails, and says why. */
static void
want_trouble(struct store *st)
{
	struct store_id id, after = {0, 0};
	struct store_span span;
	int i;

	for (i = 0; store_why(st)[0] == '\0'; i++) {
		assert_in_range(i, 0, WAIT_MS / 10);
		poll(NULL, 0, 10);
		store_news(st, &id);
		store_read(st, after, NULL, 0, 1, NULL, NULL, &span);
	}
}

/* The words may stand in the name of a log that is only away. */
static void
test_that_a_log_is_newer_is_no_matter_of_its_name(void **state)
{
	struct log lg = {.engine = NULL};
	char moved[DIR_SIZE + 20];
	struct store *st;

	(void)state;
	assert_int_equal(dir_make(lg.dir), 0);
	snprintf(moved, sizeof(moved), "%s/moved.db", lg.dir);
	sqlite_name(&lg, "made by a newer largesse");
	assert_int_equal(store_init(lg.path, NULL, lg.why, sizeof(lg.why)), 0);
	st = store_open(lg.path, STORE_READ, lg.why, sizeof(lg.why));
	assert_non_null(st);
	assert_int_equal(rename(lg.path, moved), 0);
	want_trouble(st);
	assert_non_null(strstr(store_why(st), "made by a newer largesse"));
	assert_false(store_is_newer(st));
	store_close(st);
	st = store_open(lg.path, STORE_READ, lg.why, sizeof(lg.why));
	assert_null(st);
	st = store_open_away(lg.why);
	assert_false(store_is_newer(st));
	store_close(st);
	assert_int_equal(dir_remove(lg.dir), 0);
}

static void
test_that_a_log_is_newer_is_known(void **state)
{
	struct log lg = {.engine = NULL};
	struct store *st;

	(void)state;
	assert_int_equal(dir_make(lg.dir), 0);
	sqlite_name(&lg, "events");
	assert_int_equal(store_init(lg.path, NULL, lg.why, sizeof(lg.why)), 0);
	st = store_open(lg.path, STORE_READ, lg.why, sizeof(lg.why));
	assert_non_null(st);
	assert_false(store_is_newer(st));
	sqlite_run(&lg, "UPDATE largesse SET value = 99 WHERE key = 'schema'");
	want_trouble(st);
	assert_true(store_is_newer(st));
	store_close(st);
	assert_null(store_open(lg.path, STORE_READ, lg.why, sizeof(lg.why)));
	st = store_open_away(lg.why);
	assert_true(store_is_newer(st));
	store_close(st);
	assert_int_equal(dir_remove(lg.dir), 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_is_still_written_is_left_alone),
	    cmocka_unit_test(test_it_has_no_places),
	    cmocka_unit_test(test_it_knows_nothing_and_says_so),
	    cmocka_unit_test(test_that_a_log_is_newer_is_no_matter_of_its_name),
	    cmocka_unit_test(test_that_a_log_is_newer_is_known),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("away", tests, NULL, NULL);
}
