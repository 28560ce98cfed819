/*
 * test_append.c - each event of a batch gets the id of its own row, whatever
 * statements add the rows and whatever triggers the log has.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "store/sqlite/sqlite.h"
#include "tests/unit/cm.h"
#include "tests/unit/dir.h"

enum {
	MOST = 400
};

struct stage {
	char dir[DIR_SIZE], path[160], why[512];
	struct store *log;
	sqlite3 *db; /* the connection of another program */
	char texts[MOST][24], uids[MOST][24];
	struct store_event events[MOST];
};

static int
setup(void **state)
{
	struct stage *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	assert_int_equal(dir_make(s->dir), 0);
	snprintf(s->path, sizeof(s->path), "%s/events.db", s->dir);
	assert_int_equal(store_init(s->path, NULL, s->why, sizeof(s->why)), 0);
	s->log = store_open(s->path, STORE_WRITE, s->why, sizeof(s->why));
	assert_non_null(s->log);
	assert_int_equal(sqlite3_open(s->path, &s->db), SQLITE_OK);
	sqlite3_busy_timeout(s->db, 5000);
	*state = s;
	return 0;
}

static int
teardown(void **state)
{
	struct stage *s = *state;
	int r;

	store_close(s->log);
	sqlite3_close(s->db);
	r = dir_remove(s->dir);
	free(s);
	return r;
}

