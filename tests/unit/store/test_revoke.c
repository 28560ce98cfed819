/*
 * test_revoke.c - which revocations the store reports, on each engine.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sqlite3.h>

#include "store/store.h"
#include "tests/unit/cm.h"
#include "tests/unit/dir.h"

struct place {
	char dir[DIR_SIZE], path[160];
	struct store *store;
	struct store_id after;
	char told[1024]; /* topic/subject, a blank after each */
};

static void
run(struct place *pl, const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(pl->path, &db), SQLITE_OK);
	sqlite3_busy_timeout(db, 5000);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	sqlite3_close(db);
}

static int
setup(void **state)
{
	struct place *pl = calloc(1, sizeof(*pl));
	char why[512];

	if (pl == NULL || dir_make(pl->dir) == -1)
		return -1;
	snprintf(pl->path, sizeof(pl->path), "%s/events.db", pl->dir);
	assert_int_equal(store_init(pl->path, NULL, why, sizeof(why)), 0);
	pl->store = store_open(pl->path, STORE_READ, why, sizeof(why));
	assert_non_null(pl->store);
	*state = pl;
	return 0;
}

static int
teardown(void **state)
{
	struct place *pl = *state;
	int r;

	store_close(pl->store);
	r = dir_remove(pl->dir);
	free(pl);
	return r;
}

static void
tell(void *arg, const struct store_revocation *rv)
{
	struct place *pl = arg;
	size_t len = strlen(pl->told);

	snprintf(pl->told + len, sizeof(pl->told) - len, "%.*s/%.*s ",
	    rv->topic.s ? (int)rv->topic.len : 1,
	    rv->topic.s ? rv->topic.s : "-",
	    rv->subject.s ? (int)rv->subject.len : 1,
	    rv->subject.s ? rv->subject.s : "-");
}

static void
want_more(struct place *pl, size_t limit, const char *want)
{
	pl->told[0] = '\0';
	assert_int_equal(
	    store_revocations(pl->store, &pl->after, limit, tell, pl),
	    STORE_OK);
	assert_string_equal(pl->told, want);
}

static void
want_of(
    struct place *pl, const char *subject, int64_t issued_ms, const char *want)
{
	pl->told[0] = '\0';
	assert_int_equal(store_revoked(pl->store,
			     (struct store_text){subject, strlen(subject)},
			     issued_ms, tell, pl),
	    STORE_OK);
	assert_string_equal(pl->told, want);
}

static void
test_revocations_come_once_and_in_order(void **state)
{
	struct place *pl = *state;

	want_more(pl, 10, "");
	run(pl, "INSERT INTO largesse_revoke(topic) VALUES('news')");
	want_more(pl, 10, "news/- ");
	want_more(pl, 10, "");
	run(pl, "INSERT INTO largesse_revoke(subject) VALUES('al');"
		"INSERT INTO largesse_revoke(topic, subject)"
		" VALUES('chat/*', 'bo')");
	want_more(pl, 10, "-/al chat/*/bo ");
	want_more(pl, 10, "");
}

static void
test_revocations_in_parts(void **state)
{
	struct place *pl = *state;

	run(pl, "INSERT INTO largesse_revoke(topic)"
		" VALUES('a'), ('b'), ('c'), ('d'), ('e')");
	want_more(pl, 2, "a/- b/- ");
	assert_true(store_revocations_after(pl->store, pl->after));
	want_more(pl, 2, "c/- d/- ");
	want_more(pl, 2, "e/- ");
	assert_false(store_revocations_after(pl->store, pl->after));
}

static void
test_revocations_from_now(void **state)
{
	struct place *pl = *state;

	run(pl, "INSERT INTO largesse_revoke(topic) VALUES('old')");
	assert_int_equal(
	    store_revocations(pl->store, &pl->after, 0, NULL, NULL), STORE_OK);
	want_more(pl, 10, "");
	run(pl, "INSERT INTO largesse_revoke(topic) VALUES('new')");
	want_more(pl, 10, "new/- ");
}

