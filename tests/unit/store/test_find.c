/*
 * test_find.c - does a client that comes back with an id or a uid get what it
 * has missed, or is it told that it missed something?  On SQLite, where a
 * publisher may change rows as it likes.
 */
#include <sys/stat.h>

#include "tests/unit/kit.h"

#include "store/clock.h"

/* The log is what it was before this: five rows, each with a uid. */
static void
fill(const struct log *lg)
{
	sqlite_run(lg,
	    "DELETE FROM events; DELETE FROM sqlite_sequence;"
	    "DELETE FROM largesse_uids;"
	    "UPDATE largesse SET value = 0 WHERE key GLOB 'pruned*';"
	    "INSERT INTO events(topic, uid) VALUES('a', 'u-a'),"
	    " ('a', 'u-b'), ('b', 'u-c'), ('b', 'u-d'), ('a', NULL)");
}

static enum store_result
seek_uid(struct log *lg, const char *uid, const struct store_topic *t, size_t n,
    struct store_id *id)
{
	return kit_seek(lg,
	    (struct store_seek){.from = STORE_FROM_UID,
		.uid = {uid, strlen(uid)},
		.topics = t,
		.n = n},
	    id);
}

static void
want_uid(struct log *lg, const char *after, const char *uid,
    enum store_result want, uint64_t place)
{
	struct store_id id;
	enum store_result r;

	store_close(lg->reader);
	lg->reader = store_open(lg->path, STORE_READ, lg->why, sizeof(lg->why));
	assert_non_null(lg->reader);
	r = seek_uid(lg, uid, NULL, 0, &id);
	if (r != want || id.lo != place)
		fail_msg("after %s: %s: result %d, place %d", after, uid,
		    (int)r, (int)id.lo);
}

/* A client that has u-b has seen it at 2 or at its new place: who knows? */
static void
test_a_uid_that_moved_is_unknown(void **state)
{
	static const char *const moves[] = {
	    "INSERT OR REPLACE INTO events(uid) VALUES('u-b')",
	    "PRAGMA recursive_triggers = ON;"
	    "INSERT OR REPLACE INTO events(uid) VALUES('u-b')",
	    "INSERT OR IGNORE INTO events(uid) VALUES('u-b');"
	    "REPLACE INTO events(uid) VALUES('u-b')",
	    "REPLACE INTO events(uid) VALUES('u-b');"
	    "INSERT OR IGNORE INTO events(uid) VALUES('u-b')",
	    "REPLACE INTO events(uid) VALUES('u-b');"
	    "REPLACE INTO events(uid) VALUES('u-b')",
	    "REPLACE INTO events(id, uid) VALUES(99, 'u-b')",
	    "DELETE FROM events WHERE uid = 'u-b';"
	    "INSERT INTO events(uid) VALUES('u-b')",
	    "DELETE FROM events WHERE id <= 2;"
	    "INSERT OR IGNORE INTO events(uid) VALUES('u-b')",
	    "UPDATE events SET uid = NULL WHERE uid = 'u-b';"
	    "INSERT INTO events(uid) VALUES('u-b')",
	    "UPDATE events SET uid = 't' WHERE uid = 'u-b';"
	    "UPDATE events SET uid = 'u-b' WHERE uid = 'u-d';"
	    "UPDATE events SET uid = 'u-d' WHERE uid = 't'",
	    "UPDATE OR REPLACE events SET uid = 'u-b' WHERE id = 5",
	    "UPDATE events SET id = 77 WHERE uid = 'u-b';"
	    "INSERT INTO events(id) VALUES(99)",
	    "PRAGMA trusted_schema = OFF; PRAGMA legacy_alter_table = ON;"
	    "REPLACE INTO events(uid) VALUES('u-b')"};
	struct log *lg = *state;
	size_t i;

	for (i = 0; i < sizeof(moves) / sizeof(moves[0]); i++) {
		fill(lg);
		want_uid(lg, "nothing", "u-b", STORE_OK, 2);
		sqlite_run(lg, moves[i]);
		want_uid(lg, moves[i], "u-b", STORE_UNKNOWN,
		    (uint64_t)kit_number(lg, "SELECT max(id) FROM events"));
		want_uid(lg, moves[i], "u-c", STORE_OK, 3);
	}
}

