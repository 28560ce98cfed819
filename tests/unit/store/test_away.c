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

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_is_still_written_is_left_alone),
	    cmocka_unit_test(test_it_has_no_places),
	    cmocka_unit_test(test_it_knows_nothing_and_says_so),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("away", tests, NULL, NULL);
}