static void
sql(struct stage *s, const char *text)
{
	if (sqlite3_exec(s->db, text, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", text, sqlite3_errmsg(s->db));
}

static int64_t
number(struct stage *s, const char *text)
{
	sqlite3_stmt *st;
	int64_t n;

	assert_int_equal(
	    sqlite3_prepare_v2(s->db, text, -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return n;
}

/* Makes n events from i on; one of every `uids` has a uid (0: none). */
static void
make(struct stage *s, size_t i, size_t n, size_t uids)
{
	for (; n > 0; n--, i++) {
		memset(&s->events[i], 0, sizeof(s->events[i]));
		snprintf(s->texts[i], sizeof(s->texts[i]), "text %zu", i);
		snprintf(s->uids[i], sizeof(s->uids[i]), "uid-%zu", i);
		s->events[i].topic = (struct store_text){"x", 1};
		s->events[i].data =
		    (struct store_text){s->texts[i], strlen(s->texts[i])};
		if (uids != 0 && i % uids == 0)
			s->events[i].uid =
			    (struct store_text){s->uids[i], strlen(s->uids[i])};
		s->events[i].id = (struct store_id){9, 9};
	}
}

/* Each event has a row with its text, its topic and its uid. */
static void
want_rows(struct stage *s, size_t i, size_t n)
{
	const struct store_event *ev;
	char text[256];

	for (; n > 0; n--, i++) {
		ev = &s->events[i];
		assert_int_equal(ev->id.hi, 0);
		sqlite3_snprintf(sizeof(text), text,
		    "SELECT count(*) FROM events WHERE id = %lld AND"
		    " topic = 'x' AND data = %Q AND uid IS %Q AND time > 1e12",
		    (long long)ev->id.lo, s->texts[i], ev->uid.s);
		if (number(s, text) != 1)
			fail_msg("event %zu is not at its id: %s", i, text);
	}
}

static void
append(struct stage *s, size_t i, size_t n)
{
	assert_int_equal(store_append(s->log, &s->events[i], n), STORE_OK);
	want_rows(s, i, n);
}

static void
test_batches_of_every_size(void **state)
{
	struct stage *s = *state;
	size_t n, all = 0;

	for (n = 1; n <= 100; n += n < 40 ? 1 : 13) {
		make(s, 0, n, 0);
		append(s, 0, n);
		all += n;
		assert_int_equal(s->events[n - 1].id.lo, all);
	}
	assert_int_equal(number(s, "SELECT count(*) FROM events"), all);
}

static void
test_uids_here_and_there(void **state)
{
	static const size_t steps[] = {1, 2, 5, 16, 17, 18, 33, 64};
	struct stage *s = *state;
	size_t i, j;

	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		sql(s, "DELETE FROM events");
		make(s, 0, 200, steps[i]);
		append(s, 0, 200);
		/*
		 * Append them again: those with a uid are repeated, the others
		 * are new.
		 */
		for (j = 0; j < 200; j++)
			s->events[j].id = (struct store_id){9, 9};
		append(s, 0, 200);
		for (j = 0; j < 200; j++)
			assert_int_equal(
			    s->events[j].repeated, s->events[j].uid.s != NULL);
	}
}

/* A trigger makes a second event of each event, so ids have gaps. */
static void
test_a_trigger_that_adds_rows(void **state)
{
	struct stage *s = *state;

	make(s, 0, 100, 0);
	append(s, 0, 100);
	sql(s, "CREATE TRIGGER t AFTER INSERT ON events WHEN NEW.topic = 'x'"
	       " BEGIN INSERT INTO events(topic, data) VALUES('y', NEW.data);"
	       " END");
	append(s, 0, 100);
	append(s, 0, 50);
	assert_int_equal(number(s, "SELECT count(*) FROM events"), 400);
	assert_int_equal(
	    number(s, "SELECT count(*) FROM events WHERE topic = 'y'"), 150);
}

/* The trigger fires in the middle of a statement and of a group. */
static void
test_a_trigger_that_adds_a_row_now_and_then(void **state)
{
	struct stage *s = *state;
	struct store_batch b[4];
	size_t i;

	sql(s, "CREATE TRIGGER t AFTER INSERT ON events"
	       " WHEN NEW.data IN ('text 27', 'text 139', 'text 240')"
	       " BEGIN INSERT INTO events(topic) VALUES('y'); END");
	make(s, 0, 400, 0);
	for (i = 0; i < 4; i++)
		b[i] = (struct store_batch){
		    .events = &s->events[100 * i], .n = 100};
	store_append_all(s->log, b, 4);
	for (i = 0; i < 4; i++)
		assert_int_equal(b[i].result, STORE_OK);
	want_rows(s, 0, 400);
	assert_int_equal(number(s, "SELECT count(*) FROM events"), 403);
}

/* The events of one group are not side by side in memory. */
static void
test_batches_from_anywhere(void **state)
{
	struct stage *s = *state;
	struct store_batch b[3];
	size_t i;

	make(s, 0, 90, 0);
	for (i = 0; i < 3; i++)
		b[i] = (struct store_batch){
		    .events = &s->events[30 * (2 - i)], .n = 30};
	store_append_all(s->log, b, 3);
	for (i = 0; i < 3; i++) {
		assert_int_equal(b[i].result, STORE_OK);
		assert_int_equal(b[i].events[0].id.lo, 1 + 30 * i);
	}
	want_rows(s, 0, 90);
}

/* Two publishers use the same uid: one event is written, both are told. */
static void
test_a_uid_twice_in_a_group(void **state)
{
	struct stage *s = *state;
	struct store_batch b[40];
	size_t i;

	make(s, 0, 40, 0);
	s->events[3].uid = s->events[30].uid = (struct store_text){"u", 1};
	for (i = 0; i < 40; i++)
		b[i] = (struct store_batch){.events = &s->events[i], .n = 1};
	store_append_all(s->log, b, 40);
	for (i = 0; i < 40; i++) {
		assert_int_equal(b[i].result, STORE_OK);
		assert_int_equal(s->events[i].repeated, i == 30);
	}
	assert_int_equal(s->events[30].id.lo, s->events[3].id.lo);
	assert_int_equal(number(s, "SELECT count(*) FROM events"), 39);
}

/* A batch that a trigger refuses is refused whole; the others are written. */
static void
test_a_trigger_that_refuses(void **state)
{
	static const char *const how[] = {"ABORT", "FAIL", "ROLLBACK"};
	struct stage *s = *state;
	struct store_batch b[3];
	char text[256];
	size_t i, j;

	for (j = 0; j < sizeof(how) / sizeof(how[0]); j++) {
		snprintf(text, sizeof(text),
		    "DELETE FROM events; DROP TRIGGER IF EXISTS t;"
		    "CREATE TRIGGER t BEFORE INSERT ON events"
		    " WHEN NEW.data = 'text 150'"
		    " BEGIN SELECT RAISE(%s, 'not this one'); END",
		    how[j]);
		sql(s, text);
		make(s, 0, 300, 0);
		for (i = 0; i < 3; i++)
			b[i] = (struct store_batch){
			    .events = &s->events[100 * i], .n = 100};
		store_append_all(s->log, b, 3);
		assert_int_equal(b[0].result, STORE_OK);
		assert_int_equal(b[1].result, STORE_REFUSED);
		assert_non_null(strstr(b[1].why, "not this one"));
		assert_int_equal(b[2].result, STORE_OK);
		want_rows(s, 0, 100);
		want_rows(s, 200, 100);
		assert_int_equal(number(s, "SELECT count(*) FROM events"), 200);
		assert_int_equal(
		    store_append(s->log, &s->events[100], 100), STORE_REFUSED);
		assert_int_equal(number(s, "SELECT count(*) FROM events"), 200);
	}
}

static void
test_only_so_many_are_kept(void **state)
{
	struct stage *s = *state;
	struct store_keep keep = {.rows = 50, .age_ms = 0};
	int i;

	assert_int_equal(store_init(s->path, &keep, s->why, sizeof(s->why)), 0);
	make(s, 0, 400, 0);
	for (i = 0; i < 5; i++)
		assert_int_equal(
		    store_append(s->log, s->events, 400), STORE_OK);
	assert_int_equal(s->events[399].id.lo, 2000);
	assert_int_equal(s->events[0].id.lo, 1601);
	want_rows(s, 360, 40);
	assert_true(number(s, "SELECT count(*) FROM events") < 200);
}

/* SQLite says READONLY when the transaction is to begin. */
static void
test_a_log_that_became_read_only_is_an_error(void **state)
{
	struct stage *s = *state;
	struct store_event ev = {.topic = {"main", 4}, .data = {"x", 1}};
	struct store_batch batch = {.events = &ev, .n = 1};

	assert_int_equal(sqlite3_exec(sqlite_of(s->log)->db,
			     "PRAGMA query_only = 1", NULL, NULL, NULL),
	    SQLITE_OK);
	store_append_all(s->log, &batch, 1);
	assert_int_equal(batch.result, STORE_ERROR);
	assert_int_equal(store_append(s->log, &ev, 1), STORE_ERROR);
	assert_string_equal(store_why(s->log), batch.why);
	assert_non_null(strstr(batch.why, "readonly"));
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(test_batches_of_every_size),
	    T(test_a_log_that_became_read_only_is_an_error),
	    T(test_uids_here_and_there),
	    T(test_a_trigger_that_adds_rows),
	    T(test_a_trigger_that_adds_a_row_now_and_then),
	    T(test_batches_from_anywhere),
	    T(test_a_uid_twice_in_a_group),
	    T(test_a_trigger_that_refuses),
	    T(test_only_so_many_are_kept),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