static void
test_a_uid_that_stays_is_found(void **state)
{
	static const char *const stays[] = {
	    "INSERT OR IGNORE INTO events(uid) VALUES('u-b')",
	    "INSERT INTO events(uid) VALUES('u-b')"
	    " ON CONFLICT(uid) WHERE uid IS NOT NULL DO NOTHING",
	    "INSERT INTO events(uid, data) VALUES('u-b', 'x')"
	    " ON CONFLICT(uid) WHERE uid IS NOT NULL"
	    " DO UPDATE SET data = excluded.data",
	    "REPLACE INTO events(id, uid, data) VALUES(2, 'u-b', 'x')",
	    "UPDATE events SET data = 'x', topic = 'b', uid = uid",
	    "UPDATE OR IGNORE events SET uid = 'u-b' WHERE id = 5",
	    "BEGIN; REPLACE INTO events(uid) VALUES('u-b'); ROLLBACK"};
	struct log *lg = *state;
	size_t i;

	for (i = 0; i < sizeof(stays) / sizeof(stays[0]); i++) {
		fill(lg);
		sqlite_run(lg, stays[i]);
		want_uid(lg, stays[i], "u-b", STORE_OK, 2);
	}
}

/* What is noted of uids goes with the rows. */
static void
test_notes_of_uids_are_few(void **state)
{
	struct store_keep keep = {.rows = 10, .age_ms = 0};
	struct log *lg = *state;

	assert_int_equal(
	    store_init(lg->path, &keep, lg->why, sizeof(lg->why)), 0);
	sqlite_run(lg, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1"
		       " FROM n WHERE i < 500)"
		       " INSERT OR IGNORE INTO events(uid)"
		       " SELECT 'u-' || (i / 2) FROM n");
	sqlite_run(lg, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1"
		       " FROM n WHERE i < 500)"
		       " INSERT OR REPLACE INTO events(uid)"
		       " SELECT 'r-' || (i / 2) FROM n");
	sqlite_run(
	    lg, "INSERT INTO events(uid) VALUES(NULL), (NULL), (NULL), ('z')");
	assert_in_range(
	    kit_number(lg, "SELECT count(*) FROM largesse_uids"), 0, 12);
}

/* Nobody learns of a uid whose event he may not have. */
static void
test_a_foreign_uid_is_unknown(void **state)
{
	struct store_topic a = {"a", 1, false}, b = {"b", 1, false},
			   all = {"", 0, true}, ab[2] = {a, b};
	struct log *lg = *state;
	struct store_id id;

	fill(lg);
	assert_int_equal(seek_uid(lg, "u-c", &a, 1, &id), STORE_UNKNOWN);
	assert_int_equal(id.lo, 5);
	assert_int_equal(seek_uid(lg, "none", &a, 1, &id), STORE_UNKNOWN);
	assert_int_equal(id.lo, 5);
	assert_int_equal(seek_uid(lg, "u-c", &b, 1, &id), STORE_OK);
	assert_int_equal(id.lo, 3);
	assert_int_equal(seek_uid(lg, "u-c", ab, 2, &id), STORE_OK);
	assert_int_equal(seek_uid(lg, "u-c", &all, 1, &id), STORE_OK);
	assert_int_equal(seek_uid(lg, "u-c", NULL, 0, &id), STORE_OK);
}

static void
want_id(struct log *lg, uint64_t want, enum store_result result)
{
	struct store_id id;
	enum store_result r;

	store_close(lg->reader);
	lg->reader = store_open(lg->path, STORE_READ, lg->why, sizeof(lg->why));
	assert_non_null(lg->reader);
	r = kit_seek(lg,
	    (struct store_seek){
		.from = STORE_FROM_ID, .id = {0, want}, .named = true},
	    &id);
	if (r != result)
		fail_msg("%d: result %d", (int)want, (int)r);
}

/* Waits until the clock that stamps rows shows another millisecond. */
static void
next_ms(void)
{
	int64_t now = clock_wall_ms();

	while (clock_wall_ms() <= now + 1)
		usleep(100);
}

static void
test_ids_of_a_life_before(void **state)
{
	struct log *lg = *state;

	fill(lg);
	next_ms();
	sqlite_run(lg, "DELETE FROM events; DELETE FROM sqlite_sequence");
	next_ms();
	sqlite_run(
	    lg, "INSERT INTO events(data) VALUES(1), (2), (3), (4), (5), (6)");
	want_id(lg, 5, STORE_UNKNOWN);
	want_id(lg, 3, STORE_UNKNOWN);
	want_id(lg, 6, STORE_OK);
	fill(lg);
	next_ms();
	sqlite_run(lg,
	    "DELETE FROM events WHERE id > 3;"
	    "UPDATE sqlite_sequence SET seq = 0 WHERE name = 'events'");
	next_ms();
	sqlite_run(lg, "INSERT INTO events(data) VALUES(4), (5), (6)");
	want_id(lg, 3, STORE_GONE);
	want_id(lg, 4, STORE_UNKNOWN);
	want_id(lg, 5, STORE_UNKNOWN);
	want_id(lg, 6, STORE_OK);
}