static void
test_revocations_that_were_deleted_are_done(void **state)
{
	struct place *pl = *state;

	run(pl, "INSERT INTO largesse_revoke(topic) VALUES('a'), ('b');"
		"DELETE FROM largesse_revoke");
	want_more(pl, 10, "");
	assert_false(store_revocations_after(pl->store, pl->after));
	run(pl, "INSERT INTO largesse_revoke(topic) VALUES('c')");
	want_more(pl, 10, "c/- ");
}

/* After any read of the log it is known that there are revocations. */
static void
test_revocations_are_known_of_after_a_read(void **state)
{
	struct place *pl = *state;
	struct store_seek head = {.from = STORE_FROM_HEAD};
	struct store_id id;

	run(pl, "INSERT INTO largesse_revoke(topic) VALUES('a')");
	assert_int_equal(store_seek(pl->store, &head, &id), STORE_OK);
	assert_true(store_revocations_after(pl->store, pl->after));
}

static void
test_revoked_by_time(void **state)
{
	struct place *pl = *state;

	want_of(pl, "al", 0, "");
	run(pl, "INSERT INTO largesse_revoke(subject, time)"
		" VALUES('al', 2000500);"
		"INSERT INTO largesse_revoke(subject, topic, time)"
		" VALUES('al', 'x', 5000)");
	want_of(pl, "al", 0, "-/al x/al ");
	want_of(pl, "al", 2000000, "-/al ");
	want_of(pl, "al", 2000500, "-/al ");
	want_of(pl, "al", 2000501, "");
	want_of(pl, "al ", 0, "");
	want_of(pl, "AL", 0, "");
}

static void
test_revoked_now_is_after_what_was_given_out(void **state)
{
	struct place *pl = *state;
	int64_t issued = time(NULL);

	run(pl, "INSERT INTO largesse_revoke(subject) VALUES('al')");
	want_of(pl, "al", issued * 1000, "-/al ");
	want_of(pl, "al", ((int64_t)time(NULL) + 2) * 1000, "");
}

/* An older largesse made this log: it has no such table. */
static void
test_revoked_without_the_table(void **state)
{
	struct place *pl = *state;
	char why[512];

	run(pl, "DROP TABLE largesse_revoke");
	want_more(pl, 10, "");
	want_of(pl, "al", 0, "");
	assert_int_equal(store_init(pl->path, NULL, why, sizeof(why)), 0);
	run(pl, "INSERT INTO largesse_revoke(subject) VALUES('al')");
	want_more(pl, 10, "-/al ");
	want_of(pl, "al", 0, "-/al ");
}

static void
test_revoking_nothing_is_refused(void **state)
{
	struct place *pl = *state;
	sqlite3 *db;

	assert_int_equal(sqlite3_open(pl->path, &db), SQLITE_OK);
	assert_int_equal(
	    sqlite3_exec(db, "INSERT INTO largesse_revoke DEFAULT VALUES", NULL,
		NULL, NULL),
	    SQLITE_CONSTRAINT);
	sqlite3_close(db);
}

static void
test_init_refuses_another_table_of_this_name(void **state)
{
	struct place *pl = *state;
	char why[512];

	run(pl, "DROP TABLE largesse_revoke;"
		"CREATE TABLE largesse_revoke(id INTEGER, topic TEXT)");
	assert_int_equal(store_init(pl->path, NULL, why, sizeof(why)), -1);
	assert_non_null(strstr(why, "largesse_revoke has no column subject"));
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(test_revocations_come_once_and_in_order),
	    T(test_revocations_in_parts),
	    T(test_revocations_from_now),
	    T(test_revocations_that_were_deleted_are_done),
	    T(test_revocations_are_known_of_after_a_read),
	    T(test_revoked_by_time),
	    T(test_revoked_now_is_after_what_was_given_out),
	    T(test_revoked_without_the_table),
	    T(test_revoking_nothing_is_refused),
	    T(test_init_refuses_another_table_of_this_name),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("revoke", tests, NULL, NULL);
}