/* Rows that were removed from the middle are no loss to who had them. */
static void
test_ids_of_this_life(void **state)
{
	struct log *lg = *state;

	fill(lg);
	next_ms();
	sqlite_run(lg, "DELETE FROM events WHERE id IN (2, 5)");
	next_ms();
	sqlite_run(lg, "INSERT INTO events(data) VALUES(6), (7)");
	want_id(lg, 1, STORE_GONE);
	want_id(lg, 3, STORE_GONE);
	want_id(lg, 5, STORE_OK);
	want_id(lg, 6, STORE_OK);
	sqlite_run(lg, "DELETE FROM events WHERE id < 4");
	want_id(lg, 1, STORE_GONE);
	want_id(lg, 4, STORE_GONE);
	want_id(lg, 5, STORE_OK);
	want_id(lg, 8, STORE_UNKNOWN);
}

/* Takes what the log has to say till it has seen the newest row. */
static void
want_no_other_log(struct log *lg, const char *after)
{
	struct store_seek head = {.from = STORE_FROM_HEAD};
	struct store_id id, at;
	uint64_t newest =
	    (uint64_t)kit_number(lg, "SELECT max(id) FROM events");

	do {
		if (kit_turn(lg, &at) == STORE_REPLACED)
			fail_msg("another log after: %s", after);
	} while (kit_seek(lg, head, &id) != STORE_OK || id.lo < newest);
	assert_int_equal(id.lo, newest);
}

static bool
take(void *arg, const struct store_event *ev)
{
	(void)arg;
	(void)ev;
	return true;
}

static void
read_all(struct log *lg)
{
	struct store_span span = {{0, 0}, false};

	while (!span.at_end)
		assert_int_equal(
		    kit_read(lg, span.upto, NULL, 0, 100, take, NULL, &span),
		    STORE_OK);
}

static void
test_an_edit_is_no_other_log(void **state)
{
	static const char *const edits[] = {"data = 'two'", "event = 'x'",
	    "topic = 'other'", "data = '', topic = 'b', event = NULL",
	    "data = x'00'"};
	struct log *lg = *state;
	size_t i;

	fill(lg);
	store_close(lg->reader);
	lg->reader = store_open(lg->path, STORE_READ, lg->why, sizeof(lg->why));
	for (i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		char sql[200];

		read_all(lg);
		snprintf(sql, sizeof(sql),
		    "UPDATE events SET %s WHERE id ="
		    " (SELECT max(id) FROM events)",
		    edits[i]);
		sqlite_run(lg, sql);
		sqlite_run(lg, "INSERT INTO events(uid) VALUES(NULL)");
		want_no_other_log(lg, sql);
	}
}

/* What SQLite says of the sequence is believed no further than the rows. */
static void
test_a_sequence_that_says_too_little(void **state)
{
	static const char *const losses[] = {"DELETE FROM sqlite_sequence",
	    "UPDATE sqlite_sequence SET seq = 1",
	    "BEGIN; CREATE TABLE n(id INTEGER PRIMARY KEY,"
	    " topic TEXT NOT NULL DEFAULT 'main', event TEXT,"
	    " data TEXT NOT NULL DEFAULT '', uid TEXT,"
	    " time INTEGER NOT NULL DEFAULT 1700000000000);"
	    "INSERT INTO n SELECT * FROM events; DROP TABLE events;"
	    "ALTER TABLE n RENAME TO events; COMMIT"};
	struct log *lg = *state;
	size_t i;

	for (i = 0; i < sizeof(losses) / sizeof(losses[0]); i++) {
		fill(lg);
		store_close(lg->reader);
		lg->reader =
		    store_open(lg->path, STORE_READ, lg->why, sizeof(lg->why));
		read_all(lg);
		sqlite_run(lg, losses[i]);
		want_no_other_log(lg, losses[i]);
		sqlite_run(lg, "INSERT INTO events(data) VALUES('more')");
		want_no_other_log(lg, losses[i]);
		assert_int_equal(store_warning(lg->reader) != NULL, i == 2);
		assert_null(store_warning(lg->reader));
	}
	assert_int_equal(
	    store_init(lg->path, NULL, lg->why, sizeof(lg->why)), 0);
	assert_non_null(strstr(lg->why, "AUTOINCREMENT"));
}

#define T(name) \
	cmocka_unit_test_setup_teardown(name, kit_setup_sqlite, kit_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_a_uid_that_moved_is_unknown),
	    T(test_a_uid_that_stays_is_found),
	    T(test_notes_of_uids_are_few),
	    T(test_a_foreign_uid_is_unknown),
	    T(test_ids_of_a_life_before),
	    T(test_ids_of_this_life),
	    T(test_an_edit_is_no_other_log),
	    T(test_a_sequence_that_says_too_little),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
